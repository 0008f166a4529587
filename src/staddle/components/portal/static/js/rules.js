// vmalert: rule groups as they evaluate, active alerts, and where alerts are sent.

import "./frame.js";
import { poll, prometheus } from "./api.js";
import { byId, empty, h, note, problem, reconcile } from "./dom.js";
import { plural } from "./format.js";
import { loadSite } from "./live.js";
import { alertCard, drawGroup, notifierTable, problemsOf, ruleCard, updateGroup } from "./rule-parts.js";

const filter = byId("filter");
const state = byId("state");
const asked = new URLSearchParams(location.search);
let groups = null;
let notifiers = null;

/** The view: from our own hash, else from the path that vmalert's own links use (/vmalert/vmalert/alerts). */
function view() {
  const own = location.hash.match(/^#\/(groups|alerts|notifiers)/);
  if (own) return own[1];
  const last = location.pathname.replace(/\/+$/, "").split("/").pop();
  return last === "alerts" || last === "notifiers" ? last : "groups";
}

const textOf = (rule) => [rule.name, rule.query, rule.group_name, ...Object.entries(rule.labels ?? {}).map(([k, v]) => `${k}=${v}`)].join(" ");

function words(text) {
  const all = text.toLowerCase();
  return filter.value.toLowerCase().split(/\s+/).filter(Boolean).every((word) => all.includes(word));
}

function ruleMatches(rule) {
  if (state.value === "error" && !problemsOf(rule)) return false;
  if (state.value && state.value !== "error" && rule.state !== state.value) return false;
  return words(textOf(rule));
}

/** What a link from an alert or a rule asks for: shown on top, outlined. */
function opened() {
  const group = groups.find((g) => g.id === asked.get("group_id"));
  if (!asked.has("group_id")) return [];
  const alertId = asked.get("alert_id");
  const ruleId = asked.get("rule_id");
  if (alertId) {
    for (const rule of group?.rules ?? []) {
      const alert = (rule.alerts ?? []).find((a) => a.id === alertId);
      if (alert) return [{ kind: "alert", alert, rule }];
    }
    return [{ kind: "gone" }];
  }
  const rule = group?.rules.find((r) => r.id === ruleId);
  return rule || ruleId ? [rule ? { kind: "rule", rule } : { kind: "gone" }] : [];
}

function drawOpened(item) {
  if (item.kind === "gone")
    return note("info", "This alert isn’t active any more.", "It has resolved, or its rule has changed since the link was made.");
  const body = item.kind === "alert" ? alertCard(item.alert, item.rule) : ruleCard(item.rule, true);
  return h("section", { class: "panel opened", "aria-label": item.kind === "alert" ? "The alert of this link" : "The rule of this link" }, body);
}

function drawGroups(list) {
  const shown = groups.map((group) => ({ group, rules: group.rules.filter(ruleMatches) })).filter(({ rules }) => rules.length > 0);
  const total = groups.reduce((sum, g) => sum + g.rules.length, 0);
  const count = shown.reduce((sum, g) => sum + g.rules.length, 0);
  const broken = groups.flatMap((g) => g.rules).filter(problemsOf).length;
  byId("counts").textContent = [count === total ? plural(total, "rule") : `${count} of ${plural(total, "rule")}`,
    plural(groups.length, "group"), broken ? `${broken} with errors` : ""].filter(Boolean).join(" · ");
  if (shown.length === 0) {
    list.replaceChildren(total === 0 ? empty("No rules", "vmalert has loaded no rule file.", "rules") : empty("No rule matches", "Loosen the filter to see more.", "rules"));
    return;
  }
  reconcile(list, shown, { key: ({ group }) => `group ${group.id}`, draw: drawGroup, update: updateGroup });
}

function drawAlerts(list) {
  const all = groups.flatMap((g) => g.rules.flatMap((rule) => (rule.alerts ?? []).map((alert) => ({ alert, rule }))));
  const shown = all.filter(({ alert, rule }) =>
    (!state.value || alert.state === state.value || (state.value === "error" && problemsOf(rule)))
    && words([alert.name, alert.state, ...Object.values(alert.annotations ?? {}), ...Object.entries(alert.labels).map(([k, v]) => `${k}=${v}`)].join(" ")));
  shown.sort((a, b) => (a.alert.state === b.alert.state ? Date.parse(b.alert.activeAt) - Date.parse(a.alert.activeAt) : a.alert.state === "firing" ? -1 : 1));
  byId("counts").textContent = shown.length === all.length ? plural(all.length, "active alert") : `${shown.length} of ${plural(all.length, "active alert")}`;
  if (shown.length === 0) {
    list.replaceChildren(empty(all.length === 0 ? "No active alert" : "No alert matches", all.length === 0 ? "Nothing is pending or firing." : "Loosen the filter to see more.", "bell"));
    return;
  }
  reconcile(list, shown, {
    key: ({ alert }) => `alert ${alert.id}`,
    signature: ({ alert }) => JSON.stringify([alert.state, alert.value, alert.annotations, alert.labels]),
    draw: ({ alert, rule }) => h("section", { class: "panel" }, alertCard(alert, rule)),
  });
}

function draw() {
  if (groups === null) return;
  const list = byId("list");
  const now = view();
  for (const name of ["groups", "alerts", "notifiers"]) byId(`tab-${name}`).setAttribute("aria-selected", String(name === now));
  document.querySelector(".filters").hidden = now === "notifiers";
  reconcile(byId("opened"), now === "groups" ? opened() : [], {
    key: (item) => item.kind,
    signature: (item) => JSON.stringify([item.alert?.state, item.alert?.value, item.rule?.health, item.rule?.lastError]),
    draw: drawOpened,
  });
  if (list.dataset.view !== now) list.replaceChildren();
  list.dataset.view = now;
  list.setAttribute("aria-busy", "false");
  list.querySelector(":scope > .empty")?.remove();
  if (now === "groups") drawGroups(list);
  else if (now === "alerts") drawAlerts(list);
  else list.replaceChildren(notifierTable(notifiers));
}

/** vmalert has no API for its notifiers; its own metrics tell what was sent to whom. */
async function askNotifiers() {
  const site = await loadSite();
  if (!site.features.metrics) return { error: "The notifiers are known from vmalert’s metrics, and this node stores none." };
  const query = 'union(label_set(vmalert_alerts_sent_total, "what", "sent"), label_set(increase(vmalert_alerts_sent_total[1h]), "what", "sent_1h"), '
    + 'label_set(vmalert_alerts_send_errors_total, "what", "errors"), label_set(increase(vmalert_alerts_send_errors_total[1h]), "what", "errors_1h"))';
  try {
    return { rows: (await prometheus("/vmetrics/api/v1/query", { form: { query } })).data.result };
  } catch (error) {
    return { error: error.message };
  }
}

const refresh = poll(async () => {
  try {
    await loadSite();
    if (view() === "notifiers") notifiers = await askNotifiers().catch((error) => ({ error: error.message }));
    const { data } = await prometheus("/vmalert/api/v1/rules");
    groups = data.groups ?? [];
    byId("problem").replaceChildren();
    draw();
  } catch (error) {
    byId("problem").replaceChildren(problem(error, () => refresh()));
    byId("list").setAttribute("aria-busy", "false");
    if (groups === null) byId("list").replaceChildren();
  }
}, 10);

filter.value = asked.get("search") ?? "";
filter.addEventListener("input", draw);
state.addEventListener("change", draw);
addEventListener("hashchange", () => {
  draw();
  if (view() === "notifiers") refresh();
});
