// The alerts that Alertmanager holds, in the groups in which receivers are told about them.

import { request } from "./api.js";
import { badge, chips, dot, empty, h, icon, reconcile, safeUrl } from "./dom.js";
import { ago, clock, instant, plural } from "./format.js";
import { matcherText, parseMatchers, silenceUrl } from "./links.js";
import { loadSite, RANK, toneOf } from "./live.js";

/** A firing alert's dot and words: silenced and inhibited ones are shown as such. */
function stateOf({ status, labels }) {
  if (status.silencedBy.length) return { dot: "unknown", word: "silenced" };
  if (status.inhibitedBy.length) return { dot: "unknown", word: "inhibited" };
  if (status.mutedBy?.length) return { dot: "unknown", word: "muted by time" };
  const tone = toneOf(labels);
  return { dot: { bad: "down", warn: "warn" }[tone] ?? "unknown", word: "active" };
}

function card(alert, common, addMatcher) {
  const { labels, annotations, status } = alert;
  const now = stateOf(alert);
  // In a group of one alert's instances the heading already names the alert.
  const title = (common.includes("alertname") && (labels.ins ?? labels.instance)) || labels.alertname || "(no name)";
  const at = instant(alert.startsAt);
  const runbook = safeUrl(annotations.runbook_url ?? annotations.runbook);
  const source = safeUrl(alert.generatorURL);
  const rest = Object.entries(annotations).filter(([k]) => !["summary", "description", "runbook_url", "runbook"].includes(k));
  return h("article", { class: now.word === "active" ? "item" : "item quiet-state" },
    h("div", { class: "item-head" },
      dot(now.dot, now.word), h("h3", null, title),
      badge(labels.severity ?? "no severity", toneOf(labels)),
      now.word !== "active" && badge(now.word, "info"),
      h("span", { class: "muted small" }, "since ", h("time", { "data-at": at, title: clock(at) }, ago(at))),
      h("span", { class: "acts" },
        runbook && h("a", { class: "btn small", href: runbook }, icon("book"), "Runbook"),
        source && h("a", { class: "btn small", href: source }, "Rule"),
        h("a", { class: "btn small", href: silenceUrl(labels) }, icon("silence"), "Silence"))),
    annotations.summary && h("p", null, h("strong", null, annotations.summary)),
    annotations.description && h("p", null, annotations.description),
    rest.length > 0 && h("dl", { class: "kv small" }, rest.map(([k, v]) => [h("dt", null, k), h("dd", null, /^https?:/.test(v) ? h("a", { href: safeUrl(v) }, v) : v)])),
    status.silencedBy.length > 0 && h("p", { class: "small" }, "Silenced by ", status.silencedBy.map((id, i) => [i ? ", " : "", h("a", { class: "mono", href: `#/silences/${id}` }, id.slice(0, 8))])),
    status.inhibitedBy.length > 0 && h("p", { class: "small muted" }, "Kept quiet because another alert explains it (inhibition)."),
    chips(labels, { hide: ["alertname", ...common], onclick: addMatcher }));
}

export class AlertsView {
  constructor() {
    this.filters = [];
    this.seen = null;
    this.input = h("input", { type: "search", placeholder: 'severity="CRIT", ins=~"pg-.*"', autocomplete: "off", spellcheck: "false", "aria-describedby": "filter-problem" });
    this.complaint = h("span", { class: "err", id: "filter-problem", role: "alert" });
    this.silenced = h("input", { type: "checkbox", onchange: () => this.toHash() });
    this.inhibited = h("input", { type: "checkbox", onchange: () => this.toHash() });
    this.receiver = h("select", { "aria-label": "Receiver", onchange: () => this.toHash() }, h("option", { value: "" }, "Any receiver"));
    this.counts = h("span", { class: "muted small", role: "status" });
    this.list = h("div", { class: "stack" });
    const form = h("form", { class: "bar filters", onsubmit: (event) => (event.preventDefault(), this.toHash()) },
      h("label", { class: "search" }, h("span", { class: "vh" }, "Filter by labels"), icon("search"), this.input),
      this.receiver,
      h("label", { class: "check" }, this.silenced, "Silenced"), h("label", { class: "check" }, this.inhibited, "Inhibited"),
      this.complaint, h("span", { class: "grow" }), this.counts, h("a", { class: "btn small", href: "#/silences/new" }, icon("plus"), "New silence"));
    this.input.addEventListener("change", () => this.toHash());
    this.root = h("div", null, form, this.list);
  }

  /** Take the state from the address. */
  follow(params) {
    const text = (params.get("filter") ?? "").trim().replace(/^\{|\}$/g, "");
    if (document.activeElement !== this.input) this.input.value = text;
    this.silenced.checked = params.get("silenced") !== "false";
    this.inhibited.checked = params.get("inhibited") !== "false";
    const receiver = params.get("receiver") ?? "";
    if (receiver && ![...this.receiver.options].some((o) => o.value === receiver)) this.receiver.append(h("option", { value: receiver }, receiver));
    this.receiver.value = receiver;
    try {
      this.filters = parseMatchers(text);
      this.complaint.textContent = "";
      this.input.removeAttribute("aria-invalid");
    } catch (error) {
      this.filters = [];
      this.complaint.textContent = error.message;
      this.input.setAttribute("aria-invalid", "true");
    }
  }

  toHash() {
    const params = new URLSearchParams();
    if (!this.silenced.checked) params.set("silenced", "false");
    if (!this.inhibited.checked) params.set("inhibited", "false");
    if (this.receiver.value) params.set("receiver", this.receiver.value);
    if (this.input.value.trim()) params.set("filter", `{${this.input.value.trim()}}`);
    location.hash = `#/alerts${params.size ? `?${params}` : ""}`;
  }

  add(name, value) {
    const matchers = [...this.filters.filter((m) => m.name !== name), { name, value, isEqual: true, isRegex: false }];
    this.input.value = matchers.map(matcherText).join(", ");
    this.toHash();
  }

  async load() {
    const params = new URLSearchParams({ active: "true", silenced: this.silenced.checked, inhibited: this.inhibited.checked, muted: "true" });
    for (const m of this.filters) params.append("filter", matcherText(m));
    const escaped = this.receiver.value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    if (escaped) params.set("receiver", `^${escaped}$`);
    await loadSite();
    const [groups, receivers] = await Promise.all([request(`/alertmgr/api/v2/alerts/groups?${params}`), this.seen ?? request("/alertmgr/api/v2/receivers")]);
    if (this.seen === null) {
      this.seen = receivers;
      const known = new Set([...this.receiver.options].map((o) => o.value));
      this.receiver.append(...receivers.filter((r) => !known.has(r.name)).map((r) => h("option", { value: r.name }, r.name)));
    }
    this.draw(groups);
  }

  draw(groups) {
    const filled = groups.filter((g) => g.alerts.length > 0);
    const worst = (g) => Math.min(...g.alerts.map((a) => (a.status.state === "active" ? RANK[toneOf(a.labels)] : 3)));
    filled.sort((a, b) => worst(a) - worst(b) || JSON.stringify(a.labels).localeCompare(JSON.stringify(b.labels)));
    const unique = new Map(filled.flatMap((g) => g.alerts).map((a) => [a.fingerprint, a]));
    const count = (word) => [...unique.values()].filter((a) => stateOf(a).word === word).length;
    this.counts.textContent = [`${count("active")} active`, `${count("silenced")} silenced`, `${count("inhibited")} inhibited`].join(" · ");
    if (filled.length === 0) {
      const filtered = this.filters.length > 0 || this.receiver.value;
      this.list.replaceChildren(filtered ? empty("No alert matches", "Loosen the filter to see more.", "bell") : empty("Nothing is firing", "Alertmanager holds no alert.", "bell"));
      return;
    }
    this.list.querySelector(":scope > .empty")?.remove();
    reconcile(this.list, filled, {
      key: (g) => JSON.stringify([g.receiver.name, g.labels]),
      draw: (g) => h("section", { class: "panel" },
        h("div", { class: "panel-head" }, h("h2", null, Object.keys(g.labels).length ? Object.values(g.labels).join(" · ") : "Not grouped"),
          h("span", { class: "muted small" }, "told to ", h("strong", null, g.receiver.name)), h("span", { class: "grow" }),
          h("span", { class: "muted small many" }), h("a", { class: "btn small quiet", href: silenceUrl(g.labels) }, "Silence the group")),
        h("div")),
      update: (element, g) => {
        element.querySelector(".many").textContent = plural(g.alerts.length, "alert");
        reconcile(element.lastElementChild, [...g.alerts].sort((a, b) => RANK[toneOf(a.labels)] - RANK[toneOf(b.labels)] || b.startsAt.localeCompare(a.startsAt)), {
          key: (a) => a.fingerprint,
          signature: (a) => JSON.stringify([a.status, a.annotations, a.startsAt]),
          draw: (a) => card(a, Object.keys(g.labels), (name, value) => this.add(name, value)),
        });
      },
    });
  }
}
