// What every page has: the health in the header, the theme toggle, and times that keep counting.

import { byId } from "./dom.js";
import { ago } from "./format.js";
import { loadSite, verdict, watch } from "./live.js";

const THEMES = ["system", "light", "dark"];

function theme() {
  const button = byId("theme");
  const root = document.documentElement;
  const label = () => {
    const now = root.dataset.theme ?? "system";
    button.setAttribute("aria-label", `Theme: ${now}. Switch to ${THEMES[(THEMES.indexOf(now) + 1) % 3]}`);
    button.title = `Theme: ${now}`;
  };
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "system") + 1) % 3];
    if (next === "system") delete root.dataset.theme;
    else root.dataset.theme = next;
    // Written plainly, since theme.js reads it before any module runs.
    try {
      localStorage.setItem("staddle.theme", next);
    } catch {
      // Kept for this page only.
    }
    label();
  });
  label();
  button.hidden = false;
}

function pill(health) {
  const element = byId("pill");
  const { state, word } = verdict(health);
  element.dataset.state = state;
  element.firstElementChild.dataset.state = state;
  if (byId("pill-text").textContent !== word) byId("pill-text").textContent = element.title = word;
  element.hidden = false;
}

/** Redraw every <time data-at="ms"> once a second. */
function times() {
  const now = Date.now();
  for (const element of document.querySelectorAll("time[data-at]")) {
    const text = ago(Number(element.dataset.at), now);
    if (element.textContent !== text) element.textContent = text;
  }
}

theme();
// On a narrow screen the navigation scrolls; the page one is on must be in sight.
document.querySelector(".nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
setInterval(times, 1000);
// Without its site file a page still works; it only has no health to show.
loadSite().then((site) => site.features.metrics && watch(pill)).catch(() => {});

