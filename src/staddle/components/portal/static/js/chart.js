// A line chart in SVG: axes with units and time, a crosshair with values, drag to zoom, a legend that isolates series.

import { h, s } from "./dom.js";
import { clock, quantity } from "./format.js";

const LEFT = 62;
const RIGHT = 14;
const TOP = 10;
const BOTTOM = 26;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000];

/** About `count` round values from `low` to `high`. Bytes get powers of two, times get minutes and hours. */
export function ticks(low, high, count, unit) {
  const span = high - low || 1;
  const rough = span / count;
  let step;
  if (unit === "seconds" && rough >= 1) step = STEPS.find((x) => x >= rough) ?? rough;
  else {
    const base = unit === "bytes" && rough >= 1 ? 1024 ** Math.floor(Math.log(rough) / Math.log(1024)) : 10 ** Math.floor(Math.log10(rough));
    const factors = unit === "bytes" ? [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] : [1, 2, 2.5, 5, 10];
    step = base * (factors.find((f) => f * base >= rough * 0.999) ?? factors.at(-1));
  }
  const first = Math.ceil(low / step - 1e-9);
  const found = [];
  for (let i = first; i * step <= high + step * 1e-9 && found.length < 30; i += 1) found.push(i * step);
  return found;
}

/** Times that people count by, on local midnights and hours. */
export function timeTicks(start, end, count) {
  const step = STEPS.find((x) => x >= (end - start) / count) ?? STEPS.at(-1);
  const offset = new Date(start * 1000).getTimezoneOffset() * 60;
  const found = [];
  for (let t = Math.ceil((start - offset) / step) * step + offset; t <= end; t += step) found.push(t);
  const text = (t) => {
    if (step >= 86400) return clock(t * 1000).slice(5, 10);
    const short = clock(t * 1000, { date: false, seconds: step < 60 });
    return end - start > 86400 ? `${clock(t * 1000).slice(5, 10)} ${short}` : short;
  };
  return found.map((t) => [t, text(t)]);
}

/** The visible range of values, with some air, from zero if zero is near. */
function extent(series) {
  let low = Infinity;
  let high = -Infinity;
  for (const one of series) for (const [, v] of one.points) {
    if (!Number.isFinite(v)) continue;
    if (v < low) low = v;
    if (v > high) high = v;
  }
  if (low > high) return [0, 1];
  if (low === high) return low === 0 ? [0, 1] : low > 0 ? [0, low * 1.25] : [low * 1.25, 0];
  if (low > 0 && low < (high - low) * 1.5) low = 0;
  if (high < 0 && -high < (high - low) * 1.5) high = 0;
  const air = (high - low) * 0.06;
  return [low === 0 ? 0 : low - air, high === 0 ? 0 : high + air];
}

/** Points of one series nearest to a time, found by halving. Null if none is within one and a half steps. */
function at(points, time, step) {
  let [a, b] = [0, points.length - 1];
  while (a < b) {
    const m = (a + b) >> 1;
    if (points[m][0] < time) a = m + 1;
    else b = m;
  }
  const near = a > 0 && time - points[a - 1][0] < (points[a]?.[0] ?? Infinity) - time ? a - 1 : a;
  return points[near] && Math.abs(points[near][0] - time) <= step * 1.5 ? points[near] : null;
}

/**
 * One chart for one answer. `series`: [{name, points: [[seconds, value], …], color}], sorted; `onzoom(start, end)` is told
 * what was dragged over. `hidden` is a Set of names that the caller keeps.
 */
export class Chart {
  constructor({ series, start, end, step, unit, onzoom, hidden }) {
    Object.assign(this, { series, start, end, step, unit, onzoom, hidden });
    this.svg = s("svg", { role: "img", tabindex: "0" });
    this.tip = h("div", { class: "tip", hidden: true });
    this.root = h("div", { class: "chart" }, this.svg, this.tip);
    this.cursor = null;
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.svg);
    this.listen();
  }

  close() {
    this.observer.disconnect();
  }

  x(t) {
    return LEFT + ((t - this.start) / (this.end - this.start || 1)) * (this.width - LEFT - RIGHT);
  }

  y(v) {
    return this.height - BOTTOM - ((v - this.low) / (this.high - this.low)) * (this.height - TOP - BOTTOM);
  }

  shown() {
    return this.series.filter((one) => !this.hidden.has(one.name));
  }

  draw() {
    ({ clientWidth: this.width, clientHeight: this.height } = this.svg);
    if (this.width < 50) return;
    const shown = this.shown();
    [this.low, this.high] = extent(shown);
    const axes = [];
    for (const v of ticks(this.low, this.high, Math.max(2, this.height / 56), this.unit)) {
      const y = Math.round(this.y(v)) + 0.5;
      axes.push(s("line", { class: "grid", x1: LEFT, x2: this.width - RIGHT, y1: y, y2: y }), s("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, quantity(v, this.unit)));
    }
    for (const [t, text] of timeTicks(this.start, this.end, Math.max(2, (this.width - LEFT) / 105))) {
      const x = Math.round(this.x(t)) + 0.5;
      axes.push(s("line", { class: "grid", x1: x, x2: x, y1: TOP, y2: this.height - BOTTOM }), s("text", { x, y: this.height - 8, "text-anchor": x > this.width - 40 ? "end" : "middle" }, text));
    }
    const base = this.height - BOTTOM + 0.5;
    axes.push(s("line", { class: "axis", x1: LEFT, x2: this.width - RIGHT, y1: base, y2: base }));
    this.lines = shown.map((one) => s("path", { class: `line s${one.color}`, d: this.path(one.points) }));
    this.over = s("g");
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.svg.setAttribute("aria-label", `Line chart of ${shown.length} series from ${clock(this.start * 1000)} to ${clock(this.end * 1000)}. Arrow keys move the crosshair.`);
    this.svg.replaceChildren(...axes, ...this.lines, this.over);
    this.point(this.cursor);
  }

  /** A gap in the data is a gap in the line; a lonely point is drawn as a short dash. */
  path(points) {
    let d = "";
    let last = -Infinity;
    points.forEach(([t, v], i) => {
      if (!Number.isFinite(v)) {
        last = -Infinity;
        return;
      }
      const [x, y] = [this.x(t).toFixed(1), this.y(v).toFixed(1)];
      const joined = t - last <= this.step * 1.5;
      const next = points[i + 1];
      d += `${joined ? "L" : "M"}${x} ${y}`;
      if (!joined && !(next && next[0] - t <= this.step * 1.5)) d += "h2";
      last = t;
    });
    return d;
  }

  listen() {
    let drag = null;
    const time = (event) => {
      const box = this.svg.getBoundingClientRect();
      const part = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
      return this.start + Math.min(1, Math.max(0, part)) * (this.end - this.start);
    };
    this.svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return;
      drag = time(event);
      this.svg.setPointerCapture(event.pointerId);
    });
    this.svg.addEventListener("pointermove", (event) => {
      this.point(time(event), event.clientY - this.svg.getBoundingClientRect().top);
      if (drag !== null) this.pick(drag, time(event));
    });
    this.svg.addEventListener("pointerup", (event) => {
      if (drag === null) return;
      const [a, b] = [drag, time(event)].sort((p, q) => p - q);
      drag = null;
      this.svg.querySelector(".pick")?.remove();
      if (this.x(b) - this.x(a) > 8) this.onzoom(a, b);
    });
    this.svg.addEventListener("pointerleave", () => this.point(null));
    this.svg.addEventListener("blur", () => this.point(null));
    this.svg.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!way) return;
      event.preventDefault();
      const now = this.cursor ?? this.end;
      this.point(Math.min(this.end, Math.max(this.start, now + way * this.step * (event.shiftKey ? 10 : 1))));
    });
  }

  pick(a, b) {
    this.svg.querySelector(".pick")?.remove();
    const [from, to] = [this.x(a), this.x(b)].sort((p, q) => p - q);
    this.svg.append(s("rect", { class: "pick", x: from, width: to - from, y: TOP, height: this.height - TOP - BOTTOM }));
  }

  /** Put the crosshair at a time; `y` (pixels) tells which series is meant. */
  point(time, y = null) {
    this.cursor = time;
    this.tip.hidden = time === null;
    if (!this.over) return;
    this.over.replaceChildren();
    if (time === null) return;
    const snapped = this.start + Math.round((time - this.start) / this.step) * this.step;
    const x = this.x(snapped);
    const found = this.shown().map((one) => ({ one, point: at(one.points, snapped, this.step) })).filter(({ point }) => point && Number.isFinite(point[1]));
    const distance = ({ point }) => Math.abs(this.y(point[1]) - y);
    const near = y === null || found.length === 0 ? null : found.reduce((a, b) => (distance(b) < distance(a) ? b : a));
    found.sort((a, b) => b.point[1] - a.point[1]);
    const listed = found.slice(0, 12);
    if (near && !listed.includes(near)) listed.splice(11, 1, near);
    this.over.append(s("line", { class: "cross", x1: x, x2: x, y1: TOP, y2: this.height - BOTTOM }),
      ...listed.map(({ one, point }) => s("circle", { class: `mark s${one.color}`, cx: this.x(point[0]), cy: this.y(point[1]), r: 4 })));
    this.tip.replaceChildren(h("div", { class: "when" }, clock(snapped * 1000)),
      h("ul", null, listed.map((entry) => h("li", { class: entry === near ? `near s${entry.one.color}` : `s${entry.one.color}` },
        h("span", { class: "swatch" }), h("span", { class: "name" }, entry.one.name), h("span", null, quantity(entry.point[1], this.unit))))),
      found.length > listed.length ? h("div", { class: "muted" }, `and ${found.length - listed.length} more`) : "",
      found.length === 0 ? "no data" : "");
    const { offsetWidth, offsetHeight } = this.tip;
    const left = x + 18 + offsetWidth > this.width ? x - offsetWidth - 10 : x + 22;
    this.tip.style.left = `${Math.max(4, left)}px`;
    this.tip.style.top = `${Math.max(4, Math.min(this.height - offsetHeight, (y ?? 60) - offsetHeight / 2))}px`;
  }
}

/** The legend: last, smallest, mean and largest value of each series; a click shows it alone, with Ctrl it is left out. */
export function legend(chart) {
  const rows = chart.series.map((one) => {
    const values = one.points.map(([, v]) => v).filter(Number.isFinite);
    const stat = values.length === 0 ? [NaN, NaN, NaN, NaN]
      : [values.at(-1), values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => a + b, 0) / values.length, values.reduce((a, b) => Math.max(a, b))];
    const button = h("button", { type: "button", title: "Click: only this one. Ctrl-click: leave it out." }, h("span", { class: "swatch" }), one.name);
    const row = h("tr", { class: `s${one.color}` }, h("th", { scope: "row" }, button), stat.map((v) => h("td", { class: "num nowrap" }, values.length ? quantity(v, chart.unit) : "–")));
    button.addEventListener("click", (event) => {
      const others = chart.series.filter((o) => o !== one).map((o) => o.name);
      const alone = !chart.hidden.has(one.name) && others.every((name) => chart.hidden.has(name));
      if (event.ctrlKey || event.metaKey) {
        if (!chart.hidden.delete(one.name)) chart.hidden.add(one.name);
      } else {
        chart.hidden.clear();
        if (!alone) others.forEach((name) => chart.hidden.add(name));
      }
      mark();
      chart.draw();
    });
    row.addEventListener("pointerenter", () => dim(one));
    row.addEventListener("pointerleave", () => dim(null));
    return { one, row, button };
  });
  const dim = (one) => {
    const shown = chart.shown();
    chart.lines?.forEach((line, i) => line.classList.toggle("dim", one !== null && shown.includes(one) && shown[i] !== one));
  };
  const mark = () => rows.forEach(({ one, row, button }) => {
    row.classList.toggle("off", chart.hidden.has(one.name));
    button.setAttribute("aria-pressed", String(!chart.hidden.has(one.name)));
  });
  mark();
  return h("div", { class: "legend", tabindex: "-1" }, h("table", null,
    h("thead", null, h("tr", null, ["Series", "Last", "Min", "Mean", "Max"].map((t, i) => h("th", { scope: "col", class: i ? "num" : null }, t)))),
    h("tbody", null, rows.map(({ row }) => row))));
}
