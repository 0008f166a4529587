// The trace page: the address holds the question, this module asks it and hands the answers to the views.

import "./frame.js";
import { byId, empty, h, memory, note } from "./dom.js";
import { number } from "./counts.js";
import { closeOnEscape } from "./menus.js";
import { portalHeader } from "./nav.js";
import { list, scatter } from "./result-list.js";
import { serviceMap } from "./service-map.js";
import { Times } from "./times.js";
import { colours, model } from "./trace-model.js";
import { ask } from "./traces-api.js";
import { format, LIMITS, parse, readTags, writeTag } from "./traces-state.js";
import { between } from "./logs-state.js";
import { Waterfall } from "./waterfall.js";

let state = parse(location.hash);
let running = null;
let timer;
let every = memory.get("traces.every", 0);
let order = memory.get("traces.order", "newest");
let searched = { ...state, view: "search", id: null, span: null };
let known = [];
let palette = new Map();

const view = byId("view");
const colour = (name) => palette.get(name) ?? "s9";
const address = (changes) => `${location.href.replace(/#.*$/s, "")}${format({ ...state, ...changes })}`;
const say = (element) => byId("problem").replaceChildren(...(element ? [element] : []));

/** Make `changes` to the address; the page follows it, also when it is the same. */
function go(changes = {}) {
  const next = { ...state, ...changes };
  const hash = format(next);
  if (location.hash === hash) follow();
  else location.hash = hash;
}

/** What the form says. */
const asked = () => ({ service: byId("service").value, operation: byId("operation").value, tags: byId("tags").value.trim(), min: byId("min").value.trim(), max: byId("max").value.trim() });

const times = new Times(byId("times"), { go: (changes) => go({ ...asked(), view: state.view === "trace" ? "search" : state.view, ...changes }), every, onevery: (seconds) => {
  every = seconds;
  memory.set("traces.every", every);
  later();
} });

const waterfall = new Waterfall(view, {
  back: () => format(searched),
  address: (span) => address({ span: span.id }),
  open: (id, span) => format({ ...state, view: "trace", id, span }),
  opened: (span) => history.replaceState(null, "", format({ ...state, span })),
  search: (service, name, value) => go({ view: "search", id: null, span: null, service, operation: "", tags: writeTag(name, value), min: "", max: "" }),
});

function busy(on) {
  document.body.toggleAttribute("data-busy", on);
  byId("run").textContent = on ? "Cancel" : "Search";
}

function options(select, names, chosen, first) {
  const all = chosen && !names.includes(chosen) ? [chosen, ...names] : names;
  select.replaceChildren(...(first ? [h("option", { value: "" }, first)] : []), ...all.map((name) => h("option", { value: name, selected: name === chosen }, name || "(no name)")));
  select.value = chosen || (first ? "" : all[0] ?? "");
}

/** The services; the colours follow from them. */
async function services(signal) {
  known = await ask("services", {}, signal);
  palette = colours(known);
  options(byId("service"), known, state.service || memory.get("traces.service", ""), known.length ? null : "No services yet");
  return known;
}

async function operations(service, chosen, signal) {
  const names = service ? await ask(`services/${encodeURIComponent(service)}/operations`, {}, signal) : [];
  options(byId("operation"), names, chosen, "All operations");
}

async function search(signal) {
  const service = byId("service").value;
  if (!service) return view.replaceChildren(h("section", { class: "panel" }, empty("No traces yet", "Send spans by OTLP to insert/opentelemetry/v1/traces of this server; they are here as soon as they are taken.", "traces")));
  const tags = readTags(state.tags);
  if (tags === null) {
    byId("tags").setAttribute("aria-invalid", "true");
    return say(note("bad", "These attributes can’t be read.", "Write name=value, several of them with spaces between; quotes around values with spaces."));
  }
  const { start, end } = between(state);
  const found = await ask("traces", { service, operation: state.operation, tags: Object.keys(tags).length ? JSON.stringify(tags) : "", minDuration: state.min, maxDuration: state.max, limit: state.limit, start: Math.round(start * 1e6), end: Math.round(end * 1e6) }, signal);
  const traces = found.filter((t) => t.spans.length > 0).map(model);
  palette = colours(new Set([...known, ...traces.flatMap((t) => [...t.services.keys()])]));
  const draw = () => {
    if (traces.length === 0) return view.replaceChildren(h("section", { class: "panel" }, empty("No trace matches", "Widen the time range, or ask for less.")));
    const open = (t) => go({ view: "trace", id: t.id, span: null });
    return view.replaceChildren(h("section", { class: "panel", "aria-label": "Durations over time" }, scatter(traces, { start, end }, open)), list(traces, { colour, order, href: (t) => format({ ...state, view: "trace", id: t.id, span: null }), reorder: (next) => {
      order = next;
      memory.set("traces.order", order);
      draw();
    } }));
  };
  draw();
  return undefined;
}

async function trace(signal) {
  const [found] = await ask(`traces/${state.id}`, {}, signal);
  if (!found || found.spans.length === 0) return view.replaceChildren(h("section", { class: "panel" }, empty("No such trace", "It was never stored, is not here yet, or its time to be kept is over.", "traces")));
  const one = model(found);
  palette = colours(new Set([...known, ...one.services.keys()]));
  document.title = `${one.root.service}: ${one.root.name}`;
  return waterfall.show(one, colour, state.span);
}

async function map(signal) {
  const { start, end } = between(state);
  const calls = await ask("dependencies", { endTs: Math.round(end * 1000), lookback: Math.round((end - start) * 1000) }, signal);
  palette = colours(new Set([...known, ...calls.flatMap(({ parent, child }) => [parent, child])]));
  view.replaceChildren(serviceMap(calls, colour, (service) => go({ view: "search", service, operation: "", tags: "", min: "", max: "" })));
}

function later() {
  clearTimeout(timer);
  if (every > 0 && state.view !== "trace" && state.end === null) timer = setTimeout(() => (document.hidden ? later() : load(true)), every * 1000);
}

/** Fill the page for the address; `again`: only the answer is new. */
async function load(again = false) {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  say(null);
  byId("tags").removeAttribute("aria-invalid");
  busy(true);
  try {
    if (!again || known.length === 0) {
      await services(mine.signal);
      await operations(byId("service").value, state.operation, mine.signal);
    }
    await { search, trace, map }[state.view](mine.signal);
  } catch (error) {
    if (mine.signal.aborted) return;
    if (!error.kind) throw error;
    say(note("bad", error.message, error.detail, { retry: () => load(), literal: error.kind === "refused" }));
  } finally {
    if (running === mine) {
      running = null;
      busy(false);
      later();
    }
  }
}

function follow() {
  state = parse(location.hash);
  if (state.view === "search") searched = state;
  for (const name of ["tags", "min", "max"]) byId(name).value = state[name];
  byId("id").value = "";
  byId("limit").replaceChildren(...LIMITS.map((n) => h("option", { value: n, selected: n === state.limit }, `${number(n)} traces`)));
  byId("to-search").href = format({ ...searched, range: state.range, end: state.end });
  byId("to-map").href = format({ ...state, view: "map" });
  for (const [id, name] of [["to-search", "search"], ["to-map", "map"]]) {
    if (state.view === name) byId(id).setAttribute("aria-current", "page");
    else byId(id).removeAttribute("aria-current");
  }
  document.body.dataset.view = state.view;
  times.show(state);
  load();
}

function submit(event) {
  event.preventDefault();
  if (running) return running.abort(), busy(false);
  const id = byId("id").value.trim().replaceAll("-", "");
  if (/^[0-9a-f]{1,32}$/i.test(id)) return go({ view: "trace", id: id.toLowerCase(), span: null });
  if (id) return say(note("bad", "This is no trace ID.", "A trace ID has up to 32 hexadecimal digits."));
  memory.set("traces.service", byId("service").value);
  return go({ ...asked(), view: "search", id: null, span: null });
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.target.closest("input, textarea, select, dialog")) return;
  const act = { "/": () => byId(state.view === "trace" ? "find" : "tags").focus(), m: () => go({ view: "map" }), s: () => go({ ...searched }), "[": () => times.move(-1), "]": () => times.move(1), j: () => document.querySelector(".found-row, .wf-row[tabindex='0']")?.focus(),
    Escape: () => state.view === "trace" && (location.hash = format(searched)) }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

const size = () => document.documentElement.style.setProperty("--top", `${document.querySelector(".top").offsetHeight}px`);
new ResizeObserver(size).observe(document.querySelector(".top"));
byId("form").addEventListener("submit", submit);
byId("service").addEventListener("change", () => {
  operations(byId("service").value, "").catch((error) => say(note("bad", error.message, error.detail)));
});
byId("limit").addEventListener("change", () => go({ ...asked(), view: "search", limit: Number(byId("limit").value) }));
byId("skip").addEventListener("click", (event) => (event.preventDefault(), byId("service").focus()));
closeOnEscape();
document.addEventListener("keydown", keys);
addEventListener("hashchange", follow);
portalHeader("vtraces", "Traces");
follow();
