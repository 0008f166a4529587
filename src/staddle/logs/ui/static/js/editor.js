// The query box: a text area over a coloured copy of its text, with completion, history and the place of a mistake.

import { h } from "./dom.js";
import { candidates, context, rank } from "./complete.js";
import { tokens } from "./logsql.js";

/** The last token that ends at or before `end`: what a message about a mistake there is about. */
export function culprit(text, end) {
  const found = tokens(text).filter(({ kind, start }) => kind !== "space" && kind !== "comment" && start < end).at(-1);
  return found ? { start: found.start, end: Math.min(found.end, Math.max(end, found.start + 1)) } : { start: 0, end: 0 };
}

/** Pieces of `text` as nodes, coloured; what lies within `mark` is underlined. */
export function coloured(text, mark = null) {
  return tokens(text).flatMap(({ kind, text: word, start, end }) => {
    if (!mark || end <= mark.start || start >= mark.end) return h("span", { class: `q-${kind}` }, word);
    const [a, b] = [Math.max(0, mark.start - start), Math.min(word.length, mark.end - start)];
    return h("span", { class: `q-${kind}` }, word.slice(0, a), h("mark", { class: "q-bad" }, word.slice(a, b)), word.slice(b));
  });
}

/** The text with a line below the one that has the mistake, pointing at it. */
export function pointed(text, mark) {
  const from = text.lastIndexOf("\n", mark.start - 1) + 1;
  const to = (text.indexOf("\n", mark.start) + 1 || text.length + 1) - 1;
  const length = Math.max(1, Math.min(mark.end, to) - mark.start);
  return [coloured(text.slice(0, to)), "\n", " ".repeat(mark.start - from), h("b", null, "^".repeat(length)), coloured(text.slice(to))];
}

export class Editor {
  /** `run()` is called when the query is to be asked; `values` is the source of completion; `history()` the queries before. */
  constructor(root, { run, values, history }) {
    Object.assign(this, { run, values, history, mark: null, back: -1, draft: "" });
    this.copy = h("pre", { class: "copy", "aria-hidden": "true" });
    this.area = h("textarea", { id: "query", rows: "1", spellcheck: "false", autocomplete: "off", autocapitalize: "off", "aria-label": "Query", role: "combobox",
      "aria-autocomplete": "list", "aria-controls": "suggest", "aria-expanded": "false", placeholder: "LogsQL, e.g. error ins:=pg-test-1" });
    this.list = h("ul", { class: "suggest", role: "listbox", id: "suggest", "aria-label": "Suggestions", hidden: true });
    this.measure = h("span", { class: "copy-caret" });
    root.append(h("div", { class: "editor-in" }, this.copy, this.area), this.list);
    this.hide();
    this.area.addEventListener("input", () => {
      this.back = -1;
      this.show(null);
      this.suggest();
    });
    this.area.addEventListener("blur", () => this.hide());
    this.area.addEventListener("keydown", (event) => this.key(event));
    this.area.addEventListener("scroll", () => (this.copy.scrollTop = this.area.scrollTop));
  }

  get text() {
    return this.area.value;
  }

  set text(value) {
    if (this.area.value !== value) this.area.value = value;
    this.show(null);
  }

  /** Colour the text; `mark` ({start, end}) is where a mistake is. */
  show(mark) {
    this.mark = mark;
    // A last empty line has no height without something on it.
    this.copy.replaceChildren(...coloured(this.text, mark), "\u200b");
    if (mark) this.area.setAttribute("aria-invalid", "true");
    else this.area.removeAttribute("aria-invalid");
  }

  hide() {
    this.turn = (this.turn ?? 0) + 1;
    this.items = [];
    this.chosen = -1;
    this.list.hidden = true;
    this.area.setAttribute("aria-expanded", "false");
    this.area.removeAttribute("aria-activedescendant");
  }

  async suggest(asked = false) {
    const mine = (this.turn += 1);
    const now = context(this.text, this.area.selectionStart);
    if (!now || (!asked && now.word === "" && now.quiet)) return this.hide();
    let found = [];
    try {
      found = rank(await candidates(now, this.values), now.word);
    } catch {
      // Without an answer there is nothing to suggest.
    }
    if (mine !== this.turn || document.activeElement !== this.area) return undefined;
    const items = found.filter((item) => item.insert !== now.word);
    if (items.length === 0) return this.hide();
    Object.assign(this, { items, now });
    this.list.replaceChildren(...items.map((item, i) => h("li", { role: "option", id: `suggest-${i}`, "aria-selected": "false", onpointerdown: (event) => (event.preventDefault(), this.take(item)) },
      h("span", null, item.text), h("small", null, item.note))));
    this.list.hidden = false;
    this.area.setAttribute("aria-expanded", "true");
    this.place(now.start);
    this.choose(-1);
    return undefined;
  }

  /** Put the list below the word it completes. */
  place(start) {
    const before = document.createRange();
    before.selectNodeContents(this.copy);
    let left = start;
    for (const span of this.copy.children) {
      const node = span.firstChild;
      if (node?.nodeType === Node.TEXT_NODE && left <= node.length) {
        before.setStart(node, left);
        before.setEnd(node, left);
        break;
      }
      left -= span.textContent.length;
    }
    const at = before.getBoundingClientRect();
    const box = this.list.parentElement.getBoundingClientRect();
    const line = at.height || 22;
    const top = at.top || box.top + 8;
    this.list.style.top = `${top - box.top + line + 3}px`;
    this.list.style.left = `${Math.max(0, Math.min((at.left || box.left + 12) - box.left - 10, box.width - this.list.offsetWidth))}px`;
  }

  choose(index) {
    this.chosen = index;
    [...this.list.children].forEach((li, i) => li.setAttribute("aria-selected", String(i === index)));
    this.list.children[index]?.scrollIntoView({ block: "nearest" });
    if (index >= 0) this.area.setAttribute("aria-activedescendant", `suggest-${index}`);
    else this.area.removeAttribute("aria-activedescendant");
  }

  take(item) {
    const after = this.text.slice(this.area.selectionStart).match(this.now.rest)?.[0] ?? "";
    this.area.setRangeText(item.insert + (item.tail ?? ""), this.now.start, this.area.selectionStart + after.length, "end");
    this.hide();
    this.show(null);
    if (item.more) this.suggest(true);
  }

  recall(step) {
    const known = this.history();
    if (this.back < 0) this.draft = this.text;
    const next = Math.max(-1, Math.min(known.length - 1, this.back + step));
    if (next === this.back) return;
    this.text = next < 0 ? this.draft : known[next];
    this.back = next;
    this.hide();
  }

  key(event) {
    const { key } = event;
    const control = event.ctrlKey || event.metaKey;
    if (key === " " && event.ctrlKey) this.suggest(true);
    else if (key === "Enter" && control) this.run();
    else if ((control || event.altKey) && (key === "ArrowUp" || key === "ArrowDown")) this.recall(key === "ArrowUp" ? 1 : -1);
    else if (!this.list.hidden && (key === "ArrowDown" || key === "ArrowUp")) {
      const step = key === "ArrowDown" ? 1 : -1;
      this.choose((this.chosen + step + this.items.length + (this.chosen < 0 && step < 0 ? 1 : 0)) % this.items.length);
    } else if (!this.list.hidden && key === "Tab" && !event.shiftKey) this.take(this.items[Math.max(0, this.chosen)]);
    else if (!this.list.hidden && key === "Enter" && this.chosen >= 0) this.take(this.items[this.chosen]);
    else if (!this.list.hidden && key === "Escape") this.hide();
    else if (key === "Enter" && !event.shiftKey && !event.isComposing) this.run();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
