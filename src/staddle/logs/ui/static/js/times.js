// The time range: a button that says it, with a window to change it, and steps to the older and the newer.

import { h, icon } from "./dom.js";
import { clock, duration, localInput } from "./format.js";
import { between, QUICK } from "./logs-state.js";
import { seconds } from "./query-state.js";

const REFRESH = [[0, "Off"], [5, "5 s"], [10, "10 s"], [30, "30 s"], [60, "1 min"], [300, "5 min"]];

/** A moment as people type it: "now", "-2h", "now-3d", or a date with or without time. NaN if it is none. */
export function moment(text, now = Date.now() / 1000) {
  const clean = text.trim();
  if (clean === "now") return now;
  const back = clean.match(/^(?:now)?\s*-\s*(.+)$/)?.[1] ?? (/^\d+[a-z]/i.test(clean) ? clean : null);
  if (back) return now - seconds(back.replaceAll(" ", ""));
  if (/^\d{10}(\.\d+)?$/.test(clean)) return Number(clean);
  if (/^\d{13}$/.test(clean)) return Number(clean) / 1000;
  if (!/^\d{4}-\d\d/.test(clean)) return NaN;
  // A date alone would be taken for UTC.
  return Date.parse(/^\d{4}-\d\d-\d\d$/.test(clean) ? `${clean}T00:00:00` : clean.replace(" ", "T")) / 1000;
}

/** What the button says. */
function rangeText(state) {
  if (state.end === null) return QUICK.find(([id, length]) => (state.day ? id === state.day : length && seconds(length) === state.range))?.[2] ?? `Last ${duration(state.range)}`;
  const { start, end } = between(state);
  const [a, b] = [clock(start * 1000), clock(end * 1000)];
  return `${a} – ${a.slice(0, 10) === b.slice(0, 10) ? b.slice(11) : b}`;
}

export class Times {
  /** `go(changes)` changes the page's state; `every` is told the seconds between refreshes. */
  constructor(root, { go, every, onevery }) {
    Object.assign(this, { go, every });
    const step = (name, label, way) => h("button", { type: "button", class: "btn step", "aria-label": label, title: label, onclick: () => this.move(way) }, icon(name));
    this.label = h("span");
    this.body = h("div", { class: "pop-body times-body" });
    this.pop = h("details", { class: "pop" }, h("summary", { class: "btn", id: "range" }, icon("clock"), this.label), this.body);
    root.append(step("back", "Older ([)", -1), this.pop, step("forth", "Newer (])", 1), step("zoom-out", "Zoom out", 0));
    this.from = h("input", { id: "from", type: "text", spellcheck: "false", placeholder: "now-2h, 2026-01-31 12:00" });
    this.to = h("input", { id: "to", type: "text", spellcheck: "false", placeholder: "now" });
    this.wrong = h("p", { class: "err", role: "alert", hidden: true });
    this.quick = h("div", { class: "quick", role: "group", "aria-label": "Quick ranges" }, QUICK.map(([id, length, text]) => h("button", { type: "button", "data-id": id,
      onclick: () => this.choose(length ? { range: seconds(length), end: null, day: null } : { end: null, day: id }) }, text)));
    const refresh = h("select", { id: "every", onchange: (event) => onevery(Number(event.target.value)) }, REFRESH.map(([n, text]) => h("option", { value: n, selected: n === every }, text)));
    const field = (input, text) => h("div", { class: "field" }, h("label", { for: input.id }, text), input);
    this.body.append(this.quick, h("div", { class: "exact" }, field(this.from, "From"), field(this.to, "To"), this.wrong,
      h("button", { type: "button", class: "btn", onclick: () => this.apply() }, "Apply"),
      h("p", { class: "muted small" }, "A date and time, or a time back: ", h("code", null, "now-2h"), ", ", h("code", null, "-3d"), "."), field(refresh, "Ask again every")));
    for (const input of [this.from, this.to]) input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.apply();
    });
  }

  show(state) {
    this.state = state;
    this.label.textContent = rangeText(state);
    const { start, end } = between(state);
    this.from.value = localInput(start * 1000).replace("T", " ");
    this.to.value = state.end === null && !state.day ? "now" : localInput(end * 1000).replace("T", " ");
    this.wrong.hidden = true;
    for (const button of this.quick.children) {
      const [id, length] = QUICK.find(([name]) => name === button.dataset.id);
      button.setAttribute("aria-pressed", String(state.end === null && (state.day ? state.day === id : length !== "" && seconds(length) === state.range)));
    }
  }

  choose(changes) {
    this.pop.open = false;
    this.go(changes);
  }

  apply() {
    const now = Date.now() / 1000;
    const [from, to] = [moment(this.from.value, now), moment(this.to.value || "now", now)];
    const bad = Number.isNaN(from) || Number.isNaN(to);
    this.wrong.hidden = !bad && to > from;
    this.wrong.textContent = bad ? "Not a time." : "It ends before it starts.";
    if (!this.wrong.hidden) return;
    const open = ["", "now"].includes(this.to.value.trim());
    // A start that was given as a time back from now goes on moving with it.
    this.choose(open && !/^\d{4}-/.test(this.from.value.trim()) ? { range: Math.max(1, Math.round(to - from)), end: null, day: null } : { range: Math.max(1, Math.round(to - from)), end: Math.round(to), day: null });
  }

  /** One range back (-1), on (1), or twice as wide (0). */
  move(way) {
    const { start, end } = between(this.state);
    const now = Date.now() / 1000;
    const span = end - start;
    if (way === 0) {
      const last = this.state.end === null && !this.state.day ? null : Math.min(now, end + span / 2);
      return this.go({ range: Math.round(span * 2), end: last === null || last >= now - 1 ? null : Math.round(last), day: null });
    }
    const next = way < 0 ? start : end + span;
    return this.go({ range: Math.round(span), end: next >= now ? null : Math.round(next), day: null });
  }
}
