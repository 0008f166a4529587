// One row of a result: in a line, as cells of a table, or as JSON. Everything in it is untrusted and only ever text.

import { h } from "./dom.js";
import { detail } from "./detail.js";
import { levelField, levelOf, isLevelField, rank } from "./levels.js";
import { bar } from "./parts.js";
import { timeText } from "./rows-time.js";

const WHO = ["ins", "instance", "host", "hostname", "app", "app_name", "service.name", "service", "job"];
const LAST = ["_msg", "_stream", "_stream_id"];
let count = 0;

/** A row with what is derived from it once. */
export function makeItem(row) {
  return { id: (count += 1), row, ms: Date.parse(row._time), level: levelOf(row).rank, open: false };
}

/** Do these rows come from the log, rather than from statistics about it? */
export const isLog = (items) => items.slice(0, 50).some(({ row }) => row._msg !== undefined || row._stream_id !== undefined);

/** Names of all fields, the most frequent first; few enough rows are looked at to be quick. */
export function fieldsOf(items) {
  const seen = new Map();
  const step = Math.max(1, Math.floor(items.length / 2000));
  for (let i = 0; i < items.length; i += step) for (const name of Object.keys(items[i].row)) seen.set(name, (seen.get(name) ?? 0) + 1);
  return [...seen].sort(([, a], [, b]) => b - a).map(([name]) => name);
}

/** The columns of a view when nobody chose any. */
export function usualColumns(view, items, names, keys) {
  const log = isLog(items);
  // What statistics are about comes before the numbers.
  if (view === "table" && !log) return [...new Set(["_time", ...keys, ...names])].filter((name) => names.includes(name));
  const level = levelField(names);
  const sample = items.slice(0, 500);
  const who = WHO.find((name) => names.includes(name) && sample.filter(({ row }) => row[name]).length > sample.length / 2);
  if (view !== "table") return [level, who].filter(Boolean);
  const often = names.filter((name) => !LAST.includes(name) && name !== "_time" && name !== level && name !== who).slice(0, 6);
  return [level, who, ...often].filter(Boolean);
}

/** Widths of columns in characters, by what is in them. */
export function widths(names, items) {
  const sample = items.slice(0, 300);
  return names.map((name) => {
    const lengths = sample.map(({ row }) => (row[name] ?? "").length).sort((a, b) => a - b);
    const usual = lengths[Math.floor(lengths.length * 0.95)] ?? 0;
    return Math.max(4, Math.min(44, Math.max(usual, Math.min(name.length + 2, 24))));
  });
}

/** `text` with what was searched for marked; `find` is a global RegExp or null. */
function marked(text, find) {
  if (!find) return text;
  const parts = [];
  let at = 0;
  for (const match of text.slice(0, 20_000).matchAll(find)) {
    if (match[0] === "") continue;
    parts.push(text.slice(at, match.index), h("mark", null, match[0]));
    at = match.index + match[0].length;
  }
  return at === 0 ? text : [...parts, text.slice(at)];
}

const oneLine = (text) => text.replace(/\s*\r?\n\s*/g, " ↵ ");

/** A row without a message says what it has. */
function message(row) {
  if (row._msg !== undefined) return row._msg;
  return Object.entries(row).filter(([name]) => name !== "_time" && !LAST.includes(name)).map(([name, value]) => `${name}=${/[\s"=]/.test(value) ? JSON.stringify(value) : value}`).join(" ");
}

function cell(name, row) {
  const value = row[name] ?? "";
  if (isLevelField(name) && value) return h("span", { class: `cell lv lv-${rank(value)}`, role: "gridcell", title: name }, value);
  return h("span", { class: "cell", role: "gridcell", title: value.length > 20 ? `${name}: ${value.slice(0, 500)}` : name }, oneLine(value.slice(0, 600)));
}

function line(item, look, toggle) {
  const { row } = item;
  // More would only slow the page down; the opened row has all of it.
  const text = message(row).slice(0, look.wrap ? 4000 : 1200);
  return h("div", { class: `line${look.wrap ? " wrapped" : ""}`, onclick: toggle },
    h("time", { class: "cell when", role: "gridcell", datetime: row._time, title: row._time }, timeText(item.ms, look)),
    look.columns.map((name) => cell(name, row)),
    h("span", { class: "cell msg", role: "gridcell" }, marked(look.wrap ? text : oneLine(text), look.find)));
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** How a number of a table is written: digits in groups, and not twenty of them. */
const nice = (text) => (/^\d{4,15}$/.test(text) ? Number(text).toLocaleString("en") : /^-?\d+\.\d{7,}$/.test(text) ? Number(Number(text).toPrecision(7)).toString() : text);

function cells(item, look, toggle) {
  const { row } = item;
  return h("div", { class: `line${look.wrap ? " wrapped" : ""}`, onclick: toggle }, look.columns.map((name, i) => {
    if (name === "_time") return h("time", { class: "cell when", role: "gridcell", datetime: row._time, title: row._time }, timeText(item.ms, look));
    const value = row[name] ?? "";
    if (look.log) return name === "_msg" ? h("span", { class: "cell msg", role: "gridcell" }, marked(look.wrap ? value.slice(0, 4000) : oneLine(value.slice(0, 1200)), look.find)) : cell(name, row);
    const number = NUMBER.test(value);
    const part = number && look.most[i] > 0 ? Math.max(0, Math.min(1, Number(value) / look.most[i])) : 0;
    return h("span", { class: number ? "cell num" : "cell", role: "gridcell", title: value.slice(0, 500) },
      part > 0 && bar(part), h("span", { class: value === "" ? "muted" : null }, value === "" ? "–" : number ? nice(value) : look.wrap ? value.slice(0, 4000) : oneLine(value.slice(0, 1200))));
  }));
}

function json(item, act) {
  const { row } = item;
  const entries = Object.entries(row);
  return h("div", { class: "json" },
    h("button", { type: "button", class: "btn small json-copy", title: "Copy as JSON", onclick: (event) => act.copy(JSON.stringify(row, null, 2), event.currentTarget) }, "Copy"),
    h("pre", null, "{\n", entries.map(([name, value], i) => ["  ", h("span", { class: "json-key" }, JSON.stringify(name)), ": ", h("span", { class: "json-value" }, JSON.stringify(value)), i < entries.length - 1 ? ",\n" : "\n"]), "}"));
}

/**
 * The element of an item. `look`: {view, columns, wrap, utc, date, find, log, keys, most}; `act` has the page's actions,
 * `toggle(item)` opens and closes.
 */
export function drawRow(item, look, act) {
  const toggle = (event) => {
    // Somebody who selects text doesn't mean to open the row.
    if (getSelection().isCollapsed && !event.target.closest("button, a")) act.toggle(item);
  };
  const body = look.view === "json" ? json(item, act) : look.view === "table" ? cells(item, look, toggle) : line(item, look, toggle);
  return h("div", { class: `row${look.log ? ` lv-${item.level}` : " plain"}${item.open ? " open" : ""}${look.view === "json" ? " as-json" : ""}`, role: "row", id: `row-${item.id}`,
    "aria-expanded": look.view === "json" ? null : String(item.open) }, body, item.open && look.view !== "json" && detail(item, look, act));
}

/** The largest number of each column of a table, for the bars behind them; 0 where bars say nothing. */
export function largest(columns, items) {
  return columns.map((name) => {
    if (items.length < 2 || name.startsWith("_") || isLevelField(name)) return 0;
    let most = 0;
    for (const { row } of items) {
      const text = row[name];
      if (text === undefined) continue;
      if (!NUMBER.test(text) || text.startsWith("-")) return 0;
      most = Math.max(most, Number(text));
    }
    return most;
  });
}
