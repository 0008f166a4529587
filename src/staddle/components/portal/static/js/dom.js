// Elements without markup strings: whatever an API answers can only ever become text.

const SVG = "http://www.w3.org/2000/svg";
const sprite = document.querySelector('meta[name="staddle-icons"]').content;

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled" || name === "selected") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

/** An HTML element: h("a", {class: "x", href: url, onclick: f}, child, …). Children are nodes or text. */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

/** The same for SVG. */
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

export const icon = (name) => s("svg", { class: "i", "aria-hidden": "true" }, s("use", { href: `${sprite}#${name}` }));

export const byId = (id) => document.getElementById(id);

/** A link target that can't run anything: http(s) or an absolute path, else undefined. Annotations are untrusted. */
export function safeUrl(text) {
  if (typeof text !== "string" || text === "") return undefined;
  try {
    const url = new URL(text, location.origin);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : undefined;
  } catch {
    return undefined;
  }
}

const WORDS = { up: "up", down: "down", warn: "warning", unknown: "not known" };

export const dot = (state, word = WORDS[state]) =>
  h("span", { class: "dot", "data-state": state }, h("span", { class: "vh" }, word));

export const badge = (text, tone) => h("span", { class: "badge", "data-tone": tone }, text);

/** Labels as chips, without those in `hide`; `onclick(name, value)` makes them buttons. */
export function chips(labels, { hide = [], onclick } = {}) {
  const entries = Object.entries(labels ?? {}).filter(([name]) => !hide.includes(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  return h("span", { class: "chips" }, entries.map(([name, value]) => {
    const text = [h("b", null, `${name}=`), value];
    return onclick
      ? h("button", { type: "button", class: "chip", title: `Filter by ${name}="${value}"`, onclick: () => onclick(name, value) }, text)
      : h("span", { class: "chip" }, text);
  }));
}

/** A message box. `detail` is a sentence, or (`literal`) what a program said; `retry` adds a button. */
export function note(tone, title, detail, { retry, literal = false } = {}) {
  return h("div", { class: "note", "data-tone": tone },
    icon(tone === "bad" || tone === "warn" ? "alert" : "activity"),
    h("div", null, h("strong", null, title), detail && h(literal ? "pre" : "p", { class: "small" }, detail)),
    retry && h("button", { type: "button", class: "btn small", onclick: retry }, "Try again"));
}

/** The box for an error of api.js. */
export const problem = (error, retry) => note("bad", error.message, error.detail, { retry, literal: error.kind === "refused" });

export const empty = (title, text, name = "search") =>
  h("div", { class: "empty" }, icon(name), h("h3", null, title), text && h("p", null, text));

/**
 * Make `parent` hold one element per item, in order, touching as little as possible: focus, selection and open details
 * survive a refresh. `draw(item)` is called for a new item or when `signature(item)` changed; `update(element, item)` always.
 */
export function reconcile(parent, items, { key, signature = key, draw, update }) {
  const old = new Map([...parent.children].map((element) => [element.dataset.key, element]));
  const keep = new Set();
  let place = parent.firstElementChild;
  for (const item of items) {
    const id = String(key(item));
    const sign = String(signature(item));
    let element = old.get(id);
    if (!element || element.dataset.sign !== sign) {
      const fresh = draw(item, element);
      if (element) {
        if (element === place) place = fresh;
        element.replaceWith(fresh);
      }
      element = fresh;
      element.dataset.key = id;
      element.dataset.sign = sign;
    }
    update?.(element, item);
    keep.add(element);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const element of [...parent.children]) if (!keep.has(element)) element.remove();
}

/** localStorage that may be switched off. */
export const memory = {
  get(name, fallback) {
    try {
      return JSON.parse(localStorage.getItem(`staddle.${name}`)) ?? fallback;
    } catch {
      return fallback;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`staddle.${name}`, JSON.stringify(value));
    } catch {
      // Not remembered, that's all.
    }
  },
};
