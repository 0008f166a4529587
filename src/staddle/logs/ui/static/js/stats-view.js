// Statistics over time as lines: what a query with `_time` buckets answered.

import { Chart, legend } from "./chart.js";
import { seriesName } from "./format.js";
import { h } from "./dom.js";

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const MOST = 40;

/** Rows with `_time` and numbers → series, or null. Fields that aren't always numbers tell series apart. */
export function seriesOf(rows, query) {
  if (rows.length < 2 || rows[0]._time === undefined || rows[0]._msg !== undefined || rows[0]._stream_id !== undefined) return null;
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => name !== "_time");
  const keys = new Set(byOf(query));
  const values = names.filter((name) => !keys.has(name) && rows.every((row) => row[name] === undefined || NUMBER.test(row[name])));
  if (values.length === 0) return null;
  const labels = names.filter((name) => !values.includes(name));
  const found = new Map();
  for (const row of rows) {
    const t = Date.parse(row._time) / 1000;
    const own = Object.fromEntries(labels.map((name) => [name, row[name] ?? ""]));
    for (const value of values) {
      const name = labels.length === 0 ? value : seriesName(values.length > 1 ? { __name__: value, ...own } : own);
      if (!found.has(name)) found.set(name, []);
      if (row[value] !== undefined) found.get(name).push([t, Number(row[value])]);
    }
  }
  const all = [...found].map(([name, points]) => ({ name, points: points.sort(([a], [b]) => a - b), sum: points.reduce((sum, [, v]) => sum + Math.abs(v), 0) }));
  return all.sort((a, b) => b.sum - a.sum);
}

/** The fields that a `by (…)` of the query names: a number there is still a name. */
export function byOf(query) {
  return [...query.matchAll(/\bby\s*\(([^()]*)\)/gi)].flatMap(([, inside]) => inside.split(",").map((part) => part.trim().split(/[\s:]/)[0].replace(/^["'`]|["'`]$/g, "")));
}

/** The chart's element and a function that ends it; null if these rows make no chart. */
export function statsChart(rows, query, { start, end, onzoom }) {
  const found = seriesOf(rows, query);
  if (!found) return null;
  const stamps = [...new Set(found.flatMap(({ points }) => points.map(([t]) => t)))].sort((a, b) => a - b);
  if (stamps.length < 2) return null;
  const step = stamps.slice(1).reduce((least, t, i) => Math.min(least, t - stamps[i]), Infinity);
  const series = found.slice(0, MOST).map((one, i) => ({ ...one, color: i % 10 }));
  const first = Math.max(start, stamps[0] - step);
  const chart = new Chart({ series, start: Math.min(first, stamps[0]), end: Math.max(stamps.at(-1), Math.min(end, stamps.at(-1) + step)), step, unit: "", onzoom, hidden: new Set() });
  const root = h("div", { class: "stats-chart" }, found.length > MOST && h("p", { class: "muted small panel-body" }, `The ${MOST} largest of ${found.length} series are drawn.`), chart.root, legend(chart));
  return { root, close: () => chart.close() };
}
