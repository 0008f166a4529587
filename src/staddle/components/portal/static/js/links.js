// Addresses of one page that another page needs.

/** The metrics page with an expression; `range` as in vmui's `g0.range_input`. */
export function metricsUrl(expr, { range = "1h", table = false } = {}) {
  const params = new URLSearchParams({ "g0.expr": expr, "g0.range_input": range });
  if (table) params.set("g0.tab", "1");
  return `/vmetrics/#/?${params}`;
}

const matcher = ([name, value]) => `${name}=${JSON.stringify(value)}`;

/** Labels as Alertmanager's filter text: `{a="b",c="d"}`. */
export const filterText = (labels) => `{${Object.entries(labels).map(matcher).join(",")}}`;

/** The alerts page showing what these labels match. */
export const alertsUrl = (labels) => `/alertmgr/#/alerts?${new URLSearchParams({ silenced: "true", inhibited: "true", filter: filterText(labels) })}`;

/** The form for a new silence, filled in with these labels. */
export const silenceUrl = (labels) => `/alertmgr/#/silences/new?${new URLSearchParams({ filter: filterText(labels) })}`;

/** `{a="b", c=~"d"}` → matchers of Alertmanager's API. Throws SyntaxError naming what isn't understood. */
export function parseMatchers(text) {
  let rest = text.trim().replace(/^\{/, "").replace(/\}$/, "").trim();
  const found = [];
  while (rest !== "") {
    const part = rest.match(/^(?:([a-zA-Z_][\w.:-]*)|("(?:[^"\\]|\\.)*"))\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^\s,"{}=~!][^\s,"{}]*)\s*(?:,\s*|$)/);
    if (!part) throw new SyntaxError(`Not a matcher: ${rest.slice(0, 60)}`);
    const [all, bare, quoted, op, raw] = part;
    const value = raw.startsWith('"') ? unquote(raw) : raw;
    found.push({ name: bare ?? unquote(quoted), value, isEqual: !op.startsWith("!"), isRegex: op.endsWith("~") });
    rest = rest.slice(all.length).trim();
  }
  return found;
}

function unquote(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text.slice(1, -1);
  }
}

/** `=`, `!=`, `=~` or `!~`. A missing isEqual is true: Alertmanager leaves it out for old silences. */
export const operator = (m) => `${m.isEqual === false ? "!" : "="}${m.isRegex ? "~" : m.isEqual === false ? "=" : ""}`;

export const matcherText = (m) => `${m.name}${operator(m)}${JSON.stringify(m.value)}`;
