// Behind the Staddle portal this page has the portal's header: its name, its pages, and frame.js adds its health.

import { byId, h, safeUrl } from "./dom.js";
import { loadSite } from "./live.js";

/** Fill the header if there is a portal on this origin; without one, nothing happens. */
export async function portalHeader(own = "vlogs", name = "Logs") {
  let site;
  try {
    site = await loadSite();
  } catch {
    return;
  }
  if (!site || !Array.isArray(site.nav)) return;
  byId("brand").href = "/";
  byId("brand-name").textContent = site.name;
  document.title = `${name} · ${site.name}`;
  const nav = byId("nav");
  nav.replaceChildren(...site.nav.map(({ page, title, url, available }) => h("a", { href: safeUrl(url), "aria-current": page === own ? "page" : null, class: available || page === own ? null : "later", title: available ? null : "Not installed yet" }, title)));
  nav.hidden = false;
  // On a narrow screen the navigation scrolls; the page one is on must be in sight.
  nav.querySelector("[aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
}
