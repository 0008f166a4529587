// The health of everything, from one query: shared by the header of every page and by the home page.

import { poll, prometheus, request } from "./api.js";
import { ago, plural } from "./format.js";

const listeners = new Set();
let site;
let last;
let again;

/** The fleet as the page was compiled: see `site_json` in pages.py. */
export async function loadSite() {
  site ??= await request(document.querySelector('meta[name="staddle-site"]').content);
  return site;
}

const TONES = { crit: "bad", critical: "bad", page: "bad", error: "bad", warn: "warn", warning: "warn", info: "info", notice: "info" };

/** How much an alert matters: bad, warn, info or none (the heartbeat). Without a severity it matters. */
export const toneOf = (labels, name = labels.alertname) => {
  if (name && name === site?.watchdog) return "none";
  const severity = (labels.severity ?? labels.level ?? "").toLowerCase();
  return severity === "none" ? "none" : TONES[severity] ?? "warn";
};

export const RANK = { bad: 0, warn: 1, info: 2, none: 3 };

function digest(answer) {
  const health = { at: Date.now(), error: null, components: new Map(), targets: new Map(), jobs: new Map(), nodes: new Map(), alerts: [], heartbeat: true };
  let age = Infinity;
  const since = new Map();
  const identity = (labels) => JSON.stringify(Object.entries(labels).filter(([k]) => k !== "alertstate").sort());
  for (const { metric, value } of answer.data.result) {
    const { staddle: kind, id, __name__: _, ...labels } = metric;
    const number = Number(value[1]);
    if (kind === "component") health.components.set(id, number >= 1 ? "up" : "down");
    else if (kind === "target") {
      const state = number >= 1 ? "up" : "down";
      health.targets.set(`${labels.job}|${labels.ins}`, state);
      const job = `${labels.job}|${labels.ip}`;
      health.jobs.set(job, [...(health.jobs.get(job) ?? []), state]);
      if (labels.job === "node" && health.nodes.get(labels.ip) !== "down") health.nodes.set(labels.ip, state);
    } else if (kind === "age") age = number;
    else if (kind === "since") since.set(identity(labels), number * 1000);
    else if (kind === "alert") health.alerts.push({ labels: { ...labels, ...(id === undefined ? {} : { id }) } });
  }
  for (const alert of health.alerts) alert.since = since.get(identity(alert.labels));
  if (site.watchdog) {
    // Right after its start vmalert has had no time to evaluate every group.
    health.heartbeat = age < 120 || health.alerts.some((a) => a.labels.alertname === site.watchdog);
    health.alerts = health.alerts.filter((a) => a.labels.alertname !== site.watchdog);
  }
  health.alerts = health.alerts.filter((a) => toneOf(a.labels) !== "none");
  health.alerts.sort((a, b) => RANK[toneOf(a.labels)] - RANK[toneOf(b.labels)] || (b.since ?? 0) - (a.since ?? 0));
  for (const row of site.components)
    if (row.watched && !health.components.has(row.instance)) health.components.set(row.instance, "unknown");
  return health;
}

/** State and words of a health: what the header and the headline say. */
export function verdict(health) {
  if (health.error) return { state: "warn", word: "Health unknown", headline: "Health can’t be seen right now" };
  const watched = [...health.components.values()];
  const blind = watched.filter((s) => s === "unknown").length;
  if (blind > 0 && blind === watched.length) return { state: "unknown", word: "No data yet", headline: "Waiting for the first measurements" };
  const down = [...health.components].filter(([, s]) => s === "down").map(([id]) => id);
  const nodes = [...health.nodes].filter(([, s]) => s === "down").map(([ip]) => ip);
  const known = new Set(down);
  const targets = [...health.targets].filter(([k, s]) => s === "down" && !k.startsWith("node|") && !known.has(k.split("|")[1])).map(([k]) => k);
  const tones = health.alerts.map((a) => toneOf(a.labels));
  const parts = [];
  if (down.length) parts.push(`${plural(down.length, "component")} down`);
  if (nodes.length) parts.push(`${plural(nodes.length, "node")} down`);
  if (targets.length) parts.push(`${plural(targets.length, "target")} down`);
  const urgent = tones.filter((t) => t !== "info").length;
  if (urgent) parts.push(`${plural(urgent, "alert")}`);
  if (blind) parts.push(`${plural(blind, "component")} without data`);
  if (!health.heartbeat) parts.push("alerting is silent");
  const text = parts.join(", ");
  const word = text.charAt(0).toUpperCase() + text.slice(1);
  const headline = urgent && parts.length === 1 ? `${word} firing` : word;
  if (down.length || nodes.length || targets.length || tones.includes("bad")) return { state: "down", word, headline };
  if (parts.length) return { state: "warn", word, headline };
  return { state: "up", word: "All healthy", headline: "Everything is healthy" };
}

async function turn() {
  let health;
  try {
    await loadSite();
    if (!site.features.metrics) return;
    health = digest(await prometheus("/vmetrics/api/v1/query", { form: { query: site.health_query }, seconds: 8 }));
    last = health;
  } catch (error) {
    const seen = last ? ` Last seen ${ago(last.at)}.` : "";
    health = { at: Date.now(), error, seen, components: new Map(), targets: new Map(), jobs: new Map(), nodes: new Map(), alerts: [], heartbeat: true };
  }
  for (const listener of listeners) listener(health);
}

/** Tell `listener` the health now and every ten seconds. The first caller starts the asking. */
export function watch(listener) {
  listeners.add(listener);
  again ??= poll(turn, 10);
}

/** Ask again now. */
export const askNow = () => again?.();
