// What the metrics page shows, as its address says it. The form is vmui's, so links between the two work both ways:
// #/?g0.expr=up&g0.range_input=1h&g0.end_input=2026-01-31T12:00:00&g0.relative_time=last_1_hour&g0.tab=1&g1.expr=…

export const RANGES = ["5m", "15m", "30m", "1h", "3h", "6h", "12h", "1d", "2d", "7d", "30d", "90d"];

const SECONDS = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31536000 };

/** "1h30m" → 5400; a plain number is seconds. NaN if it isn't a duration. */
export function seconds(text) {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  if (!/^(\d+(\.\d+)?(ms|[smhdwy]))+$/.test(text)) return NaN;
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdwy])/g)].reduce((sum, [, n, unit]) => sum + n * SECONDS[unit], 0);
}

const rangeText = (s) => {
  const exact = RANGES.find((r) => seconds(r) === s);
  return exact ?? (s % 3600 === 0 ? `${s / 3600}h` : s % 60 === 0 ? `${s / 60}m` : `${Math.max(1, Math.round(s))}s`);
};

/** vmui writes its end in UTC without a zone. */
function parseEnd(text) {
  if (!text) return null;
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text.replace(" ", "T")}Z`);
  return Number.isNaN(ms) ? null : ms / 1000;
}

/** {view, exprs, range (s), end (s, or null for now), table, step (s, or null)}. */
export function parse(hash) {
  const [, path = "/", query = ""] = hash.match(/^#(\/?[^?]*)\??(.*)$/) ?? [];
  const params = new URLSearchParams(query);
  const exprs = [];
  for (let i = 0; i < 20 && params.has(`g${i}.expr`); i += 1) exprs.push(params.get(`g${i}.expr`));
  const range = seconds(params.get("g0.range_input") ?? "");
  const relative = params.get("g0.relative_time");
  const end = relative && relative !== "none" ? null : parseEnd(params.get("g0.end_input"));
  const step = seconds(params.get("g0.step_input") ?? "");
  return {
    view: /^\/?cardinality/.test(path) ? "cardinality" : "query",
    exprs,
    range: range > 0 ? range : 3600,
    end,
    table: params.get("g0.tab") === "1",
    step: step > 0 ? step : null,
  };
}

export function format({ exprs, range, end, table, step }) {
  const params = new URLSearchParams();
  exprs.forEach((expr, i) => params.set(`g${i}.expr`, expr));
  params.set("g0.range_input", rangeText(range));
  if (end !== null) {
    params.set("g0.end_input", new Date(end * 1000).toISOString().slice(0, 19));
    params.set("g0.relative_time", "none");
  }
  if (table) params.set("g0.tab", "1");
  if (step !== null) params.set("g0.step_input", `${step}s`);
  return `#/?${params}`;
}

/** A step that gives about one point per three pixels, rounded to a length that people know. */
export function stepFor(range, width) {
  const rough = range / Math.max(60, width / 3);
  return [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400].find((x) => x >= rough) ?? 86400;
}
