// Alertmanager's receivers, version, cluster and running configuration.

import { request } from "./api.js";
import { badge, h } from "./dom.js";
import { ago, clock, instant } from "./format.js";

/** The integrations of each receiver, read off the configuration text: the API gives only names. */
function integrations(config) {
  const found = new Map();
  let receiver = null;
  let inside = false;
  for (const line of config.split("\n")) {
    if (/^\w/.test(line)) inside = line.startsWith("receivers:");
    if (!inside) continue;
    const name = line.match(/^\s{0,2}- name: (.*)$/);
    if (name) found.set((receiver = name[1].replace(/^["']|["']$/g, "")), []);
    const kind = line.match(/^ {2}(\w+)_configs:/);
    if (kind && receiver !== null) found.get(receiver).push(kind[1]);
  }
  return found;
}

export class StatusView {
  constructor() {
    this.root = h("div", { class: "stack" });
    this.sign = "";
  }

  async load() {
    const [status, receivers] = await Promise.all([request("/alertmgr/api/v2/status"), request("/alertmgr/api/v2/receivers")]);
    const sign = JSON.stringify([status, receivers]);
    if (sign === this.sign) return;
    this.sign = sign;
    const config = status.config?.original ?? "";
    const kinds = integrations(config);
    const up = instant(status.uptime);
    const deaf = receivers.every((r) => (kinds.get(r.name) ?? []).length === 0);
    this.root.replaceChildren(
      h("section", { class: "panel" }, h("div", { class: "panel-head" }, h("h2", null, "Receivers")),
        deaf && h("p", { class: "panel-body small" }, badge("nobody is told", "warn"), " No receiver has an integration, so alerts are only seen here."),
        h("div", { class: "table-box" }, h("table", null, h("thead", null, h("tr", null, h("th", { scope: "col" }, "Receiver"), h("th", { scope: "col" }, "Told by"), h("th", { scope: "col" }, ""))),
          h("tbody", null, receivers.map((r) => h("tr", null, h("th", { scope: "row" }, r.name),
            h("td", null, (kinds.get(r.name) ?? []).join(", ") || h("span", { class: "muted" }, "nothing: alerts stay on this page")),
            h("td", { class: "num" }, h("a", { href: `#/alerts?${new URLSearchParams({ receiver: r.name })}` }, "Its alerts")))))))),
      h("section", { class: "panel" }, h("div", { class: "panel-head" }, h("h2", null, "Alertmanager")),
        h("dl", { class: "panel-body kv" },
          h("dt", null, "Version"), h("dd", { class: "mono" }, status.versionInfo?.version || "not set by the package"),
          h("dt", null, "Running since"), h("dd", null, clock(up), " (", h("time", { "data-at": up }, ago(up)), ")"),
          h("dt", null, "Cluster"), h("dd", null, status.cluster.status === "disabled" ? "single instance" : status.cluster.status),
          (status.cluster.peers ?? []).length > 0 && [h("dt", null, "Peers"), h("dd", { class: "mono" }, status.cluster.peers.map((p) => p.address).join(", "))])),
      h("details", { class: "panel fold" }, h("summary", null, h("h2", null, "Running configuration")), h("pre", { class: "config", tabindex: "0" }, config)));
  }
}
