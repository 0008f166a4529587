// Rows over time as stacked bars: drag to zoom, hover for numbers, a legend that filters.

import { ticks, timeTicks } from "./chart.js";
import { h, s } from "./dom.js";
import { clock, duration, quantity } from "./format.js";

const LEFT = 46;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 22;

export class Histogram {
  /** `onzoom(start, end)`: a range was dragged over or a bar was picked. */
  constructor(onzoom) {
    this.onzoom = onzoom;
    this.data = null;
    this.svg = s("svg", { role: "img", tabindex: "0" });
    this.tip = h("div", { class: "tip", hidden: true });
    this.root = h("div", { class: "chart bars" }, this.svg, this.tip);
    new ResizeObserver(() => this.draw()).observe(this.svg);
    this.listen();
  }

  /** `data`: {start, end, step (s), series: [{name, css, counts: Map(bucket start → n)}], covered: [from, to] or null}. */
  show(data) {
    this.data = data;
    this.draw();
  }

  x(t) {
    const { start, end } = this.data;
    return LEFT + ((Math.min(end, Math.max(start, t)) - start) / (end - start || 1)) * (this.width - LEFT - RIGHT);
  }

  draw() {
    if (!this.data) return;
    const { start, end, step, series, covered } = this.data;
    ({ clientWidth: this.width, clientHeight: this.height } = this.svg);
    if (this.width < 50) return;
    this.buckets = [...new Set(series.flatMap(({ counts }) => [...counts.keys()]))].sort((a, b) => a - b);
    const sums = new Map(this.buckets.map((t) => [t, series.reduce((sum, { counts }) => sum + (counts.get(t) ?? 0), 0)]));
    const high = Math.max(1, ...sums.values()) * 1.04;
    const base = this.height - BOTTOM;
    const y = (v) => base - (v / high) * (base - TOP);
    const parts = [];
    for (const v of ticks(0, high, 4, "").filter((t) => t > 0 && Number.isInteger(t))) {
      const at = Math.round(y(v)) + 0.5;
      parts.push(s("line", { class: "grid", x1: LEFT, x2: this.width - RIGHT, y1: at, y2: at }), s("text", { x: LEFT - 7, y: at + 4, "text-anchor": "end" }, quantity(v)));
    }
    for (const [t, text] of timeTicks(start, end, Math.max(2, (this.width - LEFT) / 110))) {
      const x = this.x(t);
      if (x > LEFT + 14 && x < this.width - 30) parts.push(s("text", { x, y: this.height - 6, "text-anchor": "middle" }, text));
    }
    for (const t of this.buckets) {
      const [a, b] = [this.x(t), this.x(t + step)];
      const gap = b - a > 4 ? 1 : 0;
      let sum = 0;
      for (const { counts, css } of series) {
        const n = counts.get(t) ?? 0;
        if (n === 0) continue;
        // What happened must be seen, however little of it there is.
        const [from, to] = [y(sum), Math.min(y(sum + n), y(sum) - (sum === 0 ? 1.5 : 0.5))];
        parts.push(s("rect", { class: css, x: a, width: Math.max(1, b - a - gap), y: to, height: from - to }));
        sum += n;
      }
    }
    parts.push(s("line", { class: "axis", x1: LEFT, x2: this.width - RIGHT, y1: base + 0.5, y2: base + 0.5 }));
    if (covered) parts.push(s("rect", { class: "covered", x: this.x(covered[0]), width: Math.max(2, this.x(covered[1]) - this.x(covered[0])), y: base + 1, height: 3 }));
    this.over = s("g");
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.svg.setAttribute("aria-label", `Rows over time from ${clock(start * 1000)} to ${clock(end * 1000)}. Arrow keys move, Enter zooms in.`);
    this.svg.replaceChildren(...parts, this.over);
    this.point(null);
  }

  listen() {
    let drag = null;
    const time = (event) => {
      const box = this.svg.getBoundingClientRect();
      const part = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
      return this.data.start + Math.min(1, Math.max(0, part)) * (this.data.end - this.data.start);
    };
    this.svg.addEventListener("pointerdown", (event) => {
      if (!this.data || event.button !== 0 || event.pointerType === "touch") return;
      drag = time(event);
      this.svg.setPointerCapture(event.pointerId);
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (!this.data) return;
      this.point(time(event), drag);
    });
    this.svg.addEventListener("pointerup", (event) => {
      if (drag === null) return;
      const [a, b] = [drag, time(event)].sort((p, q) => p - q);
      drag = null;
      if (this.x(b) - this.x(a) > 6) this.onzoom(a, b);
      else this.pick();
    });
    this.svg.addEventListener("pointerleave", () => drag === null && this.point(null));
    this.svg.addEventListener("blur", () => this.point(null));
    this.svg.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Enter") this.pick();
      else if (event.key === "Escape") this.point(null);
      else if (way) this.point(Math.min(this.data.end - 1e-3, Math.max(this.data.start, (this.cursor ?? (way > 0 ? this.data.start - this.data.step : this.data.end)) + way * this.data.step)));
      else return;
      event.preventDefault();
    });
  }

  /** Zoom into the bar under the cursor. */
  pick() {
    const { step } = this.data;
    if (this.cursor === null) return;
    const from = Math.floor(this.cursor / step) * step;
    if (this.buckets.includes(from)) this.onzoom(from, from + step);
  }

  point(time, from = null) {
    this.cursor = time;
    this.over?.replaceChildren();
    this.tip.hidden = time === null;
    if (time === null || !this.data) return;
    const { step, series } = this.data;
    const bucket = Math.floor(time / step) * step;
    const base = this.height - BOTTOM;
    const [a, b] = from === null ? [this.x(bucket), this.x(bucket + step)] : [this.x(from), this.x(time)].sort((p, q) => p - q);
    this.over.append(s("rect", { class: "pick", x: a, width: Math.max(1, b - a), y: TOP - 4, height: base - TOP + 4 }));
    const found = series.map((one) => ({ one, n: one.counts.get(bucket) ?? 0 })).filter(({ n }) => n > 0);
    const sum = found.reduce((all, { n }) => all + n, 0);
    const range = from === null ? `${clock(bucket * 1000)} + ${duration(step)}` : `${clock(Math.min(from, time) * 1000)} – ${clock(Math.max(from, time) * 1000)}`;
    this.tip.replaceChildren(h("div", { class: "when" }, range),
      from === null && h("ul", null, found.map(({ one, n }) => h("li", { class: one.css }, h("span", { class: "swatch" }), h("span", { class: "name" }, one.name), h("span", null, n.toLocaleString("en")))),
        found.length !== 1 && h("li", { class: "sum" }, h("span"), h("span", null, sum ? "all" : "no rows"), h("span", null, sum ? sum.toLocaleString("en") : ""))) || "Release to zoom in");
    const { offsetWidth } = this.tip;
    const left = b + 14 + offsetWidth > this.width ? a - offsetWidth - 10 : b + 14;
    this.tip.style.left = `${Math.max(4, left)}px`;
    this.tip.style.top = `${TOP}px`;
  }
}
