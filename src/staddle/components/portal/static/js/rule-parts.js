// How the rules page draws one group, one rule, one alert.

import { badge, chips, dot, h, icon, reconcile, safeUrl } from "./dom.js";
import { ago, clock, duration, instant, plural, quantity } from "./format.js";
import { alertsUrl, metricsUrl, silenceUrl } from "./links.js";
import { toneOf } from "./live.js";

const TONE = { pending: "info", inactive: "ok" };

/** The colour of a state; a firing alert has that of its severity. */
function toneFor(state, labels, name) {
  if (state !== "firing") return TONE[state];
  const tone = toneOf(labels ?? {}, name);
  return tone === "none" ? "info" : tone;
}

export const problemsOf = (rule) => rule.lastError !== "" || rule.health === "err" || rule.health === "error";

const closed = new Set();
const open = new Set();

const time = (ms) => h("time", { "data-at": Number.isFinite(ms) ? ms : null, title: clock(ms) }, ago(ms));

function annotations(values) {
  const rest = Object.entries(values ?? {}).filter(([name]) => !["summary", "description", "runbook_url", "runbook"].includes(name));
  const runbook = safeUrl(values?.runbook_url ?? values?.runbook);
  return [
    values?.summary && h("p", null, h("strong", null, values.summary)),
    values?.description && h("p", null, values.description),
    rest.length > 0 && h("dl", { class: "kv small" }, rest.map(([k, v]) => [h("dt", null, k), h("dd", null, safeUrl(v) && /^https?:/.test(v) ? h("a", { href: safeUrl(v) }, v) : v)])),
    runbook && h("p", null, h("a", { href: runbook }, icon("book"), " Runbook")),
  ];
}

const expression = (query, table) => h("a", { class: "expr", href: metricsUrl(query, { table }), title: "Open in Metrics" }, query);

/** One active alert with everything that is known about it. */
export function alertCard(alert, rule) {
  const at = instant(alert.activeAt);
  return h("div", { class: "item" },
    h("div", { class: "item-head" }, badge(alert.state, toneFor(alert.state, alert.labels, alert.name)), h("h3", null, alert.name),
      h("span", { class: "muted small" }, "since ", time(at), alert.restored ? ", restored after a restart" : ""),
      h("span", { class: "acts" }, h("a", { class: "btn small", href: alertsUrl({ alertname: alert.name }) }, "In Alertmanager"),
        h("a", { class: "btn small", href: silenceUrl(alert.labels) }, icon("silence"), "Silence"))),
    annotations(alert.annotations),
    chips(alert.labels, { hide: ["alertname"] }),
    h("div", null, expression(alert.expression ?? rule.query), h("span", { class: "muted small" }, "value ", h("span", { class: "mono" }, quantity(Number(alert.value))))));
}

/** One rule; `wide` shows its annotations and alerts right away. */
export function ruleCard(rule, wide = open.has(rule.id)) {
  const alerting = rule.type === "alerting";
  const alerts = rule.alerts ?? [];
  const state = problemsOf(rule) ? badge("error", "bad") : alerting ? badge(rule.state, toneFor(rule.state, rule.labels, rule.name)) : badge("recording", "info");
  const more = alerting && h("details", { class: "more", open: wide },
    h("summary", null, alerts.length ? plural(alerts.length, "active alert") : "Annotations"),
    alerts.length ? alerts.map((alert) => alertCard(alert, rule)) : h("div", null, annotations(rule.annotations)));
  if (more) more.addEventListener("toggle", () => (more.open ? open.add(rule.id) : open.delete(rule.id)));
  return h("div", { class: "item" },
    h("div", { class: "item-head" }, state, h("h3", null, rule.name), chips(rule.labels)),
    expression(rule.query),
    rule.lastError && h("p", { class: "err" }, rule.lastError),
    h("div", { class: "facts" },
      alerting && h("span", null, rule.duration ? `fires after ${duration(rule.duration)}` : "fires at once"),
      rule.keep_firing_for > 0 && h("span", null, `keeps firing for ${duration(rule.keep_firing_for)}`),
      h("span", { class: "last" }), h("span", { class: "took" }), h("span", { class: "samples" })),
    more);
}

function updateRule(element, rule) {
  const at = instant(rule.lastEvaluation);
  const last = element.querySelector(".facts > .last");
  let stamp = last.querySelector("time");
  if (!stamp) {
    stamp = time(at);
    last.append("evaluated ", stamp);
  }
  if (Number.isFinite(at)) stamp.dataset.at = at;
  stamp.textContent = ago(at);
  element.querySelector(".facts > .took").textContent = Number.isFinite(at) ? `in ${duration(rule.evaluationTime)}` : "";
  element.querySelector(".facts > .samples").textContent = plural(rule.lastSamples ?? 0, "sample");
}

export function drawGroup({ group }) {
  const details = h("details", { class: "panel fold", open: !closed.has(group.id) }, h("summary", null), h("div"));
  details.addEventListener("toggle", () => (details.open ? closed.delete(group.id) : closed.add(group.id)));
  return details;
}

export function updateGroup(details, { group, rules }) {
  const all = group.rules;
  const errors = all.filter(problemsOf).length;
  const hot = all.filter((r) => r.state === "firing" && toneOf(r.labels ?? {}, r.name) !== "none");
  const firing = hot.length;
  const title = JSON.stringify([group.name, group.file, group.interval, all.length, errors, firing]);
  const summary = details.firstElementChild;
  if (summary.dataset.title !== title) {
    summary.dataset.title = title;
    summary.replaceChildren(h("h2", null, group.name), badge(plural(all.length, "rule")),
      errors ? badge(`${errors} with errors`, "bad") : "", firing ? badge(`${firing} firing`, hot.some((r) => toneOf(r.labels ?? {}, r.name) === "bad") ? "bad" : "warn") : "",
      h("span", { class: "grow" }), h("span", { class: "muted small wrap-anywhere" }, `every ${duration(group.interval)} · ${group.file}`));
    details.classList.toggle("group-bad", errors > 0);
  }
  reconcile(details.lastElementChild, rules, {
    key: (rule) => rule.id,
    signature: (rule) => JSON.stringify([rule.state, rule.health, rule.lastError, rule.query, (rule.alerts ?? []).map((a) => [a.id, a.state, a.value])]),
    draw: (rule) => ruleCard(rule),
    update: updateRule,
  });
}

/** Where alerts are sent, from vmalert's metrics. */
export function notifierTable(answer) {
  if (answer === null) return h("p", { class: "empty" }, "Asking…");
  if (answer.error) return h("p", { class: "empty" }, answer.error);
  const byAddress = new Map();
  for (const { metric, value } of answer.rows) {
    const key = JSON.stringify([metric.addr ?? "", metric.ins ?? ""]);
    if (!byAddress.has(key)) byAddress.set(key, { addr: metric.addr ?? "?", ins: metric.ins ?? "" });
    byAddress.get(key)[metric.what] = Number(value[1]);
  }
  if (byAddress.size === 0) return h("p", { class: "empty" }, "vmalert has sent no alert yet, or its metrics aren’t collected.");
  const count = (n) => (n === undefined ? "–" : String(Math.round(n)));
  return h("div", { class: "panel table-box" }, h("table", { class: "cards" },
    h("thead", null, h("tr", null, ["Alertmanager", "Sent by", "Sent in 1 h", "Errors in 1 h", "Sent in all", "Errors in all"].map((t, i) => h("th", { scope: "col", class: i > 1 ? "num" : null }, t)))),
    h("tbody", null, [...byAddress.values()].map((row) => h("tr", null,
      h("th", { scope: "row", class: "mono" }, h("span", { class: "inst" }, dot(row.errors_1h > 0.5 ? "warn" : "up", row.errors_1h > 0.5 ? "errors" : "fine"), row.addr)),
      h("td", { "data-label": "Sent by" }, row.ins), ["sent_1h", "errors_1h", "sent", "errors"].map((what, i) =>
        h("td", { class: "num", "data-label": ["Sent in 1 h", "Errors in 1 h", "Sent in all", "Errors in all"][i] }, count(row[what]))))))));
}
