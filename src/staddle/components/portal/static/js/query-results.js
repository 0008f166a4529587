// What a query answered, as a graph or as a table.

import { Chart, legend } from "./chart.js";
import { empty, h, note } from "./dom.js";
import { clock, quantity, seriesName, unitOf } from "./format.js";

const MOST_LINES = 60;
const MOST_ROWS = 500;
let chart = null;

/** A scalar or string answers as one nameless series; a matrix (`up[5m]`) by its last values. */
function vector({ resultType, result }) {
  if (resultType === "scalar" || resultType === "string") return [{ metric: {}, value: result }];
  if (resultType === "matrix") return result.map(({ metric, values }) => ({ metric, value: values.at(-1), count: values.length }));
  return result;
}

/** Labels that all series share say nothing about which is which. */
function shortNames(series) {
  const names = new Set(series.flatMap(({ metric }) => Object.keys(metric)));
  const same = new Set([...names].filter((n) => series.every(({ metric }) => metric[n] === series[0].metric[n])));
  if (series.length < 2) return series.map(({ metric }) => seriesName(metric));
  const short = series.map(({ metric }) => seriesName(Object.fromEntries(Object.entries(metric).filter(([n]) => n === "__name__" || !same.has(n)))));
  return new Set(short).size === series.length ? short : series.map(({ metric }) => seriesName(metric));
}

/** Draw `results` into `root`; the number of series. */
export function drawGraph(root, results, { start, end, step, hidden, onzoom }) {
  const found = results.flatMap(({ data, letter, expr }) => {
    const names = shortNames(data.result);
    return data.result.map((one, i) => ({
      name: `${letter && `${letter}: `}${names[i] === "{}" ? expr : names[i]}`,
      points: one.values.map(([t, v]) => [t, Number(v)]),
    }));
  });
  chart?.close();
  chart = null;
  if (found.length === 0) {
    root.replaceChildren(empty("No data", "No series matches in this time range.", "chart"));
    return 0;
  }
  const units = new Set(results.map(({ expr }) => unitOf(expr)));
  const series = found.slice(0, MOST_LINES).map((one, i) => ({ ...one, color: i % 10 }));
  const names = new Set(series.map((one) => one.name));
  for (const name of hidden) if (!names.has(name)) hidden.delete(name);
  if (hidden.size === names.size) hidden.clear();
  chart = new Chart({ series, start, end, step, unit: units.size === 1 ? [...units][0] : "", onzoom, hidden });
  root.replaceChildren(...(found.length > MOST_LINES ? [h("div", { class: "panel-body" }, note("warn", `Only ${MOST_LINES} of ${found.length} series are drawn.`, "Aggregate with sum(…) by (…), or pick with topk(…)."))] : []),
    chart.root, legend(chart));
  return found.length;
}

function table({ data, expr, letter }, graph) {
  const entries = vector(data);
  if (entries.length === 0) return empty(letter ? `${letter}: no data` : "No data", "No series matches at this time.", "chart");
  const unit = unitOf(expr);
  const labels = [...new Set(entries.flatMap(({ metric }) => Object.keys(metric)))].sort((a, b) => (a === "__name__" ? -1 : b === "__name__" ? 1 : a < b ? -1 : 1));
  const body = h("tbody");
  const headers = [...labels, "value"].map((name, i) => {
    const th = h("th", { scope: "col", class: i === labels.length ? "num" : null });
    th.append(h("button", { type: "button", onclick: () => sort(i, th) }, name === "__name__" ? "metric" : name));
    return th;
  });
  let rows = entries;
  const show = () => body.replaceChildren(...rows.slice(0, MOST_ROWS).map(({ metric, value, count }) => {
    const number = Number(value[1]);
    const nice = quantity(number, unit);
    return h("tr", { title: `Sampled ${clock(value[0] * 1000)}` }, labels.map((name, i) => h("td", { "data-label": name === "__name__" ? "metric" : name },
      i === 0 ? h("button", { type: "button", class: "chip", title: "Graph this series", onclick: () => graph(metric.__name__ ? seriesName(metric) : expr) }, metric[name] ?? "–") : metric[name] ?? "")),
    h("td", { class: "num nowrap", "data-label": "value", title: value[1] }, nice, nice !== value[1] && unit ? h("span", { class: "muted" }, ` ${value[1]}`) : "", count > 1 ? h("span", { class: "muted" }, ` (last of ${count})`) : ""));
  }));
  const sort = (index, th) => {
    const descending = th.getAttribute("aria-sort") === "ascending";
    headers.forEach((header) => header.removeAttribute("aria-sort"));
    th.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const of = ({ metric, value }) => (index === labels.length ? Number(value[1]) : metric[labels[index]] ?? "");
    rows = [...entries].sort((x, y) => {
      const [a, b] = [of(x), of(y)];
      return (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true })) * (descending ? -1 : 1);
    });
    show();
  };
  show();
  return h("div", null, letter && h("p", { class: "panel-body small" }, h("strong", null, `${letter} `), h("code", null, expr)),
    entries.length > MOST_ROWS && h("p", { class: "panel-body small muted" }, `The first ${MOST_ROWS} of ${entries.length} are shown.`),
    h("div", { class: "table-box" }, h("table", { class: "cards values" }, h("thead", null, h("tr", null, headers)), body)));
}

/** Draw `results` as tables into `root`; the number of series. `graph(expr)` shows one series as a graph. */
export function drawTable(root, results, graph) {
  chart?.close();
  chart = null;
  root.replaceChildren(...results.map((result) => table(result, graph)));
  return results.reduce((sum, { data }) => sum + vector(data).length, 0);
}
