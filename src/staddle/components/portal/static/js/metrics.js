// The metrics page: ask in MetricsQL, see a graph or a table.

import "./frame.js";
import { prometheus, request } from "./api.js";
import { Cardinality } from "./cardinality.js";
import { byId, empty, h, icon, memory, note, problem } from "./dom.js";
import { clock, duration, localInput, plural } from "./format.js";
import { drawGraph, drawTable } from "./query-results.js";
import { format, parse, RANGES, seconds, stepFor } from "./query-state.js";
import { attach } from "./suggest.js";

const EXAMPLES = [
  ["What is down", "up == 0"],
  ["CPU in use, per node", '1 - avg by (ins, ip) (rate(node_cpu_seconds_total{mode="idle"}[1m]))'],
  ["Memory available, per node", "node_memory_MemAvailable_bytes"],
  ["File systems by use", 'sort_desc(1 - node_filesystem_avail_bytes{fstype!~"tmpfs|overlay"} / node_filesystem_size_bytes)'],
  ["Network received, per device", 'rate(node_network_receive_bytes_total{device!="lo"}[1m])'],
  ["Samples stored per second", "sum(rate(vm_rows_inserted_total[5m])) by (type)"],
  ["Alerts firing now", 'ALERTS{alertstate="firing"}'],
];

const rows = byId("rows");
const LETTERS = "ABCDEFGHIJKLMNOPQRST";
let state = parse(location.hash);
let running = null;
let timer;
let cardinality = null;
const hidden = new Set();

const areas = () => [...rows.querySelectorAll("textarea")];
const expressions = () => areas().map((a) => a.value.trim()).filter(Boolean);

function addRow(text) {
  const area = h("textarea", { rows: "1", spellcheck: "false", autocomplete: "off", autocapitalize: "off", placeholder: "MetricsQL, e.g. rate(node_network_receive_bytes_total[5m])", value: text });
  const remove = h("button", { type: "button", class: "iconbtn", "aria-label": "Remove this query", onclick: () => (row.remove(), letter(), go()) }, icon("cross"));
  const row = h("div", { class: "qrow" }, h("span", { class: "letter", "aria-hidden": "true" }), area, remove);
  rows.append(row);
  attach(area);
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      go();
    }
  });
  letter();
  return area;
}

function letter() {
  [...rows.children].forEach((row, i) => {
    row.firstElementChild.textContent = LETTERS[i];
    row.querySelector("textarea").setAttribute("aria-label", `Query ${LETTERS[i]}`);
    row.lastElementChild.hidden = rows.children.length === 1;
  });
}

/** Put the state into the form. */
function fill() {
  const wanted = state.exprs.length ? state.exprs : [""];
  while (rows.children.length > wanted.length) rows.lastElementChild.remove();
  const now = areas();
  wanted.forEach((text, i) => {
    if (!now[i]) addRow(text);
    else if (now[i].value !== text) now[i].value = text;
  });
  letter();
  const range = byId("range");
  const name = state.end === null ? (RANGES.find((r) => seconds(r) === state.range) ?? `${state.range}`) : "custom";
  if (![...range.options].some((o) => o.value === name)) range.add(new Option(`Last ${duration(state.range)}`, name));
  range.value = name;
  byId("custom").hidden = state.end === null;
  const end = state.end ?? Date.now() / 1000;
  byId("from").value = localInput((end - state.range) * 1000);
  byId("to").value = localInput(end * 1000);
  byId("as-graph").setAttribute("aria-pressed", String(!state.table));
  byId("as-table").setAttribute("aria-pressed", String(state.table));
}

/** Make `changes` to the state the address; the page follows it, also when it is the same (asks again). */
function go(changes = {}) {
  state = { ...state, exprs: expressions(), ...changes, view: "query" };
  const hash = format(state);
  if (location.hash === hash) ask();
  else location.hash = hash;
}

function follow() {
  state = parse(location.hash);
  const query = state.view === "query";
  byId("query").hidden = !query;
  byId("cardinality").hidden = query;
  byId("tab-query").setAttribute("aria-selected", String(query));
  byId("tab-cardinality").setAttribute("aria-selected", String(!query));
  if (!query) {
    if (cardinality === null) {
      cardinality = new Cardinality(byId("cardinality"));
      cardinality.load();
    }
    return;
  }
  fill();
  ask();
}

function remember(exprs) {
  const known = memory.get("queries", []).filter((q) => !exprs.includes(q));
  memory.set("queries", [...exprs, ...known].slice(0, 30));
}

/** Ask for every expression at once and show what came back, or what was wrong. */
async function ask() {
  clearTimeout(timer);
  running?.abort();
  const { exprs, table } = state;
  if (exprs.length === 0) {
    byId("problem").replaceChildren();
    byId("result-note").textContent = "";
    byId("zoom").replaceChildren();
    byId("result").replaceChildren(empty("Ask something", "Type a query above, or take one of the examples. Enter runs it, Shift+Enter breaks the line, Ctrl+Space suggests.", "chart"));
    return;
  }
  const mine = (running = new AbortController());
  const run = byId("run");
  run.textContent = "Running…";
  const end = state.end ?? Date.now() / 1000;
  const width = byId("result").clientWidth || 900;
  const step = state.step ?? stepFor(state.range, width);
  const last = Math.floor(end / step) * step;
  const first = last - Math.floor(state.range / step) * step;
  const began = performance.now();
  const answers = await Promise.allSettled(exprs.map((query) => prometheus(table ? "/vmetrics/api/v1/query" : "/vmetrics/api/v1/query_range", {
    form: table ? { query, time: end } : { query, start: first, end: last, step }, seconds: 40, signal: mine.signal,
  })));
  if (mine.signal.aborted) return;
  run.textContent = "Run";
  const took = performance.now() - began;
  const good = answers.map((a, i) => ({ ...a, expr: exprs[i], letter: exprs.length > 1 ? LETTERS[i] : "" })).filter((a) => a.status === "fulfilled");
  const bad = answers.map((a, i) => ({ ...a, expr: exprs[i] })).filter((a) => a.status === "rejected");
  byId("problem").replaceChildren(...bad.map(({ reason, expr }) => problem({ message: reason.message, kind: reason.kind, detail: [reason.detail, reason.kind === "refused" && exprs.length > 1 && expr].filter(Boolean).join("\n\n") }, () => ask())));
  if (good.length > 0) {
    remember(good.map((g) => g.expr));
    const results = good.map((g) => ({ expr: g.expr, letter: g.letter, data: g.value.data, partial: g.value.isPartial }));
    const count = table
      ? drawTable(byId("result"), results, (expr) => go({ exprs: [expr], table: false }))
      : drawGraph(byId("result"), results, { start: first, end: last, step, hidden, onzoom: (a, b) => go({ range: Math.max(step, Math.round(b - a)), end: Math.round(b) }) });
    byId("result-note").textContent = [plural(count, "series", "series"), `${Math.round(took)} ms`, table ? `at ${clock(end * 1000)}` : `step ${duration(step)}`,
      results.some((r) => r.partial) ? "partial: a storage node is missing" : ""].filter(Boolean).join(" · ");
    byId("zoom").replaceChildren(...(table ? [] : zoom(end)));
  } else byId("result").replaceChildren(empty("No result", "What went wrong is said above.", "alert"));
  const every = Number(byId("every").value);
  const later = () => (timer = setTimeout(() => (document.hidden ? later() : ask()), every * 1000));
  if (every > 0 && state.end === null) later();
}

/** Buttons to move through time. */
function zoom(end) {
  const button = (text, label, change) => h("button", { type: "button", class: "btn small", "aria-label": label, title: label, onclick: () => go(change) }, text);
  const { range } = state;
  return [
    button("←", "Earlier", { end: Math.round(end - range / 2) }),
    button("→", "Later", end + range / 2 >= Date.now() / 1000 ? { end: null } : { end: Math.round(end + range / 2) }),
    button("−", "Zoom out", { range: range * 2, end: state.end === null ? null : Math.min(Math.round(end + range / 2), Math.round(Date.now() / 1000)) }),
    button("+", "Zoom in", { range: Math.max(60, Math.round(range / 2)), end: state.end === null ? null : Math.round(end - range / 4) }),
  ];
}

function recent() {
  const item = (text, title) => h("button", { type: "button", onclick: () => {
    byId("recent").open = false;
    const empties = areas().filter((a) => a.value.trim() === "");
    (empties[0] ?? areas().at(-1)).value = text;
    go();
  } }, title && h("span", { class: "muted small" }, title), h("code", { class: "expr" }, text));
  const known = memory.get("queries", []);
  byId("recent-body").replaceChildren(
    ...(known.length ? [h("h3", null, "Recent"), ...known.map((q) => item(q))] : []),
    h("h3", null, "Examples"), ...EXAMPLES.map(([title, q]) => item(q, title)));
}

async function prettify() {
  await Promise.all(areas().filter((a) => a.value.trim()).map(async (area) => {
    try {
      const answer = await request("/vmetrics/prettify-query", { form: { query: area.value } });
      area.value = answer?.query ?? area.value;
    } catch (error) {
      byId("problem").replaceChildren(problem(error));
    }
  }));
}

function setUp() {
  const range = byId("range");
  for (const r of RANGES) range.add(new Option(`Last ${duration(seconds(r))}`, r));
  range.add(new Option("Custom…", "custom"));
  range.addEventListener("change", () => go(range.value === "custom" ? { end: Math.round(state.end ?? Date.now() / 1000) } : { range: seconds(range.value), end: null }));
  for (const id of ["from", "to"]) byId(id).addEventListener("change", () => {
    const [from, to] = [Date.parse(byId("from").value) / 1000, Date.parse(byId("to").value) / 1000];
    if (to > from) go({ end: to, range: to - from });
    else byId("problem").replaceChildren(note("warn", "The time range ends before it starts."));
  });
  byId("form").addEventListener("submit", (event) => (event.preventDefault(), go()));
  byId("add").addEventListener("click", () => addRow("").focus());
  byId("format").addEventListener("click", prettify);
  byId("every").value = String(memory.get("every", 0));
  byId("every").addEventListener("change", () => (memory.set("every", Number(byId("every").value)), ask()));
  byId("as-graph").addEventListener("click", () => go({ table: false }));
  byId("as-table").addEventListener("click", () => go({ table: true }));
  byId("recent").addEventListener("toggle", () => byId("recent").open && recent());
  document.addEventListener("pointerdown", (event) => byId("recent").contains(event.target) || (byId("recent").open = false));
  byId("recent").addEventListener("keydown", (event) => event.key === "Escape" && (byId("recent").open = false));
  addEventListener("hashchange", follow);
}

setUp();
follow();
