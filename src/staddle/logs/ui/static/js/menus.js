// The menus in the bar of the query: recent queries with examples, and the tenant.

import { byId, h, icon } from "./dom.js";
import { coloured } from "./editor.js";

const EXAMPLES = [
  ["Everything, newest first", "*"],
  ["What went wrong", "level:in(error, fatal, panic, critical, alert, emerg)"],
  ["Slow statements of PostgreSQL", "job:=pgsql \"duration:\" | extract \"duration: <ms> ms\" | filter ms:>1000"],
  ["Failed requests by path", "job:=nginx status:>=500 | top 10 by (path)"],
  ["Errors over time, by instance", "level:=error | stats by (_time:5m, ins) count() errors"],
  ["The same message, whatever its numbers", "level:=error | collapse_nums | top 20 by (_msg)"],
  ["Who logs how much", "* | stats by (job, ins) count() rows, sum_len(_msg) bytes | sort by (bytes) desc"],
];

/** `recall()` gives the queries before; `use(query)` runs one. */
export function recentMenu({ recall, use }) {
  const pop = byId("recent");
  const item = (query, title) => h("button", { type: "button", onclick: () => (pop.open = false, use(query)) }, title && h("span", { class: "muted small" }, title), h("code", { class: "expr" }, coloured(query)));
  pop.addEventListener("toggle", () => {
    if (!pop.open) return;
    const known = recall();
    byId("recent-body").replaceChildren(...(known.length ? [h("h3", null, "Recent"), ...known.slice(0, 12).map((query) => item(query))] : []),
      h("h3", null, "Examples"), ...EXAMPLES.map(([title, query]) => item(query, title)));
  });
}

/** Which tenant's rows are asked for; shown where a store has several. */
export function tenantMenu(after, go) {
  const field = (id, text) => h("div", { class: "field" }, h("label", { for: id }, text), h("input", { id, inputmode: "numeric", pattern: "[0-9]{1,10}", size: "10" }));
  const apply = () => go({ account: Number(byId("account").value) || 0, project: Number(byId("project").value) || 0 });
  const pop = h("details", { class: "pop tenant" }, h("summary", { class: "btn", title: "Tenant" }, icon("sliders"), h("span", { class: "tenant-text", hidden: true })),
    h("div", { class: "pop-body right tenant-body" }, h("h3", null, "Tenant"), field("account", "AccountID"), field("project", "ProjectID"), h("button", { type: "button", class: "btn", onclick: () => (pop.open = false, apply()) }, "Use")));
  pop.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
    event.preventDefault();
    pop.open = false;
    apply();
  });
  after.after(pop);
  return ({ account, project }) => {
    byId("account").value = account;
    byId("project").value = project;
    const text = pop.querySelector(".tenant-text");
    text.hidden = !account && !project;
    text.textContent = `${account}:${project}`;
  };
}

/** Escape closes an open menu and gives the focus back. */
export function closeOnEscape() {
  document.addEventListener("keydown", (event) => {
    const pop = event.key === "Escape" && document.querySelector("details.pop[open]");
    if (!pop) return;
    pop.open = false;
    pop.querySelector("summary").focus();
    event.stopImmediatePropagation();
  }, { capture: true });
}
