// Which metrics and labels make the most time series.

import { prometheus } from "./api.js";
import { byId, h, icon, problem } from "./dom.js";
import { metricsUrl } from "./links.js";

const LISTS = [
  ["seriesCountByMetricName", "Metrics with the most series", (name) => metricsUrl(`{__name__=${JSON.stringify(name)}}`)],
  ["seriesCountByLabelName", "Labels with the most series", (name) => metricsUrl(`count({${name}!=""}) by (${name})`, { table: true })],
  ["labelValueCountByLabelName", "Labels with the most values", (name) => metricsUrl(`count({${name}!=""}) by (${name})`, { table: true })],
  ["seriesCountByLabelValuePair", "Label values with the most series", (pair) => {
    const at = pair.indexOf("=");
    return metricsUrl(`count({${pair.slice(0, at)}=${JSON.stringify(pair.slice(at + 1))}}) by (__name__)`, { table: true });
  }],
  ["seriesCountByFocusLabelValue", "Values of the label", null],
];

const number = new Intl.NumberFormat("en");

function top(title, entries, link) {
  const most = Math.max(...entries.map((e) => e.value), 1);
  return h("section", { class: "panel" }, h("div", { class: "panel-head" }, h("h2", null, title)),
    h("ol", { class: "panel-body" }, entries.map((e) => h("li", null, h("meter", { min: "0", max: most, value: e.value, "aria-hidden": "true" }),
      h("span", { class: "grow" }, link ? h("a", { href: link(e.name) }, e.name) : e.name || "(empty)"), h("span", null, number.format(e.value))))));
}

export class Cardinality {
  constructor(root) {
    this.root = root;
    this.match = h("input", { class: "mono", id: "card-match", placeholder: 'job="node"', spellcheck: "false", autocomplete: "off" });
    this.focus = h("input", { class: "mono", id: "card-focus", placeholder: "ip", spellcheck: "false", autocomplete: "off" });
    this.top = h("select", { id: "card-top" }, [10, 20, 50, 100].map((n) => h("option", { value: n }, `top ${n}`)));
    this.day = h("input", { type: "date", id: "card-day", value: new Date().toISOString().slice(0, 10) });
    this.body = h("div", { class: "stack" });
    const form = h("form", { class: "panel panel-body bar card-form" },
      h("div", { class: "field" }, h("label", { for: "card-match" }, "Series with labels"), this.match),
      h("div", { class: "field" }, h("label", { for: "card-focus" }, "Values of label"), this.focus),
      h("div", { class: "field" }, h("label", { for: "card-day" }, "Day (UTC)"), this.day),
      h("div", { class: "field" }, h("label", { for: "card-top" }, "Rows"), this.top),
      h("button", { class: "btn primary", type: "submit" }, icon("search"), "Count"));
    form.addEventListener("submit", (event) => (event.preventDefault(), this.load()));
    root.replaceChildren(form, this.body);
  }

  async load() {
    const params = new URLSearchParams({ topN: this.top.value });
    if (this.day.value) params.set("date", this.day.value);
    const match = this.match.value.trim();
    if (match) params.set("match[]", match.includes("{") ? match : `{${match}}`);
    if (this.focus.value.trim()) params.set("focusLabel", this.focus.value.trim());
    this.body.setAttribute("aria-busy", "true");
    try {
      const { data } = await prometheus(`/vmetrics/api/v1/status/tsdb?${params}`, { seconds: 30 });
      byId("problem").replaceChildren();
      this.body.replaceChildren(
        h("div", { class: "stats" }, [["Series", data.totalSeries], ["Label pairs", data.totalLabelValuePairs], ["Metric names", data.labelValueCountByLabelName?.find((l) => l.name === "__name__")?.value]]
          .filter(([, v]) => v !== undefined).map(([name, v]) => h("div", { class: "panel stat" }, h("b", null, number.format(v)), h("span", null, name)))),
        h("div", { class: "tops" }, LISTS.filter(([key]) => data[key]?.length).map(([key, title, link]) =>
          top(key === "seriesCountByFocusLabelValue" ? `${title} ${this.focus.value.trim()}` : title, data[key], link))));
    } catch (error) {
      this.body.replaceChildren(problem(error, () => this.load()));
    }
    this.body.setAttribute("aria-busy", "false");
  }
}
