// What the page shows, as its address says it: #/?service=…&tags=…, #/trace/<id>?span=<id>, #/map.

import { format as formatTimes, parse as parseTimes } from "./query-state.js";

export const LIMITS = [20, 50, 100, 200, 500, 1000];
const TEXTS = ["service", "operation", "tags", "min", "max"];

/** The address' hash → {view, id, span, service, operation, tags, min, max, limit, range (s), end (s, or null: now)}. */
export function parse(hash) {
  const [, path = "", query = ""] = hash.match(/^#\/?([^?]*)\??(.*)$/s) ?? [];
  const params = new URLSearchParams(query);
  const times = parseTimes(`#/?${query}`);
  const id = path.match(/^trace\/([0-9a-fA-F]{1,32})$/)?.[1]?.toLowerCase() ?? null;
  const limit = Number(params.get("limit"));
  return {
    view: id ? "trace" : path === "map" ? "map" : "search",
    id,
    span: params.get("span"),
    ...Object.fromEntries(TEXTS.map((name) => [name, params.get(name) ?? ""])),
    limit: LIMITS.includes(limit) ? limit : LIMITS[0],
    range: times.range,
    end: times.end,
    day: null,
  };
}

/** The other way; `parse(format(state))` is `state`. */
export function format(state) {
  const params = new URLSearchParams();
  for (const name of TEXTS) if (state[name]) params.set(name, state[name]);
  if (state.limit !== LIMITS[0]) params.set("limit", state.limit);
  const times = new URLSearchParams(formatTimes({ exprs: [], range: state.range, end: state.end, table: false, step: null }).replace(/^#\/\?/, ""));
  for (const [name, value] of times) params.set(name, value);
  if (state.view === "trace" && state.span) params.set("span", state.span);
  return `#/${state.view === "trace" ? `trace/${state.id}` : state.view === "map" ? "map" : ""}?${params}`;
}

/** `a=1 b="two words"` → {a: "1", b: "two words"}; null when it can't be read. */
export function readTags(text) {
  const found = {};
  let rest = text.trim();
  while (rest) {
    const match = rest.match(/^([^\s="]+)\s*[=:]\s*("((?:[^"\\]|\\.)*)"|[^\s"]+)(?:\s+|,\s*|$)/s);
    if (!match) return null;
    found[match[1]] = match[3] === undefined ? match[2] : match[3].replace(/\\(.)/gs, "$1");
    rest = rest.slice(match[0].length);
  }
  return found;
}

/** The other way. */
export const writeTag = (name, value) => `${name}=${/^[^\s",\\]+$/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`}`;
