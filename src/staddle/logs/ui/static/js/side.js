// The fields at the side: the values that occur, how often, and one click to have only them or all but them.

import { h, icon, memory } from "./dom.js";
import { isLevelField, rank } from "./levels.js";
import { equals, filterOf, quote, state } from "./logsql.js";
import { bar } from "./parts.js";

const FIRST = ["job", "cls", "ins", "ip", "level", "severity", "app", "host", "hostname"];
const HIDDEN = new Set(["_time", "_msg", "_stream_id"]);
const VALUES = 8;

const order = (name) => {
  const at = FIRST.indexOf(name);
  return name === "_stream" ? -1 : at < 0 ? 50 : at;
};

export class Side {
  /** `act`: filter(field, value, without), unfilter(field, value), column(name), by(name). */
  constructor(root, store, act) {
    Object.assign(this, { store, act, open: new Map(Object.entries(memory.get("logs.open", {}))) });
    this.find = h("input", { type: "search", placeholder: "Find a field", "aria-label": "Find a field", oninput: () => this.narrow() });
    this.list = h("div", { class: "facets" });
    this.said = h("p", { class: "muted small side-note", role: "status" });
    const summary = h("summary", { class: "panel-head" }, h("h2", null, "Fields"), h("span", { class: "grow" }), h("span", { class: "i-down" }, icon("down")));
    this.root = h("details", { class: "panel side-in" }, summary, h("div", { class: "side-find" }, this.find), this.said, this.list);
    // On a wide screen it's always there; on a narrow one it would push the rows out of sight.
    const wide = matchMedia("(min-width: 961px)");
    const fit = () => (this.root.open = wide.matches);
    wide.addEventListener("change", fit);
    fit();
    root.append(this.root);
  }

  /** Ask for what the rows of a query have, and show it. */
  async load({ query, start, end, columns }, signal) {
    this.asked = { query: filterOf(query), start, end };
    Object.assign(this, { query, columns, signal });
    this.root.setAttribute("aria-busy", "true");
    if (!this.fields?.length) this.list.replaceChildren(...Array.from({ length: 6 }, () => h("div", { class: "bone" })));
    this.said.textContent = "";
    try {
      const [{ facets }, { values }] = await Promise.all([
        this.store.json("facets", { ...this.asked, limit: VALUES, keep_const_fields: "1" }, signal), this.store.json("field_names", this.asked, signal)]);
      const known = new Map(facets.map((f) => [f.field_name, f.values]));
      this.fields = values.filter(({ value }) => !HIDDEN.has(value)).map(({ value, hits }) => ({ name: value, hits, values: known.get(value) ?? null }))
        .sort((a, b) => order(a.name) - order(b.name) || (a.values === null) - (b.values === null) || a.name.localeCompare(b.name, "en"));
      this.said.textContent = this.fields.length === 0 ? "No fields: no row matches." : "";
      this.draw();
    } catch (error) {
      if (signal.aborted) return;
      this.fields = [];
      this.root.removeAttribute("aria-busy");
      this.list.replaceChildren();
      this.said.textContent = `${error.message} ${error.detail}`;
    }
    this.root.removeAttribute("aria-busy");
  }

  draw() {
    this.list.replaceChildren(...this.fields.map((field, i) => this.facet(field, i)));
    this.narrow();
  }

  narrow() {
    const word = this.find.value.trim().toLowerCase();
    for (const element of this.list.children) element.hidden = !element.dataset.name.toLowerCase().includes(word);
  }

  facet(field, index) {
    const { name } = field;
    const shown = this.columns?.includes(name);
    const body = h("div", { class: "facet-body" });
    const tool = (glyph, label, onclick, pressed) => h("button", { type: "button", class: "iconbtn tiny", title: label, "aria-label": label, "aria-pressed": pressed,
      onclick: (event) => (event.preventDefault(), onclick(event)) }, icon(glyph));
    const element = h("details", { class: "facet", "data-name": name },
      h("summary", null, h("span", { class: "facet-name" }, name === "_stream" ? "stream" : name),
        tool("chart", `Colour the bars by ${name}`, () => this.act.by(name)),
        tool("columns", shown ? `Hide the column ${name}` : `Show ${name} as a column`, () => this.act.column(name), String(Boolean(shown)))), body);
    const fill = () => body.childElementCount === 0 && this.fill(field, body);
    element.open = this.open.get(name) ?? (name !== "_stream" && field.values !== null && index < 7);
    if (element.open) fill();
    element.addEventListener("toggle", () => {
      if (element.open) fill();
      this.open.set(name, element.open);
      memory.set("logs.open", Object.fromEntries([...this.open].slice(-60)));
    });
    return element;
  }

  /** Values that the store counted already, or the most frequent ones, asked for now. */
  async fill(field, body) {
    let { values } = field;
    if (values === null) {
      body.replaceChildren(h("span", { class: "spin" }));
      values = [];
      try {
        const query = `${this.asked.query} | top ${VALUES} by (${quote(field.name)})`;
        await this.store.rows("query", { ...this.asked, query }, this.signal, (rows) => values.push(...rows.map((row) => ({ field_value: row[field.name] ?? "", hits: Number(row.hits) }))));
        field.values = values;
      } catch (error) {
        if (!this.signal.aborted) body.replaceChildren(h("p", { class: "small muted" }, error.message));
        return;
      }
    }
    const most = Math.max(1, ...values.map(({ hits }) => Number(hits)));
    const level = isLevelField(field.name);
    body.replaceChildren(h("ul", null, values.map(({ field_value: value, hits }) => this.value(field.name, value, Number(hits), most, level))),
      values.length >= VALUES && h("p", { class: "small muted" }, `The ${VALUES} most frequent.`) || "");
  }

  value(name, value, hits, most, level) {
    const now = state(this.query, equals(name, value));
    const text = value === "" ? "(empty)" : value;
    return h("li", { class: level ? `lv-${rank(value)}` : null, "data-state": now },
      bar(hits / most),
      h("button", { type: "button", class: "facet-value", "aria-pressed": String(now === "with"), title: now ? `${text}: no longer filter by it` : `Only rows with ${name} ${text}`,
        onclick: () => (now ? this.act.unfilter(name, value) : this.act.filter(name, value)) }, now && icon(now === "with" ? "check" : "cross"), h("span", null, text)),
      h("span", { class: "facet-hits" }, hits.toLocaleString("en")),
      h("button", { type: "button", class: "iconbtn tiny", "aria-label": `Without ${name} ${text}`, title: `Without ${name} ${text}`, onclick: () => this.act.filter(name, value, true) }, icon("without")));
  }
}
