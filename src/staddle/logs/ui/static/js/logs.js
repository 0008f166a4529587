// The log search page: the address holds the question, this module asks it and hands the answers to the views.

import "./frame.js";
import { around } from "./around.js";
import { remembering } from "./complete.js";
import { byId, h, icon, memory, note } from "./dom.js";
import { culprit, Editor, pointed } from "./editor.js";
import { fillHelp } from "./help.js";
import { HitsView } from "./hits-view.js";
import { levelField } from "./levels.js";
import { LiveView } from "./live-view.js";
import { Store } from "./logs-api.js";
import { between, format, LIMITS, parse } from "./logs-state.js";
import { add, drop, equals, pipesOf, STATS } from "./logsql.js";
import { closeOnEscape, recentMenu, tenantMenu } from "./menus.js";
import { portalHeader } from "./nav.js";
import { Results } from "./results.js";
import { isLog, makeItem } from "./rows.js";
import { Side } from "./side.js";
import { statsChart } from "./stats-view.js";
import { Times } from "./times.js";

const SLOW = 400;
/** Does a pipe make statistics? */
const counts = (name) => /stats$/.test(name) || name === "by" || STATS.includes(name);
const store = new Store();
let state = parse(location.hash);
let running = null;
let fields = null;
let timer;
let must = false;
let every = memory.get("every", 0);
let chart = null;
let level = "level";

/** Make `changes` to the address; the page follows it, also when it is the same. Only changes of the look don't ask again. */
function go(changes = {}) {
  must = !("view" in changes || "columns" in changes);
  const next = { ...state, query: editor.text.trim() || "*", ...changes };
  const hash = format(next);
  if (location.hash === hash) follow();
  else location.hash = hash;
}

const filter = (field, value, without = false) => go({ query: add(editor.text, equals(field, value), without) });
const unfilter = (field, value) => go({ query: drop(editor.text, equals(field, value)) });
const zoom = (start, end) => go({ range: Math.max(1, Math.round(end - start)), end: Math.ceil(end), day: null, live: false });
const by = (field) => go({ by: field });

/** The time range as arguments. An end that is a whole second would include all of that second. */
const timeArgs = ({ start, end }) => ({ start: start.toFixed(3), end: (end - 0.001).toFixed(3) });

const recall = () => memory.get("logs.queries", []);
const values = remembering(store, () => between(state));
const editor = new Editor(byId("editor"), { run: () => (byId("recent").open = false, go()), values: (endpoint, params) => values(endpoint, params), history: recall });
const hits = new HitsView(byId("hits"), store, { zoom, filter, unfilter, by });
const results = new Results(byId("results"), { go, filter, link, permalink, around: (item) => around(item, { store, look: results.look, act: results.act, query: contextQuery }) });
const side = new Side(byId("side"), store, { filter, unfilter, by, column: (name) => results.column(name) });
const live = new LiveView(store, { results, hits, problem: (element) => say(element), stopped: (error) => fail(error) });
const times = new Times(byId("times"), { go, every, onevery: (seconds) => {
  every = seconds;
  memory.set("every", every);
  later();
} });
const showTenant = tenantMenu(byId("limit"), go);

const contextQuery = ({ _stream_id: id, _time: time }, before, after) => `_stream_id:${id} _time:${time} | stream_context before ${before} after ${after}`;
const address = (changes) => `${location.href.replace(/#.*$/s, "")}${format({ ...state, ...changes })}`;

function link({ row, ms }) {
  const found = row._stream_id ? `_stream_id:${row._stream_id} _time:${row._time}` : state.query;
  return address({ query: found, range: 60, end: Math.ceil(ms / 1000) + 30, day: null, live: false });
}

function permalink() {
  const { start, end } = between(state);
  return address({ range: Math.round(end - start), end: Math.round(end), day: null, live: false });
}

function say(element) {
  byId("problem").replaceChildren(...(element ? [element] : []));
}

/** Show what went wrong, and where in the query. */
function fail(error) {
  const mark = error.end === null || error.end === undefined ? null : culprit(state.query, error.end);
  const box = note("bad", error.message, error.detail, { literal: error.kind === "refused" && !mark, retry: error.kind === "refused" ? undefined : () => follow() });
  if (mark) {
    box.children[1].append(h("pre", { class: "mistake" }, pointed(state.query, mark)));
    if (editor.text.trim() === state.query) editor.show(mark);
  }
  say(box);
  results.nothing("No result", "What went wrong is said above.", "alert");
  results.status.replaceChildren();
}

/** Show that a question is under way; the button that asked ends it. */
function busy(on) {
  const button = byId("run");
  document.body.toggleAttribute("data-busy", on);
  clearInterval(busy.clock);
  if (!on) {
    button.textContent = "Run";
    button.title = "Enter";
    return;
  }
  const began = performance.now();
  button.title = "Esc";
  const show = () => {
    const gone = performance.now() - began;
    button.textContent = gone < SLOW ? "Running" : `Cancel ${(gone / 1000).toFixed(1)} s`;
  };
  show();
  busy.clock = setInterval(show, 100);
}

function cancel() {
  if (!running) return;
  running.abort();
  running = null;
  busy(false);
  results.status.replaceChildren("Cancelled");
  if (results.items.length === 0) results.below(h("p", { class: "muted small" }, "Run the query again, or narrow it: less time, a stream, fewer rows."));
  for (const id of ["hits", "work"]) byId(id).removeAttribute("aria-busy");
}

/** Newest first. The store answers oldest first, so mostly it is enough to turn round. */
function newestFirst(items) {
  const key = ({ row }) => (row._time ?? "").replace(/Z$/, "");
  let sorted = true;
  for (let i = 1; sorted && i < items.length; i += 1) sorted = key(items[i - 1]) <= key(items[i]);
  return sorted ? items.reverse() : items.sort((a, b) => (key(a) < key(b) ? 1 : key(a) > key(b) ? -1 : 0));
}

const number = (n) => n.toLocaleString("en");

/** What there is, in words. */
function summary(items, total, ms, whole) {
  const took = ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
  const log = isLog(items);
  const more = log && !whole && total !== null && total > items.length;
  results.status.replaceChildren(h("b", null, number(items.length)), more ? `newest of ${number(total)}` : items.length === 1 ? "row" : "rows", h("span", { class: "muted small" }, took));
}

async function ask() {
  const mine = (running = new AbortController());
  const { signal } = mine;
  const asked = state;
  const window_ = between(asked);
  const args = timeArgs(window_);
  const pipes = pipesOf(asked.query);
  const ordered = pipes.some((name) => name === "sort" || name === "order" || name === "top" || name === "first" || name === "last");
  busy(true);
  byId("work").setAttribute("aria-busy", "true");
  if (results.items.length === 0) {
    results.set([], asked);
    results.status.replaceChildren();
    results.below(h("p", { class: "muted waiting" }, h("span", { class: "spin" }), "Searching…"));
  }
  const began = performance.now();
  const field = asked.by ?? level;
  const counting = hits.load({ query: asked.query, ...window_, args, field }, signal).catch((error) => (signal.aborted ? null : (hits.show({ series: [], ...window_, step: 1, field, query: "" }), null)));
  const found = [];
  try {
    await store.rows("query", { query: asked.query, limit: asked.limit, ...args }, signal, (rows) => {
      for (const row of rows) found.push(makeItem(row));
      if (performance.now() - began > SLOW) results.status.textContent = `${number(found.length)} rows…`;
    });
  } catch (error) {
    if (signal.aborted) return;
    running = null;
    busy(false);
    byId("work").removeAttribute("aria-busy");
    hits.root.hidden = error.end !== null;
    fail(error);
    return;
  }
  const took = performance.now() - began;
  const items = ordered || found[0]?.row._time === undefined ? found : newestFirst(found);
  results.set(items, asked, { ordered });
  draw(items, asked, window_);
  const total = await counting;
  if (signal.aborted) return;
  running = null;
  busy(false);
  byId("work").removeAttribute("aria-busy");
  remember(asked.query);
  summary(items, total, took, pipes.length > 0);
  tellRest(items, asked, ordered || pipes.some((name) => name === "limit" || name === "head" || name === "stats"), total);
  await side.load({ query: asked.query, ...args, columns: results.look.columns }, signal);
  if (!signal.aborted) adopt(asked, window_, args, signal);
  later();
}

/** The chart of statistics, where there are some over time, in the place of the bars. */
function draw(items, asked, { start, end }) {
  chart?.close();
  chart?.root.remove();
  chart = isLog(items) || !pipesOf(asked.query).some(counts) ? null : statsChart(items.map(({ row }) => row), asked.query, { start, end, onzoom: zoom });
  hits.root.hidden = chart !== null;
  if (chart) byId("hits").before(h("section", { class: "panel", "aria-label": "Chart" }, chart.root));
  for (const panel of document.querySelectorAll("section.panel[aria-label=Chart]")) if (panel.childElementCount === 0) panel.remove();
}

/** Now that the fields are known: what the bars may be coloured by. */
function adopt(asked, window_, args, signal) {
  const names = side.fields.map(({ name }) => name);
  const best = levelField(names) ?? (names.length ? "" : level);
  const field = asked.by ?? best;
  hits.options(field, side.fields.filter((f) => f.values !== null).map(({ name }) => name));
  if (asked.by === null && best !== level) {
    level = best;
    hits.load({ query: asked.query, ...window_, args, field }, signal).catch(() => {});
  }
}

/** Below the rows: how to get more of them, or what to do when there are none. */
function tellRest(items, asked, whole, total) {
  if (items.length === 0) {
    const button = (text, changes) => h("button", { type: "button", class: "btn", onclick: () => go(changes) }, text);
    results.nothing("Nothing matches", asked.query.trim() === "*" ? "There are no rows in this time range." : "No row of this time range matches the query.", "search",
      asked.range < 86_400 && button("Last 24 hours", { range: 86_400, end: null, day: null }), asked.range < 604_800 && button("Last 7 days", { range: 604_800, end: null, day: null }),
      asked.query.trim() !== "*" && button("Without the query", { query: "*" }));
    return;
  }
  if (!isLog(items)) return void results.below();
  if (!whole) hits.cover(items.at(-1).ms / 1000, items[0].ms / 1000);
  const cut = results.list.items.length > results.list.count && `Only the first ${number(results.list.count)} rows can be shown at once.`;
  const more = !whole && items[0].row._time !== undefined && items.length >= asked.limit && (total === null || total > items.length);
  results.below(cut && h("p", { class: "muted small" }, cut),
    more && h("button", { type: "button", class: "btn", onclick: (event) => older(items, asked, total, event.currentTarget) }, `Load ${number(asked.limit)} older rows`),
    !more && !cut && h("p", { class: "muted small" }, "That is all in this time range."));
}

/** More rows from before the oldest. Those at the very same time may be there already. */
async function older(items, asked, total, button) {
  button.disabled = true;
  const { start } = timeArgs(between(asked));
  const last = items.at(-1).row._time;
  const known = new Set(items.filter(({ row }) => row._time === last).map(({ row }) => JSON.stringify(row)));
  const exact = last.replace(/(?:\.(\d+))?Z$/, (_, digits = "") => `.${digits.padEnd(9, "0")}Z`);
  const mine = (running = new AbortController());
  const found = [];
  const began = performance.now();
  busy(true);
  try {
    await store.rows("query", { query: asked.query, limit: asked.limit + known.size, start, end: exact }, mine.signal, (rows) => found.push(...rows));
  } catch (error) {
    if (!mine.signal.aborted) say(note("bad", error.message, error.detail));
    button.disabled = false;
    return;
  } finally {
    if (running === mine) {
      running = null;
      busy(false);
    }
  }
  const fresh = newestFirst(found.filter((row) => !known.has(JSON.stringify(row))).map(makeItem));
  const all = [...items, ...fresh];
  results.items = all;
  results.list.set(results.order(), { redraw: false });
  summary(all, total, performance.now() - began, false);
  tellRest(all, fresh.length < asked.limit ? { ...asked, limit: Infinity } : asked, false, total);
}

function remember(query) {
  if (query === "*") return;
  memory.set("logs.queries", [query, ...recall().filter((q) => q !== query)].slice(0, 50));
}

/** Ask again after a while, if that is wanted and makes sense. */
function later() {
  clearTimeout(timer);
  if (every > 0 && state.end === null && !state.live) timer = setTimeout(() => (document.hidden || running || scrollY > 400 || results.items.some(({ open }) => open) ? later() : follow()), every * 1000);
}

/** Show what the address says. Only what needs an answer is asked for. */
function follow(event) {
  const before = state;
  state = parse(location.hash);
  if (location.hash === "") state.view = memory.get("logs.view", "rows");
  memory.set("logs.view", state.view);
  store.tenant = { account: state.account, project: state.project };
  editor.text = state.query;
  times.show(state);
  showTenant(state);
  fillLimit();
  byId("live").setAttribute("aria-pressed", String(state.live));
  byId("live").replaceChildren(icon(state.live ? "pause" : "play"), h("span", null, state.live ? "Stop" : "Live"));
  document.body.toggleAttribute("data-live", state.live);
  const key = ({ view, columns, ...rest }) => JSON.stringify(rest);
  const same = event && !must && key(before) === key(state);
  must = false;
  if (same) {
    // Only how it is shown has changed.
    results.show(state);
    side.columns = results.look.columns;
    if (side.fields) side.draw();
    return;
  }
  clearTimeout(timer);
  running?.abort();
  fields?.abort();
  running = null;
  say(null);
  live.stop();
  if (state.live) {
    busy(false);
    draw([], state, between(state));
    hits.root.hidden = false;
    byId("work").removeAttribute("aria-busy");
    live.start(state);
    // Which fields there are doesn't change by the second: as of now is good enough.
    fields = new AbortController();
    side.load({ query: state.query, ...timeArgs(between(state)), columns: results.look.columns }, fields.signal);
  } else ask();
}

function fillLimit() {
  const select = byId("limit");
  const all = [...new Set([...LIMITS, state.limit])].sort((a, b) => a - b);
  select.replaceChildren(...all.map((n) => h("option", { value: n, selected: n === state.limit }, `${number(n)} rows`)));
}

function help(on = byId("help").hidden) {
  if (on && byId("help").childElementCount === 0) fillHelp(byId("help"), (query) => (editor.text = query, editor.area.focus()));
  byId("help").hidden = !on;
  byId("help-button").setAttribute("aria-expanded", String(on));
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.key === "Escape" && running) return cancel();
  if (event.target.closest("input, textarea, select, dialog")) return;
  const act = { "/": () => editor.area.focus(), "?": () => help(), l: () => go({ live: !state.live }), "[": () => times.move(-1), "]": () => times.move(1),
    w: () => results.prefer("wrap"), o: () => results.prefer("oldest"), j: () => results.focus() }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function setUp() {
  const size = () => document.documentElement.style.setProperty("--top", `${document.querySelector(".top").offsetHeight}px`);
  new ResizeObserver(size).observe(document.querySelector(".top"));
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (running) cancel();
    else go();
  });
  byId("skip").addEventListener("click", (event) => (event.preventDefault(), editor.area.focus()));
  byId("live").addEventListener("click", () => go({ live: !state.live }));
  byId("limit").addEventListener("change", () => go({ limit: Number(byId("limit").value) }));
  byId("help-button").addEventListener("click", () => help());
  recentMenu({ recall, use: (query) => go({ query }) });
  closeOnEscape();
  document.addEventListener("keydown", keys);
  addEventListener("hashchange", follow);
  addEventListener("pagehide", () => live.stop());
}

setUp();
portalHeader();
follow();
