// What a search found: a scatter of durations over time, and the list.

import { h, icon, s } from "./dom.js";
import { number, plural } from "./counts.js";
import { clock, duration } from "./format.js";

const WIDTH = 1000;
const HEIGHT = 150;
const LEFT = 58;
const BOTTOM = 22;

const took = (us) => duration(us / 1e6);

/** Ticks of a logarithmic scale: powers of ten between two durations (µs). */
function powers(low, high) {
  const found = [];
  for (let n = Math.floor(Math.log10(low)); n <= Math.ceil(Math.log10(high)); n += 1) found.push(10 ** n);
  return found;
}

/** A dot per trace: when, how long, how many spans. `open(trace)` is called for a click. */
export function scatter(traces, { start, end }, open) {
  const longest = Math.max(...traces.map((t) => Math.max(t.duration, 1)));
  const shortest = Math.min(...traces.map((t) => Math.max(t.duration, 1)));
  const [low, high] = [Math.log10(shortest) - 0.15, Math.log10(longest) + 0.2];
  const [from, to] = [Math.min(start * 1e6, ...traces.map((t) => t.start)), Math.max(end * 1e6, ...traces.map((t) => t.start))];
  // With all of them in a small part of the range, the rest of it would only be empty.
  const first = Math.min(...traces.map((t) => t.start));
  const last = Math.max(...traces.map((t) => t.start));
  const narrow = (last - first) < 0.25 * (to - from) && traces.length > 1;
  const [a, b] = narrow ? [first - (last - first) * 0.03 - 1, last + (last - first) * 0.03 + 1] : [from, to];
  const x = (us) => LEFT + ((us - a) / (b - a || 1)) * (WIDTH - LEFT - 14);
  const y = (us) => 8 + (1 - (Math.log10(Math.max(us, 1)) - low) / (high - low || 1)) * (HEIGHT - BOTTOM - 12);
  const most = Math.max(...traces.map((t) => t.spans.length));
  const lines = powers(shortest, longest).filter((v) => Math.log10(v) > low && Math.log10(v) < high);
  const shown = lines.length > 0 ? lines : [longest];
  const stamps = [0, 1, 2, 3, 4].map((i) => a + ((b - a) * i) / 4);
  const long = b - a > 86_400e6;
  return h("div", { class: "chart scatter" }, s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `Durations of ${plural(traces.length, "trace")}, from ${took(shortest)} to ${took(longest)}` },
    shown.map((v) => s("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y(v), y2: y(v) })),
    s("line", { class: "axis", x1: LEFT, x2: WIDTH, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM })),
  h("div", { class: "scatter-over" },
    shown.map((v) => place(h("span", { class: "tick-y" }, took(v)), 0, y(v) / HEIGHT)),
    stamps.map((t, i) => place(h("span", { class: "tick-x", "data-end": i === 4 ? "" : i === 0 ? "first" : null }, clock(t / 1000, { date: long, seconds: !long && b - a < 3600e6 })), x(t) / WIDTH, 1)),
    traces.map((t) => {
      const text = `${t.root.service}: ${t.root.name}, ${took(t.duration)}, ${plural(t.spans.length, "span")}${t.errors ? `, ${plural(t.errors, "error")}` : ""}`;
      const dot = place(h("button", { type: "button", class: `spot${t.errors ? " failed" : ""}`, title: text, "aria-label": text, tabindex: "-1", onclick: () => open(t) }), x(t.start) / WIDTH, y(t.duration) / HEIGHT);
      dot.style.setProperty("--size", `${(8 + 10 * Math.sqrt(t.spans.length / most)).toFixed(1)}px`);
      return dot;
    })));
}

function place(element, x, y) {
  element.style.left = `${(100 * x).toFixed(2)}%`;
  element.style.top = `${(100 * y).toFixed(2)}%`;
  return element;
}

const ORDERS = [["newest", "Newest first"], ["longest", "Longest first"], ["shortest", "Shortest first"], ["spans", "Most spans first"], ["errors", "Most errors first"]];
const RANK = { newest: (t) => -t.start, longest: (t) => -t.duration, shortest: (t) => t.duration, spans: (t) => -t.spans.length, errors: (t) => -t.errors };

/** The list, with its order. `href(trace)` is where a row leads. */
export function list(traces, { colour, href, order, reorder }) {
  const longest = Math.max(...traces.map((t) => t.duration));
  const errors = traces.filter((t) => t.errors > 0).length;
  const rows = [...traces].sort((a, b) => RANK[order](a) - RANK[order](b) || b.start - a.start);
  return h("section", { class: "panel found", "aria-label": "Traces" },
    h("div", { class: "panel-head" }, h("h2", null, plural(traces.length, "trace")), errors > 0 && h("span", { class: "badge", "data-tone": "bad" }, `${number(errors)} with errors`), h("span", { class: "grow" }),
      h("label", { class: "vh", for: "order" }, "Order"), h("select", { id: "order", onchange: (event) => reorder(event.target.value) }, ORDERS.map(([id, text]) => h("option", { value: id, selected: id === order }, text)))),
    h("ol", { class: "found-list" }, rows.map((t) => h("li", null, row(t, longest, colour, href)))));
}

function row(t, longest, colour, href) {
  const bar = h("span", { class: "took-bar", "aria-hidden": "true" });
  bar.style.width = `${Math.max(0.6, (100 * t.duration) / longest).toFixed(2)}%`;
  const services = [...t.services].sort(([, a], [, b]) => b.spans - a.spans);
  return h("a", { class: "found-row", href: href(t) },
    bar,
    h("span", { class: "found-name" }, h("b", null, t.root.service), " ", h("span", null, t.root.name), t.root.lost && h("span", { class: "badge", "data-tone": "warn", title: "The span that all this belongs to was not sent, or not yet" }, "no root")),
    h("span", { class: "found-took mono" }, took(t.duration)),
    h("span", { class: "found-more" },
      h("span", { class: "mono muted found-id" }, t.id.slice(0, 7)),
      h("span", { class: "muted" }, plural(t.spans.length, "span")),
      t.errors > 0 && h("span", { class: "badge", "data-tone": "bad" }, icon("alert"), plural(t.errors, "error")),
      h("span", { class: "found-services" }, services.slice(0, 8).map(([name, { spans }]) => h("span", { class: `svc ${colour(name)}` }, name, h("span", { class: "muted" }, ` ${spans}`))), services.length > 8 && h("span", { class: "muted small" }, `and ${services.length - 8} more`)),
      h("time", { class: "muted found-when", datetime: new Date(t.start / 1000).toISOString() }, clock(t.start / 1000))));
}
