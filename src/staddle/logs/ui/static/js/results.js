// The result: a head with what there is and how to show it, and the rows below it.

import { byId, empty, h, icon, memory } from "./dom.js";
import { copy, csv, download, jsonl } from "./export.js";
import { searched } from "./logsql.js";
import { drawRow, fieldsOf, isLog, largest, usualColumns, widths } from "./rows.js";
import { byOf } from "./stats-view.js";
import { VirtualList } from "./virtual.js";

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** A RegExp for the words that a query looks for, or null. */
function finder(query) {
  const words = searched(query);
  return words.length ? new RegExp(words.sort((a, b) => b.length - a.length).map(escape).join("|"), "g") : null;
}

export class Results {
  /** `act` has the page's actions: go(changes), filter, around, link, older. */
  constructor(root, act) {
    this.prefs = { wrap: false, oldest: false, utc: false, ...memory.get("logs.prefs", {}) };
    this.act = { ...act, copy, toggle: (item) => this.toggle(item), column: (name) => this.column(name) };
    this.items = [];
    this.sorted = null;
    this.current = -1;
    this.status = h("span", { class: "results-said", role: "status" });
    const view = (id, text) => h("button", { type: "button", "data-view": id, onclick: () => act.go({ view: id }) }, text);
    this.views = h("div", { class: "seg", role: "group", "aria-label": "Show as" }, view("rows", "Rows"), view("table", "Table"), view("json", "JSON"));
    const pref = (name, glyph, text) => h("button", { type: "button", class: "iconbtn", "data-pref": name, title: text, "aria-label": text, onclick: () => this.prefer(name) }, icon(glyph));
    this.head = h("div", { class: "panel-head results-head" }, this.status, h("span", { class: "grow" }), this.views,
      h("span", { class: "results-tools" }, pref("wrap", "wrap", "Wrap lines (w)"), pref("oldest", "newest", "Oldest first (o)"), this.columnMenu(), this.saveMenu(act), pref("utc", "globe", "Times of the rows in UTC")));
    this.heading = h("div", { class: "thead", hidden: true });
    this.list = new VirtualList({ draw: (item) => this.draw(item), covered: () => this.head.getBoundingClientRect().bottom, label: "Rows" });
    this.scroller = h("div", { class: "hscroll" }, this.list.root);
    this.foot = h("div", { class: "results-foot" });
    root.append(this.head, this.heading, this.scroller, this.foot);
    this.scroller.addEventListener("scroll", () => (this.heading.scrollLeft = this.scroller.scrollLeft), { passive: true });
    this.list.root.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("pointerdown", (event) => {
      for (const pop of document.querySelectorAll("details.pop[open]")) if (!pop.contains(event.target)) pop.open = false;
    });
    this.paintPrefs();
  }

  columnMenu() {
    this.columnBody = h("div", { class: "pop-body right" });
    const menu = h("details", { class: "pop" }, h("summary", { class: "iconbtn", title: "Columns", "aria-label": "Columns" }, icon("columns")), this.columnBody);
    menu.addEventListener("toggle", () => {
      if (!menu.open) return;
      const names = [...new Set([...this.look.columns, ...fieldsOf(this.items).sort()])].filter((name) => name !== "_time" && name !== "_msg");
      this.columnBody.replaceChildren(h("h3", null, "Columns"), ...names.map((name) => h("label", { class: "check menu-check" },
        h("input", { type: "checkbox", checked: this.look.columns.includes(name), onchange: () => this.column(name) }), h("span", { class: "mono small" }, name))),
      h("button", { type: "button", onclick: () => (menu.open = false, this.act.go({ columns: null })) }, "Choose for me"));
    });
    return menu;
  }

  saveMenu(act) {
    const name = (kind) => `logs-${new Date().toISOString().slice(0, 19).replace(/:/g, "")}.${kind}`;
    const rows = () => this.list.items.map(({ row }) => row);
    const item = (text, what, onclick) => h("button", { type: "button", onclick: () => (menu.open = false, onclick()) }, h("span", null, text), h("span", { class: "muted small" }, what));
    const columns = () => {
      const names = fieldsOf(this.items);
      return isLog(this.items) ? ["_time", "_msg", ...names.filter((n) => n !== "_time" && n !== "_msg").sort()].filter((n) => names.includes(n)) : names;
    };
    const menu = h("details", { class: "pop" }, h("summary", { class: "iconbtn", title: "Download and share", "aria-label": "Download and share" }, icon("download")),
      h("div", { class: "pop-body right menu" }, h("h3", null, "The rows shown"),
        item("CSV", "for spreadsheets", () => download(csv(rows(), columns()), "text/csv;charset=utf-8", name("csv"))),
        item("JSON lines", "a row a line", () => download(jsonl(rows()), "application/x-ndjson", name("jsonl"))),
        h("h3", null, "This page"),
        item("Copy its address", "with times fixed", () => copy(act.permalink()))));
    return menu;
  }

  prefer(name) {
    this.prefs[name] = !this.prefs[name];
    memory.set("logs.prefs", this.prefs);
    this.paintPrefs();
    this.show(this.state);
  }

  paintPrefs() {
    for (const button of this.head.querySelectorAll("[data-pref]")) button.setAttribute("aria-pressed", String(this.prefs[button.dataset.pref]));
  }

  /** These are the rows of a query now. `ordered`: the query said in which order. */
  set(items, state, { ordered = false } = {}) {
    Object.assign(this, { items, ordered, sorted: null, current: -1 });
    this.show(state);
  }

  /** Show the same rows as the state says. */
  show(state) {
    if (!state) return;
    this.state = state;
    const { items } = this;
    const log = isLog(items) || items.length === 0;
    const names = fieldsOf(items);
    const view = log ? state.view : state.view === "json" ? "json" : "table";
    for (const button of this.views.children) button.setAttribute("aria-pressed", String(button.dataset.view === view));
    let columns = log && state.columns ? state.columns : usualColumns(view, items, names, byOf(state.query));
    if (view === "table" && log) columns = ["_time", ...columns.filter((name) => name !== "_time" && name !== "_msg"), "_msg"];
    const span = state.range > 86_400 || (items.length > 1 && Math.abs(items[0].ms - items.at(-1).ms) > 43_200_000);
    this.look = { view, columns, log, keys: log ? [] : byOf(state.query), wrap: this.prefs.wrap, utc: this.prefs.utc, date: view === "table" || span, find: finder(state.query), most: log ? [] : largest(columns, items) };
    this.list.forget();
    this.style();
    this.list.set(this.order());
    this.list.root.dataset.view = view;
    this.views.firstElementChild.disabled = !log;
  }

  /** The head of a table, and the widths of columns. */
  style() {
    const { view, columns, date, log } = this.look;
    const sizes = widths(columns, this.items);
    const when = date ? "23.5ch" : "12.5ch";
    const of = (name, i) => (name === "_time" ? "23.5ch" : name === "_msg" ? "minmax(50ch, 1fr)" : log ? `${sizes[i]}ch` : `minmax(${sizes[i] + 2}ch, ${sizes[i] + 2}fr)`);
    const tracks = view === "table" ? columns.map(of) : [when, ...columns.map((_, i) => `${Math.min(24, sizes[i])}ch`), "minmax(0, 1fr)"];
    const style = this.list.root.parentElement.parentElement.style;
    style.setProperty("--cols", tracks.join(" "));
    const least = columns.reduce((sum, name, i) => sum + (name === "_time" ? 23.5 : name === "_msg" ? 50 : sizes[i] + (log ? 0 : 2)) + 1.5, 4);
    style.setProperty("--least", view === "table" ? `${least}ch` : "0px");
    this.heading.hidden = view !== "table" || this.items.length === 0;
    this.heading.replaceChildren(h("div", { class: "line", role: "row" }, columns.map((name, i) => {
      const sorted = this.sorted?.name === name ? (this.sorted.down ? "descending" : "ascending") : null;
      return h("span", { class: this.look.most[i] > 0 ? "cell num" : "cell", role: "columnheader", "aria-sort": sorted }, h("button", { type: "button", title: `Sort by ${name}`, onclick: () => this.sort(name) }, name));
    })));
  }

  order() {
    const { items, sorted } = this;
    if (sorted) {
      const of = ({ row }) => row[sorted.name] ?? "";
      const numbers = items.every((item) => of(item) === "" || Number.isFinite(Number(of(item))));
      const compare = numbers ? (a, b) => Number(of(a)) - Number(of(b)) : (a, b) => of(a).localeCompare(of(b), "en", { numeric: true });
      return [...items].sort((a, b) => compare(a, b) * (sorted.down ? -1 : 1));
    }
    if (this.ordered || items[0]?.row._time === undefined) return items;
    return this.prefs.oldest ? [...items].reverse() : items;
  }

  sort(name) {
    this.sorted = this.sorted?.name === name ? (this.sorted.down ? { name, down: false } : null) : { name, down: true };
    this.style();
    this.list.set(this.order());
  }

  draw(item) {
    const element = drawRow(item, this.look, this.act);
    if (this.current >= 0 && this.list.items[this.current] === item) element.classList.add("current");
    return element;
  }

  toggle(item) {
    item.open = !item.open;
    this.select(this.list.items.indexOf(item));
    this.list.known.delete(item);
    this.list.refresh(item);
  }

  column(name) {
    const { columns } = this.look;
    const base = this.state.columns ?? columns.filter((n) => n !== "_time" && n !== "_msg");
    this.act.go({ columns: base.includes(name) ? base.filter((n) => n !== name) : [...base, name] });
  }

  select(index) {
    const old = this.list.items[this.current];
    this.current = index;
    this.list.drawn.get(old)?.classList.remove("current");
    const item = this.list.items[index];
    this.list.drawn.get(item)?.classList.add("current");
    if (item) this.list.root.setAttribute("aria-activedescendant", `row-${item.id}`);
    else this.list.root.removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (event.target !== this.list.root || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(innerHeight / this.list.estimate) - 6);
    const way = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    const item = this.list.items[this.current];
    if (way) {
      const index = Math.max(0, Math.min(this.list.count - 1, this.current + way));
      this.list.reveal(index);
      this.select(index);
    } else if (item && (event.key === "Enter" || event.key === " ")) this.toggle(item);
    else if (item && event.key === "ArrowRight" && !item.open) this.toggle(item);
    else if (item && (event.key === "ArrowLeft" || event.key === "Escape") && item.open) this.toggle(item);
    else if (item && event.key === "s" && item.row._stream_id) this.act.around(item);
    else return;
    event.preventDefault();
  }

  /** Words or elements below the rows. */
  below(...parts) {
    this.foot.replaceChildren(...parts.filter(Boolean));
  }

  /** Nothing to show, and why. */
  nothing(title, text, glyph, ...more) {
    this.set([], this.state ?? { view: "rows", columns: null, query: "*", range: 3600 });
    this.below(empty(title, text, glyph), h("div", { class: "bar center" }, more));
  }

  focus() {
    this.list.root.focus({ preventScroll: true });
    if (this.current < 0 && this.list.count > 0) this.select(0);
    byId("results").scrollIntoView({ block: "nearest" });
  }
}
