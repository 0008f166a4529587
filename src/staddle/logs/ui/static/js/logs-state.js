// What the page shows, as its address says it. The parameters are those of VictoriaLogs' own UI, so that links between
// the two work both ways: #/?query=…&g0.range_input=1h&g0.end_input=2026-01-31T12:00:00&g0.relative_time=none&limit=1000

import { format as formatTimes, parse as parseTimes, seconds } from "./query-state.js";

export const LIMITS = [100, 500, 1000, 5000, 10_000, 50_000, 100_000];
const VIEWS = ["rows", "table", "json"];

/** Ranges that have a name: id of the original, its length, what to call it. */
export const QUICK = [
  ["last_5_minutes", "5m", "Last 5 minutes"], ["last_15_minutes", "15m", "Last 15 minutes"], ["last_30_minutes", "30m", "Last 30 minutes"],
  ["last_1_hour", "1h", "Last hour"], ["last_3_hours", "3h", "Last 3 hours"], ["last_6_hours", "6h", "Last 6 hours"], ["last_12_hours", "12h", "Last 12 hours"],
  ["last_24_hours", "24h", "Last 24 hours"], ["last_2_days", "2d", "Last 2 days"], ["last_7_days", "7d", "Last 7 days"], ["last_30_days", "30d", "Last 30 days"],
  ["last_90_days", "90d", "Last 90 days"], ["today", "", "Today"], ["yesterday", "", "Yesterday"],
];

const uint = (text) => (/^\d{1,10}$/.test(text ?? "") ? Number(text) : 0);
const list = (text) => [...new Set((text ?? "").split(",").map((t) => t.trim()).filter(Boolean))];

function day(now, back) {
  const midnight = new Date(now * 1000);
  midnight.setHours(0, 0, 0, 0);
  midnight.setDate(midnight.getDate() - back);
  return midnight.getTime() / 1000;
}

/** The address' hash → {query, range (s), end (s, or null: now), relative, limit, …}. Whatever is missing or wrong gets its default. */
export function parse(hash) {
  const params = new URLSearchParams(hash.match(/^#[^?]*\?(.*)$/s)?.[1] ?? "");
  const times = parseTimes(hash);
  const id = params.get("g0.relative_time");
  const quick = QUICK.find(([name]) => name === id);
  const context = hash.match(/^#\/stream-context\/([0-9a-f]+)\/([^?/]+)/);
  const columns = list(params.get("displayFields")).filter((name) => name !== "_msg");
  // The original's page for what is around one row.
  if (context) return { ...parse("#/"), query: `_stream_id:${context[1]} _time:${decodeURIComponent(context[2])}`, range: 60, end: Math.ceil(Date.parse(decodeURIComponent(context[2])) / 1000) + 30 || null };
  return {
    query: params.get("query") ?? "*",
    // The name counts, as in the original; the length says it for ranges without one.
    range: quick?.[1] ? seconds(quick[1]) : times.range,
    end: times.end,
    day: quick && !quick[1] ? id : null,
    limit: Math.min(uint(params.get("limit")) || 1000, LIMITS.at(-1)),
    account: uint(params.get("accountID") ?? params.get("AccountID")),
    project: uint(params.get("projectID") ?? params.get("ProjectID")),
    view: VIEWS.includes(params.get("view")) ? params.get("view") : "rows",
    columns: params.has("displayFields") ? columns : null,
    by: params.get("hits_field"),
    live: params.get("live") === "1",
  };
}

/** The other way; `parse(format(state))` is `state`. */
export function format(state) {
  const params = new URLSearchParams({ query: state.query });
  const times = new URLSearchParams(formatTimes({ exprs: [], range: state.range, end: state.end, table: false, step: null }).replace(/^#\/\?/, ""));
  for (const [name, value] of times) params.set(name, value);
  const quick = state.end === null && QUICK.find(([id, length]) => (state.day ? id === state.day : length && seconds(length) === state.range));
  if (quick) params.set("g0.relative_time", quick[0]);
  params.set("limit", state.limit);
  if (state.account || state.project) {
    params.set("accountID", state.account);
    params.set("projectID", state.project);
  }
  if (state.view !== "rows") params.set("view", state.view);
  if (state.columns) params.set("displayFields", [...state.columns, "_msg"].join(","));
  if (state.by !== null) params.set("hits_field", state.by);
  if (state.live) params.set("live", "1");
  return `#/?${params}`;
}

/** The time range as of `now` (seconds): {start, end}. */
export function between({ range, end, day: name }, now = Date.now() / 1000) {
  if (end === null && name === "today") return { start: day(now, 0), end: now };
  if (end === null && name === "yesterday") return { start: day(now, 1), end: day(now, 0) - 0.001 };
  return { start: (end ?? now) - range, end: end ?? now };
}

/** About `bars` steps for a range, of a length that people know. */
export function stepFor(range, bars) {
  const rough = range / bars;
  return [0.001, 0.01, 0.1, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800].find((x) => x >= rough * 0.999) ?? 2_592_000;
}
