// Completion in a query box: metric names and functions, label names inside braces, values inside quotes.

import { prometheus } from "./api.js";
import { h } from "./dom.js";

const FUNCTIONS = ("abs absent absent_over_time avg avg_over_time bottomk by ceil changes clamp_max clamp_min count count_over_time "
  + "count_values day_of_week default delta deriv exp floor group histogram_quantile hour idelta increase increase_pure irate "
  + "keep_last_value label_join label_replace label_set label_values last_over_time ln log10 log2 max max_over_time median min "
  + "min_over_time outliersk predict_linear quantile quantile_over_time quantiles range_max range_median rate remove_resets resets "
  + "rollup rollup_rate round running_sum sgn sort sort_desc sqrt stddev stddev_over_time stdvar sum sum_over_time time timestamp "
  + "tmin_over_time tmax_over_time topk topk_avg union vector without").split(" ");

const cache = new Map();

/** Values of a label, asked once per page and minute. */
async function values(path, params = "") {
  const key = path + params;
  const known = cache.get(key);
  if (known && Date.now() - known.at < 60_000) return known.list;
  const { data } = await prometheus(`/vmetrics/api/v1/${path}?limit=20000${params}`, { seconds: 5 });
  cache.set(key, { at: Date.now(), list: data });
  return data;
}

/** What is being typed at `caret`: {kind, word, start, …}; null if there is nothing to complete. */
export function context(text, caret) {
  const before = text.slice(0, caret);
  let quote = null;
  let brace = -1;
  for (let i = 0; i < before.length; i += 1) {
    const c = before[i];
    if (quote) {
      if (c === "\\") i += 1;
      else if (c === quote.char) quote = null;
    } else if (c === '"' || c === "'") quote = { char: c, at: i };
    else if (c === "{") brace = i;
    else if (c === "}") brace = -1;
  }
  const metric = brace >= 0 ? before.slice(0, brace).match(/[a-zA-Z_:][\w:]*$/)?.[0] : undefined;
  if (quote) {
    const label = brace >= 0 && before.slice(0, quote.at).match(/([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)\s*$/)?.[1];
    return label ? { kind: "value", label, metric, word: before.slice(quote.at + 1), start: quote.at + 1 } : null;
  }
  const word = before.match(/[a-zA-Z_:][\w:]*$/)?.[0] ?? "";
  if (brace >= 0) return { kind: "label", metric, word, start: caret - word.length };
  const by = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*$/.test(before);
  if (by) return { kind: "label", word, start: caret - word.length };
  return word.length >= 2 ? { kind: "name", word, start: caret - word.length } : null;
}

async function candidates(now) {
  const of = now.metric ? `&match[]=${encodeURIComponent(now.metric)}` : "";
  if (now.kind === "value") return (await values(`label/${encodeURIComponent(now.label)}/values`, of)).map((text) => ({ text, note: now.label }));
  if (now.kind === "label") return (await values("labels", of)).filter((l) => l !== "__name__").map((text) => ({ text, note: "label" }));
  const names = await values("label/__name__/values");
  return [...FUNCTIONS.map((text) => ({ text, note: "function" })), ...names.map((text) => ({ text, note: "metric" }))];
}

/** Those that contain the word, the ones that start with it first, at most 60. */
export function rank(list, word) {
  const low = word.toLowerCase();
  const score = ({ text }) => {
    const at = text.toLowerCase().indexOf(low);
    return at < 0 ? Infinity : at === 0 ? 0 : /[_:]/.test(text[at - 1]) ? 1 : 2;
  };
  return list.map((item) => [score(item), item]).filter(([n]) => n < Infinity)
    .sort(([a, x], [b, y]) => a - b || x.text.length - y.text.length || (x.text < y.text ? -1 : 1)).slice(0, 60).map(([, item]) => item);
}

let count = 0;

/** Give a textarea a list of suggestions below it. Errors of the API mean no suggestions. */
export function attach(area) {
  const id = `suggest-${(count += 1)}`;
  const list = h("ul", { class: "suggest", role: "listbox", id, "aria-label": "Suggestions", hidden: true });
  area.after(list);
  area.setAttribute("role", "combobox");
  area.setAttribute("aria-autocomplete", "list");
  area.setAttribute("aria-controls", id);
  area.setAttribute("aria-expanded", "false");
  let items = [];
  let chosen = -1;
  let now = null;
  let turn = 0;

  const hide = () => {
    turn += 1;
    list.hidden = true;
    area.setAttribute("aria-expanded", "false");
    area.removeAttribute("aria-activedescendant");
  };
  const choose = (index) => {
    chosen = index;
    [...list.children].forEach((li, i) => li.setAttribute("aria-selected", String(i === index)));
    list.children[index]?.scrollIntoView({ block: "nearest" });
    if (index >= 0) area.setAttribute("aria-activedescendant", `${id}-${index}`);
    else area.removeAttribute("aria-activedescendant");
  };
  const take = (item) => {
    const after = area.value.slice(area.selectionStart).match(now.kind === "value" ? /^[^"',{}]*/ : /^[\w:]*/)[0];
    const tail = item.note === "function" && !/^\s*\(/.test(area.value.slice(area.selectionStart + after.length)) && !["by", "without", "default"].includes(item.text) ? "(" : "";
    area.setRangeText(item.text + tail, now.start, area.selectionStart + after.length, "end");
    hide();
    area.focus();
    area.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const show = async () => {
    const mine = (turn += 1);
    now = context(area.value, area.selectionStart);
    if (!now) return hide();
    let found;
    try {
      found = rank(await candidates(now), now.word);
    } catch {
      return hide();
    }
    if (mine !== turn || document.activeElement !== area) return undefined;
    items = found.filter((item) => item.text !== now.word);
    if (items.length === 0) return hide();
    list.replaceChildren(...items.map((item, i) => h("li", { role: "option", id: `${id}-${i}`, "aria-selected": "false", onpointerdown: (event) => (event.preventDefault(), take(item)) }, item.text, h("small", null, item.note))));
    list.hidden = false;
    area.setAttribute("aria-expanded", "true");
    choose(-1);
    return undefined;
  };

  area.addEventListener("input", show);
  area.addEventListener("blur", hide);
  // Registered first on the box, so that Enter takes a suggestion before it runs the query.
  area.addEventListener("keydown", (event) => {
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      show();
      return;
    }
    if (list.hidden) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) choose((chosen + step + items.length + (chosen < 0 && step < 0 ? 1 : 0)) % items.length);
    else if (event.key === "Escape") hide();
    else if (event.key === "Tab" && !event.shiftKey) take(items[Math.max(0, chosen)]);
    else if (event.key === "Enter" && chosen >= 0) take(items[chosen]);
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  });
}
