// A list of any length that scrolls with the page: only what is in sight exists as elements. Heights may differ; they
// are measured when a row is first seen, and what is being read stays where it is while others change.

import { h } from "./dom.js";

// Browsers can't place anything much further down than this (pixels).
const DEEPEST = 15_000_000;
const AIR = 500;

/** Sums over a prefix of numbers that change, in logarithmic time (a Fenwick tree). */
export class Sums {
  constructor(values) {
    this.size = values.length;
    this.tree = new Float64Array(this.size + 1);
    for (let i = 1; i <= this.size; i += 1) {
      this.tree[i] += values[i - 1];
      const above = i + (i & -i);
      if (above <= this.size) this.tree[above] += this.tree[i];
    }
  }

  add(index, change) {
    for (let i = index + 1; i <= this.size; i += i & -i) this.tree[i] += change;
  }

  /** The sum of the first `count`. */
  before(count) {
    let sum = 0;
    for (let i = count; i > 0; i -= i & -i) sum += this.tree[i];
    return sum;
  }

  /** The index of the row that covers the offset `y`. */
  find(y) {
    let place = 0;
    let rest = y;
    for (let bit = 1 << Math.floor(Math.log2(this.size || 1)); bit > 0; bit >>= 1) {
      if (place + bit <= this.size && this.tree[place + bit] <= rest) {
        place += bit;
        rest -= this.tree[place];
      }
    }
    return Math.min(place, Math.max(0, this.size - 1));
  }
}

export class VirtualList {
  /** `draw(item, index)` gives an item's element; `covered()` is how many pixels at the top of the window hide the list. */
  constructor({ draw, covered = () => 0, label }) {
    this.root = h("div", { class: "vlist", role: "grid", tabindex: "0", "aria-label": label });
    Object.assign(this, { draw, covered });
    this.items = [];
    this.drawn = new Map();
    this.forget();
    this.set([]);
    const soon = () => {
      this.frame ??= requestAnimationFrame(() => {
        this.frame = null;
        this.render();
      });
    };
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon);
    let width = 0;
    new ResizeObserver(([entry]) => {
      if (entry.contentRect.width === width) return;
      width = entry.contentRect.width;
      this.forget();
      this.set(this.items);
    }).observe(this.root);
  }

  /** All heights are unknown again: rows are drawn in another way. */
  forget() {
    this.known = new WeakMap();
    this.estimate = 24;
    this.calibrated = false;
  }

  /** Show these items. Those that were shown before keep their elements unless `redraw`. */
  set(items, { redraw = true } = {}) {
    this.items = items;
    if (redraw) {
      for (const element of this.drawn.values()) element.remove();
      this.drawn.clear();
    }
    this.sum();
    this.root.setAttribute("aria-rowcount", items.length);
    this.render();
  }

  sum() {
    this.heights = new Float32Array(this.items.length);
    let total = 0;
    let count = 0;
    for (; count < this.items.length && total < DEEPEST; count += 1) {
      this.heights[count] = this.known.get(this.items[count]) ?? this.estimate;
      total += this.heights[count];
    }
    /** How many items can be shown at all. */
    this.count = count;
    this.sums = new Sums(this.heights.subarray(0, count));
  }

  /** Draw an item anew, because it changed. */
  refresh(item) {
    const element = this.drawn.get(item);
    if (!element) return;
    element.remove();
    this.drawn.delete(item);
    this.render();
  }

  render() {
    for (let turn = 0; turn < 4; turn += 1) if (!this.pass()) return;
  }

  /** Draw what is in sight, measure it; true if something had another height than thought. */
  pass() {
    this.root.style.height = `${Math.max(1, this.sums.before(this.count))}px`;
    const top = this.root.getBoundingClientRect().top;
    const wanted = new Set();
    const places = [];
    if (this.count > 0) {
      const from = Math.max(0, -top - AIR);
      const to = innerHeight - top + AIR;
      let index = this.sums.find(from);
      for (let y = this.sums.before(index); index < this.count && y < to; index += 1) {
        wanted.add(this.items[index]);
        places.push({ index, y });
        y += this.heights[index];
      }
    }
    for (const [item, element] of this.drawn) if (!wanted.has(item)) {
      element.remove();
      this.drawn.delete(item);
    }
    let next = this.root.firstElementChild;
    for (const { index, y } of places) {
      const item = this.items[index];
      let element = this.drawn.get(item);
      if (!element) {
        element = this.draw(item, index);
        this.drawn.set(item, element);
      }
      element.setAttribute("aria-rowindex", index + 1);
      element.style.transform = `translateY(${y}px)`;
      if (element === next) next = next.nextElementSibling;
      else this.root.insertBefore(element, next);
    }
    return this.measure(places, top);
  }

  measure(places, top) {
    const seen = this.covered() - top;
    const all = places.map((place) => ({ ...place, height: this.drawn.get(this.items[place.index]).offsetHeight }));
    if (all.length > 0 && !this.calibrated) {
      this.calibrated = true;
      const sorted = all.map(({ height }) => height).sort((a, b) => a - b);
      const usual = sorted[sorted.length >> 1];
      for (const { index, height } of all) this.known.set(this.items[index], height);
      if (usual > 0 && usual !== this.estimate) {
        this.estimate = usual;
        this.sum();
        return true;
      }
    }
    let changed = false;
    let shift = 0;
    for (const { index, y, height } of all) {
      this.known.set(this.items[index], height);
      const change = height - this.heights[index];
      if (Math.abs(change) < 0.5) continue;
      changed = true;
      this.sums.add(index, change);
      if (y + this.heights[index] <= seen) shift += change;
      this.heights[index] = height;
    }
    if (shift !== 0) scrollBy(0, shift);
    return changed;
  }

  /** Bring an item into sight. */
  reveal(index) {
    if (index < 0 || index >= this.count) return;
    const top = this.root.getBoundingClientRect().top;
    const [from, to] = [top + this.sums.before(index), top + this.sums.before(index + 1)];
    if (from < this.covered()) scrollBy(0, from - this.covered() - 4);
    else if (to > innerHeight) scrollBy(0, Math.min(to - innerHeight + 4, from - this.covered() - 4));
    this.render();
  }
}
