// All scrape targets, by job: what VictoriaMetrics collects and why it can't.

import "./frame.js";
import { poll, prometheus } from "./api.js";
import { badge, byId, chips, dot, empty, h, problem, reconcile } from "./dom.js";
import { ago, clock, duration, instant, plural } from "./format.js";

const filter = byId("filter");
const onlyDown = byId("down");
let targets = null;
let dropped = 0;
const closed = new Set();

function fromHash() {
  const params = new URLSearchParams(location.hash.replace(/^#\/?\??/, ""));
  filter.value = params.get("q") ?? new URLSearchParams(location.search).get("search") ?? "";
  onlyDown.checked = params.get("down") === "1";
}

function toHash() {
  const params = new URLSearchParams();
  if (filter.value.trim()) params.set("q", filter.value.trim());
  if (onlyDown.checked) params.set("down", "1");
  history.replaceState(null, "", params.size ? `#/?${params}` : location.pathname + location.search);
}

const stateOf = (t) => (t.health === "up" ? "up" : t.health === "down" ? "down" : "unknown");

/** Sorts groups with something down before the others. */
const sick = (members) => (members.some((t) => t.health === "down") ? 0 : 1);

function matches(target) {
  if (onlyDown.checked && target.health === "up") return false;
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  return words.every((word) => target.text.includes(word));
}

function row(target) {
  const state = stateOf(target);
  const word = state === "unknown" ? "not scraped yet" : state;
  return h("tr", null,
    h("td", null, h("span", { class: "inst" }, dot(state, ""), word)),
    h("td", { "data-label": "Target" },
      h("div", null,
        h("div", { class: "mono wrap-anywhere" }, target.scrapeUrl),
        chips(target.labels, { hide: ["job"], onclick: (name, value) => set(`${name}=${value}`) }),
        target.lastError ? h("p", { class: "err" }, target.lastError) : null,
        h("details", { class: "more" }, h("summary", null, "Labels before relabeling"), chips(target.discoveredLabels)))),
    h("td", { "data-label": "Last scrape", class: "nowrap" }, h("time")),
    h("td", { "data-label": "Took", class: "num nowrap" }, ""),
    h("td", { "data-label": "Samples", class: "num" }, ""));
}

function update(element, target) {
  const [, , last, took, samples] = element.children;
  const at = instant(target.lastScrape);
  const time = last.firstElementChild;
  if (Number.isFinite(at)) {
    time.dataset.at = at;
    time.title = clock(at);
  }
  time.textContent = ago(at);
  took.textContent = Number.isFinite(at) ? duration(target.lastScrapeDuration) : "–";
  samples.textContent = target.lastSamplesScraped ?? "–";
}

function group([job, members]) {
  const details = h("details", { class: "panel fold", open: !closed.has(job) },
    h("summary", null),
    h("div", { class: "table-box" }, h("table", { class: "cards targets" },
      h("thead", null, h("tr", null, ["State", "Target and labels", "Last scrape", "Took", "Samples"].map((name, i) =>
        h("th", { scope: "col", class: i > 2 ? "num" : null }, name)))),
      h("tbody"))));
  details.addEventListener("toggle", () => (details.open ? closed.delete(job) : closed.add(job)));
  fillGroup(details, [job, members]);
  return details;
}

function fillGroup(details, [job, members]) {
  const all = targets.filter((t) => t.scrapePool === job);
  const down = all.filter((t) => t.health === "down").length;
  const title = `${job}|${all.length}|${down}`;
  const summary = details.firstElementChild;
  if (summary.dataset.title !== title) {
    summary.dataset.title = title;
    summary.replaceChildren(h("h2", null, job), badge(`${all.length - down} of ${all.length} up`, down ? "bad" : "ok"));
    details.classList.toggle("group-bad", down > 0);
  }
  reconcile(details.querySelector("tbody"), members, {
    key: (t) => JSON.stringify([t.scrapeUrl, t.labels]),
    signature: (t) => JSON.stringify([t.health, t.lastError]),
    draw: row,
    update,
  });
}

function draw() {
  if (targets === null) return;
  const list = byId("list");
  list.setAttribute("aria-busy", "false");
  const shown = targets.filter(matches);
  const down = targets.filter((t) => t.health === "down").length;
  byId("counts").textContent = [
    shown.length === targets.length ? plural(targets.length, "target") : `${shown.length} of ${plural(targets.length, "target")}`,
    `${down} down`, dropped ? `${dropped} dropped by relabeling` : "",
  ].filter(Boolean).join(" · ");
  const groups = [...Map.groupBy(shown, (t) => t.scrapePool)].sort(([a, x], [b, y]) => sick(x) - sick(y) || (a < b ? -1 : 1));
  if (groups.length === 0) {
    const [title, text] = targets.length === 0
      ? ["Nothing is scraped", "The scrape configuration has no target."]
      : down === 0 && onlyDown.checked ? ["Nothing is down", "Every target answered its last scrape."] : ["No target matches", "Loosen the filter to see more."];
    list.replaceChildren(empty(title, text, "target"));
    return;
  }
  list.querySelector(":scope > .empty")?.remove();
  reconcile(list, groups, { key: ([job]) => job, draw: group, update: fillGroup });
}

function set(text) {
  filter.value = text;
  toHash();
  draw();
  filter.focus();
}

const refresh = poll(async () => {
  try {
    const { data } = await prometheus("/vmetrics/api/v1/targets?state=any");
    targets = data.activeTargets ?? [];
    for (const t of targets) t.text = [t.scrapePool, t.scrapeUrl, t.health, t.lastError, ...Object.entries(t.labels).map(([k, v]) => `${k}=${v}`)].join(" ").toLowerCase();
    targets.sort((a, b) => (a.health === "down" ? 0 : 1) - (b.health === "down" ? 0 : 1) || (a.scrapeUrl < b.scrapeUrl ? -1 : 1));
    dropped = data.droppedTargets?.length ?? 0;
    byId("problem").replaceChildren();
    draw();
  } catch (error) {
    byId("problem").replaceChildren(problem(error, () => refresh()));
    byId("list").setAttribute("aria-busy", "false");
    if (targets === null) byId("list").replaceChildren();
  }
}, 10);

fromHash();
filter.addEventListener("input", () => (toHash(), draw()));
onlyDown.addEventListener("change", () => (toHash(), draw()));
addEventListener("hashchange", () => (fromHash(), draw()));
