// The home page: paints the health onto what was rendered at compile time.

import "./frame.js";
import { badge, byId, dot, h, note, safeUrl } from "./dom.js";
import { ago, clock, plural } from "./format.js";
import { askNow, loadSite, toneOf, verdict, watch } from "./live.js";

const WORDS = { up: "up", down: "down", warn: "partly down", unknown: "no data" };
let at = 0;
let summary = "";

function set(element, state) {
  element.dataset.state = state;
  const word = element.querySelector("[data-word], .vh");
  if (word && word.textContent !== WORDS[state]) word.textContent = WORDS[state];
}

function stateOf(kind, id, health, site) {
  if (kind === "component") return health.components.get(id) ?? "unknown";
  if (kind === "node") return health.nodes.get(id) ?? "unknown";
  if (kind === "target") {
    const [job, ins, ip] = id.split("|");
    // An instance may have targets of other names, as a Redis node has one per port: they speak for it then.
    return health.targets.get(`${job}|${ins}`) ?? together(health.jobs.get(`${job}|${ip}`) ?? []);
  }
  const states = site.components.filter((c) => c.component === id && c.watched).map((c) => health.components.get(c.instance) ?? "unknown");
  return together(states);
}

/** One state for several: partly down is a warning. */
function together(states) {
  if (states.length === 0) return "unknown";
  const down = states.filter((s) => s === "down").length;
  if (down > 0) return down === states.length ? "down" : "warn";
  return states.includes("unknown") ? "unknown" : "up";
}

function firingItem({ labels, since }) {
  const subject = labels.ins ?? labels.instance ?? "";
  const tone = toneOf(labels);
  const link = `/alertmgr/#/alerts?filter=${encodeURIComponent(`{alertname=${JSON.stringify(labels.alertname)}}`)}`;
  return h("li", null,
    dot(tone === "bad" ? "down" : tone === "warn" ? "warn" : "unknown", tone === "bad" ? "critical" : tone),
    h("span", { class: "what" }, h("a", { href: safeUrl(link) }, labels.alertname), subject && h("span", null, subject),
      labels.ip && h("span", { class: "mono muted" }, labels.ip), badge(labels.severity ?? "no severity", tone)),
    since ? h("time", { class: "muted small nowrap", "data-at": since, title: clock(since) }, ago(since)) : h("span"));
}

function paint(health, site) {
  const { state, headline } = verdict(health);
  byId("hero").dataset.state = state;
  if (byId("headline").textContent !== headline) byId("headline").textContent = headline;
  for (const element of document.querySelectorAll("[data-live]")) {
    const [, kind, id] = element.dataset.live.match(/^(\w+):(.*)$/s);
    const watched = kind !== "component" || site.components.some((c) => c.instance === id && c.watched);
    if (watched) set(element, stateOf(kind, id, health, site));
  }
  at = health.error ? 0 : health.at;
  const up = [...health.targets.values()].filter((s) => s === "up").length;
  const info = health.alerts.filter((a) => toneOf(a.labels) === "info").length;
  summary = health.error
    ? `${health.error.message}${health.seen}`
    : [plural(site.components.length, "component"), plural(site.nodes.length, "node"),
        `${up} of ${health.targets.size} targets up`, info ? plural(info, "info alert") : ""].filter(Boolean).join(" · ");
  tick();

  const trouble = byId("trouble");
  const boxes = [];
  if (health.error)
    boxes.push(note("warn", health.error.message, `${health.error.detail} Everything below is the inventory as compiled; nothing here says that it is up or down.`.trim(), { retry: askNow }));
  else if (!health.heartbeat && state !== "unknown")
    boxes.push(note("warn", "The heartbeat alert isn’t firing.", "Rules aren’t being evaluated, so no alert can reach anybody. Look at vmalert."));
  trouble.replaceChildren(...boxes);
  trouble.hidden = boxes.length === 0;

  byId("alerts").hidden = health.alerts.length === 0;
  byId("alerts-count").textContent = health.alerts.length > 20 ? `${health.alerts.length}, the first 20 shown` : String(health.alerts.length);
  byId("firing").replaceChildren(...health.alerts.slice(0, 20).map(firingItem));
}

function tick() {
  if (summary) byId("subline").textContent = at ? `${summary} · seen ${ago(at)}` : summary;
}

function filterInventory() {
  const input = byId("inventory-filter");
  const rows = [...document.querySelectorAll("#inventory tbody tr")];
  const texts = rows.map((row) => row.textContent.toLowerCase().replace(/\s+/g, " "));
  const apply = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, i) => {
      row.hidden = !words.every((word) => texts[i].includes(word));
      if (!row.hidden) shown += 1;
    });
    byId("inventory-none").hidden = shown > 0 || rows.length === 0;
    byId("inventory-count").textContent = words.length ? `${shown} of ${plural(rows.length, "node")}` : plural(rows.length, "node");
  };
  input.addEventListener("input", apply);
  byId("inventory-search").hidden = false;
  apply();
}

filterInventory();
setInterval(tick, 1000);
loadSite()
  .then((site) => {
    if (site.features.metrics) watch((health) => paint(health, site));
    else byId("subline").textContent = "No metrics on this node, so no live health here.";
  })
  .catch((error) => {
    byId("trouble").replaceChildren(note("warn", error.message, error.detail));
    byId("trouble").hidden = false;
  });
