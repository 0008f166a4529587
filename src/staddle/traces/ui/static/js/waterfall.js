// One trace: what it is, where its time went, and its spans as a waterfall that can be folded, searched and walked by keys.

import { h, icon, s } from "./dom.js";
import { number, plural } from "./counts.js";
import { clock, duration } from "./format.js";
import { detail } from "./span-detail.js";

const took = (us) => duration(us / 1e6);
const MANY = 1500;
const TICKS = 4;

export class Waterfall {
  /** `act`: see span-detail, and `opened(spanId)`: a span was opened (or null). */
  constructor(root, act) {
    Object.assign(this, { root, act });
  }

  /** Show a trace; `span` is the id of the one to open. */
  show(trace, colour, span) {
    Object.assign(this, { trace, colour, folded: new Set(), opened: null, found: null, all: trace.spans.length <= MANY });
    this.critical = criticalPath(trace);
    this.body = h("ol", { class: "wf-rows", role: "tree", "aria-label": "Spans", onkeydown: (event) => this.keys(event) });
    this.find = h("input", { type: "text", id: "find", placeholder: "Find a span", spellcheck: "false", oninput: () => this.search() });
    this.count = h("span", { class: "muted small", role: "status" });
    this.root.replaceChildren(this.head(), this.time(), h("section", { class: "panel wf" },
      h("div", { class: "panel-head" }, h("h2", null, "Spans"), h("span", { class: "search" }, icon("search"), h("label", { class: "vh", for: "find" }, "Find a span"), this.find), this.count, h("span", { class: "grow" }),
        h("button", { type: "button", class: "btn small", onclick: () => this.foldAll(true) }, "Fold"), h("button", { type: "button", class: "btn small", onclick: () => this.foldAll(false) }, "Unfold")),
      h("div", { class: "wf-scale", "aria-hidden": "true" }, h("span"), h("div", null, Array.from({ length: TICKS + 1 }, (_, i) => at(h("span", { "data-end": i === TICKS ? "" : null }, took((trace.duration * i) / TICKS)), i / TICKS)))),
      this.body));
    this.draw();
    if (span) this.open(span, true);
  }

  head() {
    const { trace } = this;
    const root = trace.root;
    return h("section", { class: "panel trace-head" },
      h("div", { class: "trace-title" }, h("a", { class: "btn small", href: this.act.back() }, icon("back"), "Back"), h("h2", null, h("span", { class: `svc ${this.colour(root.service)}` }, root.service), " ", root.name), trace.errors > 0 && h("span", { class: "badge", "data-tone": "bad" }, plural(trace.errors, "error"))),
      h("p", { class: "trace-facts" }, [["Began", clock(trace.start / 1000)], ["Took", took(trace.duration)], ["Spans", number(trace.spans.length)], ["Services", trace.services.size], ["Depth", trace.depth]].map(([name, value]) => h("span", null, h("span", { class: "muted" }, `${name} `), h("b", null, value))),
        h("span", { class: "mono muted wrap-anywhere" }, trace.id)),
      this.map());
  }

  /** All spans as lines, one above the other. */
  map() {
    const { trace } = this;
    const shown = trace.spans.length > 300 ? trace.spans.filter((_, i) => i % Math.ceil(trace.spans.length / 300) === 0) : trace.spans;
    const height = Math.min(64, Math.max(12, shown.length * 3));
    const step = height / shown.length;
    return s("svg", { class: "wf-map", viewBox: `0 0 1000 ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      shown.map((span, i) => s("rect", { class: span.error ? "bad" : this.colour(span.service), x: (1000 * (span.start - trace.start)) / (trace.duration || 1), y: i * step, width: Math.max(2, (1000 * span.duration) / (trace.duration || 1)), height: Math.max(1, step - 0.6) })));
  }

  /** Whose time it was: each service's own, without what it waited for others. */
  time() {
    const all = [...this.trace.services].sort(([, a], [, b]) => b.own - a.own);
    const sum = all.reduce((total, [, { own }]) => total + own, 0) || 1;
    const bar = h("div", { class: "own-bar", role: "img", "aria-label": `Own time: ${all.slice(0, 5).map(([name, { own }]) => `${name} ${took(own)}`).join(", ")}` }, all.map(([name, { own }]) => {
      const part = h("span", { class: this.colour(name), title: `${name}: ${took(own)}` });
      part.style.flexGrow = String(Math.max(own / sum, 0.001));
      return part;
    }));
    return h("section", { class: "panel own", "aria-label": "Own time of the services" }, bar, h("ul", { class: "own-list" }, all.map(([name, { own, spans, errors }]) => h("li", null, h("span", { class: `svc ${this.colour(name)}` }, name), h("b", { class: "mono" }, took(own)), h("span", { class: "muted small" }, `${Math.round((100 * own) / sum)} %, ${plural(spans, "span")}`), errors > 0 && h("span", { class: "badge", "data-tone": "bad" }, errors)))));
  }

  visible() {
    const out = [];
    let under = Infinity;
    for (const span of this.trace.spans) {
      if (span.depth > under) continue;
      under = this.folded.has(span.id) ? span.depth : Infinity;
      out.push(span);
    }
    return out;
  }

  draw() {
    const spans = this.visible();
    const shown = this.all ? spans : spans.slice(0, MANY);
    this.body.replaceChildren(...shown.map((span) => this.row(span)), ...(shown.length < spans.length ? [h("li", { class: "center" }, h("button", { type: "button", class: "btn", onclick: () => (this.all = true, this.draw()) }, `Show all ${number(spans.length)}`))] : []));
    (this.body.querySelector("[aria-expanded][aria-selected='true']") ?? this.body.querySelector(".wf-row"))?.setAttribute("tabindex", "0");
  }

  row(span) {
    const { trace } = this;
    const left = (span.start - trace.start) / (trace.duration || 1);
    const width = span.duration / (trace.duration || 1);
    const bar = h("span", { class: `wf-bar${this.critical.has(span.id) ? " critical" : ""}` });
    bar.style.left = `${(100 * left).toFixed(3)}%`;
    bar.style.width = `max(2px, ${(100 * width).toFixed(3)}%)`;
    const text = h("span", { class: `wf-took mono${left + width > 0.75 ? (left > 0.25 ? " before" : " inside") : ""}` }, took(span.duration));
    text.style.setProperty("--l", `${(100 * left).toFixed(3)}%`);
    text.style.setProperty("--r", `${(100 * (left + width)).toFixed(3)}%`);
    const marks = span.raw.logs.map((event) => at(h("span", { class: "wf-event" }), (event.timestamp - trace.start) / (trace.duration || 1)));
    const name = h("span", { class: "wf-name" }, span.children.length > 0
      ? h("button", { type: "button", class: "wf-fold", tabindex: "-1", "aria-label": this.folded.has(span.id) ? "Unfold" : "Fold", "data-folded": this.folded.has(span.id) ? "" : null, onclick: (event) => (event.stopPropagation(), this.fold(span)) }, span.children.length)
      : h("span", { class: "wf-leaf" }),
    span.error && h("span", { class: "wf-bad", title: "Failed" }, icon("alert")), h("b", null, span.service), h("span", { class: "wf-op" }, span.name));
    name.style.setProperty("--depth", String(Math.min(span.depth, 24)));
    const row = h("div", { class: `wf-row ${this.colour(span.service)}`, role: "treeitem", tabindex: "-1", "data-id": span.id, "aria-level": span.depth + 1, "aria-selected": "false", "aria-expanded": "false",
      "aria-label": `${span.service}: ${span.name}, ${took(span.duration)}${span.error ? ", failed" : ""}`, "data-dim": this.found && !this.found.has(span.id) ? "" : null, onclick: () => this.open(span.id) }, name, h("span", { class: "wf-line" }, bar, marks, text));
    return h("li", { "data-for": span.id }, row);
  }

  item(id) {
    return this.body.querySelector(`[data-for="${CSS.escape(id)}"]`);
  }

  /** Open a span's details, or close them if they are. */
  open(id, scroll = false) {
    const span = this.trace.spans.find((one) => one.id === id);
    if (!span) return;
    if (scroll) for (let up = span.parent; up; up = up.parent) this.folded.delete(up.id);
    if (scroll && !this.item(id)) (this.all = true, this.draw());
    const before = this.opened && this.item(this.opened);
    before?.querySelector(".span-detail")?.remove();
    before?.firstElementChild.setAttribute("aria-selected", "false");
    before?.firstElementChild.setAttribute("aria-expanded", "false");
    const again = this.opened === id;
    this.opened = again ? null : id;
    this.act.opened(this.opened);
    const item = this.item(id);
    if (again || !item) return;
    item.append(detail(span, this.trace, this.act));
    item.firstElementChild.setAttribute("aria-selected", "true");
    item.firstElementChild.setAttribute("aria-expanded", "true");
    if (scroll) item.scrollIntoView({ block: "center" });
  }

  fold(span, on = !this.folded.has(span.id)) {
    if (on) this.folded.add(span.id);
    else this.folded.delete(span.id);
    this.opened = null;
    this.draw();
    this.focus(span.id);
  }

  foldAll(on) {
    this.folded = new Set(on ? this.trace.spans.filter((span) => span.depth > 0 && span.children.length > 0).map((span) => span.id) : []);
    this.opened = null;
    this.draw();
  }

  search() {
    const words = this.find.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const text = (span) => [span.service, span.name, span.id, ...[...span.tags, ...span.process].map(([k, v]) => `${k}=${v}`)].join("\n").toLowerCase();
    const hits = words.length ? this.trace.spans.filter((span) => words.every((word) => text(span).includes(word))) : [];
    this.found = words.length ? new Set(hits.map((span) => span.id)) : null;
    this.count.textContent = words.length ? plural(hits.length, "match", "matches") : "";
    for (const row of this.body.querySelectorAll(".wf-row")) row.toggleAttribute("data-dim", Boolean(this.found && !this.found.has(row.dataset.id)));
    if (hits.length) this.item(hits[0].id)?.scrollIntoView({ block: "nearest" });
  }

  focus(id) {
    const row = this.item(id)?.firstElementChild;
    if (!row) return;
    for (const other of this.body.querySelectorAll(".wf-row[tabindex='0']")) other.tabIndex = -1;
    row.tabIndex = 0;
    row.focus();
  }

  keys(event) {
    const row = event.target.closest(".wf-row");
    if (!row || event.target !== row) return;
    const spans = this.visible();
    const i = spans.findIndex((span) => span.id === row.dataset.id);
    const span = spans[i];
    const go = (to) => to && this.focus(to.id);
    const act = {
      ArrowDown: () => go(spans[i + 1]), ArrowUp: () => go(spans[i - 1]), Home: () => go(spans[0]), End: () => go(spans.at(-1)),
      ArrowRight: () => (this.folded.has(span.id) ? this.fold(span, false) : go(span.children[0])),
      ArrowLeft: () => (span.children.length && !this.folded.has(span.id) ? this.fold(span, true) : go(span.parent)),
      Enter: () => this.open(span.id), " ": () => this.open(span.id),
      e: () => go(spans.slice(i + 1).find((one) => one.error) ?? spans.find((one) => one.error)),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }
}

function at(element, part) {
  element.style.left = `${(100 * Math.max(0, Math.min(1, part))).toFixed(3)}%`;
  return element;
}

/** The spans that the trace's duration hangs on: from its end back, always the one that ended last. */
function criticalPath(trace) {
  const found = new Set();
  const walk = (span) => {
    found.add(span.id);
    let until = span.start + span.duration;
    for (const child of [...span.children].sort((a, b) => b.start + b.duration - (a.start + a.duration))) {
      const end = child.start + child.duration;
      if (end > until) continue;
      walk(child);
      until = child.start;
    }
  };
  walk(trace.root);
  return found;
}
