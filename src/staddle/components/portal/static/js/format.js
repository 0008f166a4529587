// Numbers and times as people read them.

const pad = (n) => String(n).padStart(2, "0");

/** 0.0123 → "12.3 ms", 93784 → "1d 2h". */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const sign = seconds < 0 ? "-" : "";
  const abs = Math.abs(seconds);
  if (abs === 0) return "0 s";
  if (abs < 1e-3) return `${sign}${short(abs * 1e6)} µs`;
  if (abs < 1) return `${sign}${short(abs * 1e3)} ms`;
  if (abs < 60) return `${sign}${short(abs)} s`;
  const whole = Math.round(abs);
  const parts = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
  let rest = whole;
  const out = [];
  for (const [size, unit] of parts) {
    const n = Math.floor(rest / size);
    rest -= n * size;
    if (n > 0 && out.length < 2) out.push(`${n}${unit}`);
    else if (out.length > 0) break;
  }
  return sign + out.join(" ");
}

const short = (n) => String(Number(n.toPrecision(3)));

/** "4 s ago", "in 2h"; `now` and `time` in milliseconds. */
export function ago(time, now = Date.now()) {
  if (!time || !Number.isFinite(time)) return "never";
  const gap = Math.round((now - time) / 1000);
  if (Math.abs(gap) < 1) return "just now";
  return gap > 0 ? `${duration(gap)} ago` : `in ${duration(-gap)}`;
}

/** Milliseconds of an RFC 3339 text; NaN for the zero time that Go writes for "never". */
export const instant = (text) => (text?.startsWith("0001-") ? NaN : Date.parse(text));

/** Local date and time to the second. */
export function clock(ms, { date = true, seconds = true } = {}) {
  if (!Number.isFinite(ms)) return "–";
  const d = new Date(ms);
  const time = `${pad(d.getHours())}:${pad(d.getMinutes())}${seconds ? `:${pad(d.getSeconds())}` : ""}`;
  return date ? `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${time}` : time;
}

/** The value for <input type="datetime-local">. */
export const localInput = (ms) => clock(ms).replace(" ", "T");

const SI = ["", "k", "M", "G", "T", "P", "E"];
const IEC = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

function scaled(value, base, units, gap) {
  let v = Math.abs(value);
  let i = 0;
  while (v >= base * 0.9995 && i < units.length - 1) {
    v /= base;
    i += 1;
  }
  const text = v >= 100 ? v.toFixed(v >= 999.5 ? 0 : 1) : v >= 1 || v === 0 ? v.toFixed(2) : v.toPrecision(3);
  return `${value < 0 ? "-" : ""}${Number(text)}${gap}${units[i]}`;
}

/** A value in a unit: bytes, seconds, ratio, time (Unix seconds) or "" (SI prefixes). */
export function quantity(value, unit = "") {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (unit === "bytes") return scaled(value, 1024, IEC, " ");
  if (unit === "seconds") return duration(value);
  if (unit === "ratio") return `${Number((value * 100).toPrecision(4))} %`;
  if (unit === "time") return clock(value * 1000);
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential(2);
  return scaled(value, 1000, SI, "");
}

/** What a query's result is measured in, judged by the names in it. "" if they don't say or disagree. */
export function unitOf(expression) {
  const bare = expression.replace(/"(?:[^"\\]|\\.)*"/g, '""').replace(/\{[^}]*\}/g, "");
  if (/\b(count|group|changes|resets|count_over_time)\s*(by\s*\([^)]*\)\s*)?\(/.test(bare)) return "";
  if (/[/*]/.test(bare)) return /_bytes/.test(bare) && /\/\s*\d/.test(bare) && !/_bytes.*\/.*_bytes/.test(bare) ? "bytes" : "";
  const rated = /\b(i?rate|i?deriv)\w*\s*\(/.test(bare);
  if (/_bytes(_total)?\b/.test(bare)) return "bytes";
  if (/_(timestamp|time)_seconds\b/.test(bare)) return /-/.test(bare) ? "seconds" : rated ? "" : "time";
  if (/_(seconds|duration)(_total|_sum|_bucket)?\b/.test(bare)) return rated ? "" : "seconds";
  if (/_ratio\b|:usage\b/.test(bare)) return "ratio";
  return "";
}

/** `{a="b"}` the way PromQL writes it, name first. */
export function seriesName(metric) {
  const { __name__: name = "", ...labels } = metric;
  const body = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${k}=${JSON.stringify(v)}`).join(", ");
  return body ? `${name}{${body}}` : name || "{}";
}

export const plural = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;
