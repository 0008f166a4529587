// Live tail as people watch it: newest row on top, a pause, the rate, and nothing that moves under the eyes of a reader.

import { h, icon, note } from "./dom.js";
import { plural } from "./format.js";
import { stacked } from "./hits-view.js";
import { levelOf } from "./levels.js";
import { makeItem } from "./rows.js";
import { Tail } from "./tail.js";

const MOST = 10_000;
const WINDOW = 120;

export class LiveView {
  /** `page`: results, hits, problem(element), stopped(). */
  constructor(store, page) {
    this.page = page;
    this.tail = new Tail(store, { onrows: (rows) => this.take(rows), onstate: (state, error) => this.state(state, error) });
    this.items = [];
    this.waiting = [];
    this.bars = new Map();
    this.paused = false;
    addEventListener("scroll", () => this.running && !this.paused && this.waiting.length > 0 && !this.away() && this.flush(), { passive: true });
  }

  get running() {
    return this.tail.running;
  }

  /** The reader went down into the rows: new ones must wait. */
  away() {
    const list = this.page.results.list;
    return list.root.getBoundingClientRect().top < list.covered() - 4;
  }

  start(state) {
    Object.assign(this, { look: state, items: [], waiting: [], paused: false, connection: "connecting", field: "level" });
    this.bars.clear();
    this.most = Math.min(MOST, state.limit);
    this.page.results.set([], state);
    this.page.results.below(h("p", { class: "muted waiting" }, h("span", { class: "spin" }), "Waiting for rows…"));
    this.tail.start(state.query);
    clearInterval(this.timer);
    this.timer = setInterval(() => this.tick(), 1000);
    this.tick();
  }

  stop() {
    this.tail.stop();
    clearInterval(this.timer);
  }

  state(state, error) {
    this.connection = state;
    if (state === "open") this.page.problem(null);
    if (state === "lost") {
      if (error?.kind === "refused" && error.message !== "The answer broke off.") {
        clearInterval(this.timer);
        this.page.stopped(error);
        return;
      }
      this.page.problem(note("warn", "The live connection was lost.", `${error?.message ?? ""} It is tried again.`));
    }
    this.tick();
  }

  take(rows) {
    for (const row of rows) {
      const second = Math.floor(Date.parse(row._time) / 1000);
      const { field, value: level } = levelOf(row);
      if (field) this.field = field;
      const bar = this.bars.get(level) ?? new Map();
      bar.set(second, (bar.get(second) ?? 0) + 1);
      this.bars.set(level, bar);
    }
    this.waiting.push(...rows.map(makeItem));
    // While nobody looks, only what could still be shown is kept.
    if (this.waiting.length > this.most) this.waiting.splice(0, this.waiting.length - this.most);
    if (!this.paused && !this.away()) this.flush();
    else this.say();
  }

  flush() {
    if (this.waiting.length === 0) return this.say();
    const { results } = this.page;
    const first = this.items.length === 0;
    const marked = results.list.items[results.current];
    this.items = [...this.waiting.reverse(), ...this.items].slice(0, this.most);
    this.waiting = [];
    results.items = this.items;
    if (first) {
      results.set(this.items, this.look);
      results.below();
    } else {
      results.list.set(results.order(), { redraw: false });
      if (marked) results.current = results.list.items.indexOf(marked);
    }
    return this.say();
  }

  pause() {
    this.paused = !this.paused;
    if (!this.paused) {
      this.page.results.list.root.scrollIntoView({ block: "nearest" });
      if (this.away()) scrollTo({ top: 0 });
      this.flush();
    }
    this.say();
  }

  tick() {
    this.say();
    const now = Math.floor(Date.now() / 1000);
    for (const [level, counts] of this.bars) {
      for (const second of counts.keys()) if (second < now - WINDOW) counts.delete(second);
      if (counts.size === 0) this.bars.delete(level);
    }
    const counted = [...this.bars].map(([value, counts]) => ({ fields: { [this.field]: value }, counts, total: [...counts.values()].reduce((a, b) => a + b, 0) }));
    this.page.hits.show({ series: stacked(counted, this.field), start: now - WINDOW, end: now + 1, step: 1, field: this.field, query: this.look.query, covered: null });
  }

  say() {
    const { results } = this.page;
    const rate = this.tail.rate();
    const held = this.waiting.length;
    const word = this.connection === "open" ? (this.paused ? "Paused" : held ? "Waiting" : "Live") : this.connection === "lost" ? "Lost" : "Connecting";
    if (!this.pauseButton) this.pauseButton = h("button", { type: "button", class: "btn small", onclick: () => this.press() });
    const shown = held >= this.most ? `the newest ${held.toLocaleString("en")}` : held.toLocaleString("en");
    this.pauseButton.replaceChildren(icon(this.paused || held ? "play" : "pause"), this.paused || held ? (held ? `Show ${shown} new` : "Resume") : "Pause");
    results.status.replaceChildren(h("span", { class: "live-word", "data-state": word.toLowerCase() }, word),
      h("span", { class: "muted small nowrap" }, `${rate >= 10 ? Math.round(rate) : rate.toFixed(1)} rows/s · ${plural(this.tail.total, "row").replace(/^\d+/, (n) => Number(n).toLocaleString("en"))}`), this.pauseButton);
  }

  /** The button: shows what waits, or pauses. */
  press() {
    if (!this.paused && this.waiting.length > 0) {
      scrollTo({ top: 0 });
      this.flush();
    } else this.pause();
  }
}
