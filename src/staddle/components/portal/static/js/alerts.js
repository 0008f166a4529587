// Alertmanager: alerts, silences, receivers and status. The hash has the form that Alertmanager's own UI uses.

import "./frame.js";
import { poll } from "./api.js";
import { byId, problem } from "./dom.js";
import { AlertsView } from "./am-alerts.js";
import { SilenceForm, SilencesView } from "./am-silences.js";
import { StatusView } from "./am-status.js";

let view = null;
let key = "";

/** "#/alerts?filter=…" → its path and parameters. */
function route() {
  const [, path = "/alerts", query = ""] = location.hash.match(/^#(\/[^?]*)?\??(.*)$/) ?? [];
  return { path: path.replace(/\/+$/, "") || "/alerts", params: new URLSearchParams(query) };
}

/** Which view an address belongs to; a view is kept while only its parameters change. */
function choose() {
  const { path, params } = route();
  const silence = path.match(/^\/silences\/(new|[0-9a-f-]{36})(\/edit)?$/);
  if (silence) return { tab: "silences", id: location.hash, make: () => new SilenceForm({ id: silence[1] === "new" ? null : silence[1], filter: params.get("filter") }) };
  if (path.startsWith("/silences")) return { tab: "silences", id: "silences", make: () => new SilencesView() };
  if (path.startsWith("/status") || path.startsWith("/receivers")) return { tab: "status", id: "status", make: () => new StatusView() };
  return { tab: "alerts", id: "alerts", make: () => new AlertsView() };
}

function follow() {
  const { tab, id, make } = choose();
  for (const name of ["alerts", "silences", "status"]) byId(`tab-${name}`).setAttribute("aria-selected", String(name === tab));
  if (id !== key) {
    key = id;
    view = make();
    byId("problem").replaceChildren();
    byId("view").replaceChildren(view.root);
  }
  view.follow?.(route().params);
}

follow();
const refresh = poll(async () => {
  const asked = view;
  try {
    await asked.load();
    if (asked === view) byId("problem").replaceChildren();
  } catch (error) {
    if (asked === view) byId("problem").replaceChildren(problem(error, () => refresh()));
  } finally {
    byId("view").setAttribute("aria-busy", "false");
  }
}, 10);

addEventListener("hashchange", () => {
  follow();
  refresh();
});
