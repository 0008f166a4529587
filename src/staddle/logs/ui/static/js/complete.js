// Completion of LogsQL: names and values of fields and streams as the store has them, pipes and functions by heart.

import { FILTERS, PIPES, quote, STATS, tokens } from "./logsql.js";

const KEYWORDS = ["and", "or", "not"];
const VALUE = /^[\p{L}\p{N}_.\-/]*"?/u;
const NAME = /^[\p{L}\p{N}_.\-/]*:?/u;

/**
 * What is being typed at `caret`: {kind, word, start, rest, …} or null. Kinds: filter (a word, a field or a function),
 * value (of `field`), label and labelValue (in a stream filter), pipe, and inPipe (names and functions after `pipe`).
 * `rest` matches what after the caret belongs to the word; `quiet` says not to suggest before anything is typed.
 */
export function context(text, caret) {
  const list = tokens(text.slice(0, caret));
  const last = list.at(-1);
  if (last?.kind === "comment") return null;
  if (last?.kind === "stream" && !last.text.endsWith("}")) return inStream(last, caret);
  const meant = list.filter(({ kind }) => kind !== "space" && kind !== "comment");
  const open = last?.kind === "string" && (last.text.length === 1 || last.text.at(-1) !== last.text[0]);
  const touching = last && last.kind !== "space" && last.kind !== "op" && (open || last.kind !== "string");
  const current = touching ? meant.pop() : null;
  const word = open ? current.text.slice(1) : current?.text ?? "";
  const start = current ? current.start : caret;
  const before = meant.at(-1);
  const bar = meant.findLastIndex(({ kind, text: t }) => kind === "op" && t === "|");
  const field = fieldBefore(meant, current ? current.start : caret);
  if (field !== null) return { kind: "value", field, word, start, rest: VALUE };
  if (open) return null;
  if (bar >= 0 && bar === meant.length - 1) return { kind: "pipe", word, start, rest: NAME };
  if (bar >= 0 && !["filter", "where"].includes(meant[bar + 1]?.text)) {
    const pipe = meant[bar + 1]?.text.toLowerCase() ?? "";
    return { kind: "inPipe", pipe, call: before?.text === "(" ? meant.at(-2)?.text : null, word, start, rest: NAME, quiet: before?.text !== "(" };
  }
  return { kind: "filter", word, start, rest: NAME, quiet: true };
}

/** The field whose value is typed at `start`: directly behind `name:`, `name:=`, `name:"`, or within `name:in(`. */
function fieldBefore(meant, start) {
  let i = meant.length - 1;
  let end = start;
  const name = (token) => (token.kind === "string" ? token.text.slice(1, -1) : token.text);
  const isColon = (k) => meant[k]?.kind === "op" && meant[k].text === ":" && (meant[k - 1]?.kind === "field" || meant[k - 1]?.kind === "string");
  while (i >= 0 && meant[i].kind === "op" && "=!".includes(meant[i].text) && meant[i].end === end) end = meant[(i -= 1) + 1].start;
  if (isColon(i) && meant[i].end === end) return name(meant[i - 1]);
  // In a list of values: go back over what is in the parentheses.
  let k = meant.length - 1;
  while (k >= 0 && (meant[k].text === "," || ["string", "word", "number"].includes(meant[k].kind))) k -= 1;
  if (meant[k]?.text === "(" && ["in", "contains_any", "contains_all"].includes(meant[k - 1]?.text) && isColon(k - 2)) return name(meant[k - 3]);
  return null;
}

function inStream(token, caret) {
  const inner = token.text.slice(1);
  const part = inner.slice(inner.lastIndexOf(",") + 1);
  const value = inner.match(/([\w.:/-]+)\s*(?:=~|!~|!=|=)\s*"([^"]*)$/) ?? inner.match(/([\w.:/-]+)\s*(?:=~|!~|!=|=)\s*()$/);
  if (value) return { kind: "labelValue", field: value[1], word: value[2], start: caret - value[2].length - (inner.endsWith(`"${value[2]}`) ? 1 : 0), rest: /^[^",}]*"?/ };
  const word = part.match(/[\w.:/-]*$/)[0];
  return { kind: "label", word, start: caret - word.length, rest: /^[\w.:/-]*/ };
}

const plain = (list, note, tail = "", more = false) => list.map((text) => ({ text, insert: text, note, tail, more }));

/** What could stand there. `values(endpoint, params)` asks the store: [{value, hits}, …]. */
export async function candidates(now, values) {
  const count = (n) => (n > 0 ? n.toLocaleString("en") : "");
  const of = async (endpoint, params, make) => (await values(endpoint, params)).filter(({ value }) => value !== "").map(make);
  if (now.kind === "pipe") return plain(PIPES, "pipe", " ");
  if (now.kind === "label") return of("stream_field_names", {}, ({ value }) => ({ text: value, insert: value, note: "stream label", tail: "=", more: true }));
  if (now.kind === "labelValue") return of("stream_field_values", { field: now.field, limit: 1000 }, ({ value, hits }) => ({ text: value, insert: JSON.stringify(value), note: count(hits) }));
  if (now.kind === "value") {
    const make = ({ value, hits }) => ({ text: value, insert: quote(value), note: count(hits) });
    if (now.field === "_time") return plain(["5m", "15m", "1h", "1d", "7d"], "duration");
    if (now.field === "_msg") return [];
    const found = await of("field_values", { field: now.field, limit: 1000 }, make);
    if (found.length < 1000 || now.word === "") return found;
    // Too many to know them all: those that begin like this.
    return of("field_values", { field: now.field, limit: 200, query: `${quote(now.field)}:=${JSON.stringify(now.word)}*` }, make);
  }
  const names = await of("field_names", {}, ({ value, hits }) => ({ text: value, insert: quote(value), note: hits ? `field, ${count(hits)}` : "field", tail: now.kind === "filter" ? ":" : "", more: now.kind === "filter" }));
  if (now.kind === "filter") return [...names, ...plain(FILTERS, "filter", "("), ...plain(KEYWORDS, "operator", " ")];
  if (now.call && now.call !== "by" && !STATS.includes(now.call)) return names;
  const functions = plain(STATS, "function", "(", true);
  return ["stats", "running_stats", "total_stats", ...STATS].includes(now.pipe) && !now.call ? [...functions, ...plain(["by"], "keyword", " ("), ...names] : [...names, ...plain(["by"], "keyword", " (")];
}

/** Those that contain the word, the ones that start with it first, at most 60. */
export function rank(list, word) {
  const low = word.toLowerCase();
  const score = ({ text }) => {
    const at = text.toLowerCase().indexOf(low);
    return at < 0 ? Infinity : at === 0 ? 0 : /[_.:/-]/.test(text[at - 1]) ? 1 : 2;
  };
  return list.map((item, i) => [score(item), i, item]).filter(([n]) => n < Infinity).sort(([a, i], [b, j]) => a - b || i - j).slice(0, 60).map(([, , item]) => item);
}

/** A source for `candidates` that remembers answers for a minute. `range()` is the time range of the page. */
export function remembering(store, range) {
  const cache = new Map();
  return async (endpoint, params) => {
    const { start, end } = range();
    const wanted = { query: "*", ...params };
    const key = JSON.stringify([endpoint, wanted, Math.round(start / 60), Math.round(end / 60), store.tenant]);
    if (!cache.has(key)) {
      if (cache.size > 200) cache.clear();
      const answer = store.json(endpoint, { ...wanted, start, end }, AbortSignal.timeout(8000)).then(({ values }) => values);
      cache.set(key, answer);
      answer.catch(() => cache.delete(key));
    }
    return cache.get(key);
  };
}

