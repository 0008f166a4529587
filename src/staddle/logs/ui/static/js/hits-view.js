// The panel with rows over time: asks for them, colours them by a field, says what a bar is.

import { h } from "./dom.js";
import { duration } from "./format.js";
import { Histogram } from "./histogram.js";
import { isLevelField, rank, RANKS } from "./levels.js";
import { equals, state as conditionOf } from "./logsql.js";
import { stepFor } from "./logs-state.js";

const SERIES = 8;

/** What /hits answers → series in the order of stacking. */
const seriesOf = (hits, field) => stacked(hits.map(({ fields, timestamps, values, total }) => ({ fields, total, counts: new Map(timestamps.map((t, i) => [Date.parse(t) / 1000, values[i]])) })), field);

/** [{fields, counts: Map(bucket start → n), total}] → series in the order of stacking: {name, value, css, counts, total}. */
export function stacked(counted, field) {
  const level = field && isLevelField(field);
  const found = counted.map(({ fields, counts, total }) => ({ value: field && field in fields ? fields[field] : null, counts, total }));
  const place = ({ value }) => (value === null ? 99 : level ? RANKS.indexOf(value === "" ? "none" : rank(value)) : value === "" ? 98 : 0);
  found.sort((a, b) => place(a) - place(b) || b.total - a.total);
  const shades = new Map();
  let color = 0;
  for (const one of found) {
    one.name = one.value === null ? (field ? "other" : "rows") : one.value === "" ? `no ${field}` : one.value;
    if (one.value === null || one.value === "") one.css = field ? "s-none" : "s-all";
    else if (level) {
      // Several names of one rank ("info", "notice", "log") are shades of one colour.
      const shade = shades.get(rank(one.value)) ?? 0;
      shades.set(rank(one.value), shade + 1);
      one.css = `lv-${rank(one.value)} shade-${Math.min(3, shade)}`;
    } else one.css = `s${color++ % 10}`;
  }
  return found;
}

export class HitsView {
  /** `act`: zoom(start, end), filter(field, value, without), unfilter, by(field). */
  constructor(root, store, act) {
    Object.assign(this, { root, store, act });
    this.said = h("span", { class: "muted small", role: "status" });
    this.legend = h("ul", { class: "legend-row" });
    this.select = h("select", { id: "by", class: "small", onchange: () => act.by(this.select.value) });
    this.chart = new Histogram(act.zoom);
    root.append(h("div", { class: "hits-head" }, this.said, this.legend, h("span", { class: "grow" }), h("label", { class: "muted small", for: "by" }, "by"), this.select), this.chart.root);
    this.names = [];
    this.options("level", []);
  }

  options(field, names) {
    this.names = names;
    const all = [...new Set([field, ...names])].filter(Boolean);
    this.select.replaceChildren(...all.map((name) => h("option", { value: name, selected: name === field }, name)), h("option", { value: "", selected: !field }, "nothing"));
  }

  /** The total of all rows, or null when the store didn't say. Throws what the request throws. */
  async load({ query, start, end, field, args }, signal) {
    const bars = Math.max(24, Math.min(120, Math.floor((this.chart.svg.clientWidth || 900) / 10)));
    const step = stepFor(end - start, bars);
    this.root.setAttribute("aria-busy", "true");
    try {
      const { hits } = await this.store.json("hits", { query, ...args, step: `${Math.round(step * 1000)}ms`, field: field || undefined, fields_limit: field ? SERIES : undefined }, signal);
      const series = seriesOf(hits, field);
      this.show({ series, start, end, step, field, query, covered: null });
      return series.reduce((sum, { total }) => sum + total, 0);
    } finally {
      if (!signal.aborted) this.root.removeAttribute("aria-busy");
    }
  }

  show(data) {
    this.data = data;
    const { series, step, field, query } = data;
    this.select.value = field ?? "";
    this.said.textContent = `${duration(step)} a bar`;
    this.legend.replaceChildren(...series.filter(({ total }) => total > 0).map(({ name, value, css, total }) => {
      const now = value === null || !query ? null : conditionOf(query, equals(field, value));
      const inside = [h("span", { class: "swatch" }), h("span", { class: "legend-name" }, name), h("span", { class: "muted" }, total.toLocaleString("en"))];
      return h("li", { class: css }, value === null ? h("span", { class: "legend-item" }, inside)
        : h("button", { type: "button", class: "legend-item", "aria-pressed": String(now === "with"), title: "Click: only these. Ctrl-click: without them.",
          onclick: (event) => (now ? this.act.unfilter(field, value) : this.act.filter(field, value, event.ctrlKey || event.metaKey)) }, inside));
    }));
    this.chart.show(data);
  }

  /** Mark the part of the time that the rows below are from. */
  cover(from, to) {
    if (!this.data) return;
    this.data.covered = Number.isFinite(from) && Number.isFinite(to) ? [from, to] : null;
    this.chart.draw();
  }
}
