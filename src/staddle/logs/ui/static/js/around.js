// What a stream said before and after one of its rows, in a window of its own.

import { h, icon, note } from "./dom.js";
import { drawRow, makeItem, widths } from "./rows.js";

const MORE = 20;

/** Opens the window. `look` is how rows are shown, `act` what can be done with them. */
export function around(item, { store, look, act, query }) {
  const { row } = item;
  let [before, after] = [MORE, MORE];
  const list = h("div", { class: "around-rows", role: "grid", "aria-label": "Surrounding rows" });
  const said = h("span", { class: "muted small", role: "status" });
  const control = new AbortController();
  const close = h("button", { type: "button", class: "iconbtn", "aria-label": "Close", onclick: () => dialog.close() }, icon("cross"));
  const dialog = h("dialog", { class: "around", "aria-label": "Surrounding rows" },
    h("div", { class: "panel-head" }, h("h2", null, "Surrounding rows"), h("span", { class: "mono small muted wrap-anywhere" }, row._stream ?? ""), h("span", { class: "grow" }), said, close), list);
  dialog.addEventListener("close", () => {
    control.abort();
    dialog.remove();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  const more = (text, onclick) => h("button", { type: "button", class: "btn small around-more", onclick }, text);
  const own = { ...look, view: "rows", columns: [], wrap: true, date: true, log: true };
  const same = (other) => other._time === row._time && other._msg === row._msg;
  const load = async (first) => {
    said.textContent = "Asking…";
    const found = [];
    try {
      await store.rows("query", { query: query(row, before, after) }, control.signal, (rows) => found.push(...rows));
    } catch (error) {
      if (!control.signal.aborted) list.replaceChildren(note("bad", error.message, error.detail, { retry: () => load(first) }));
      return;
    }
    // Neighbouring contexts are set apart by rows that say nothing.
    const items = found.filter((r) => r._stream_id).sort((a, b) => (a._time.slice(0, -1) < b._time.slice(0, -1) ? -1 : 1)).map(makeItem);
    const here = items.findIndex((one) => same(one.row));
    own.columns = look.columns.filter((name) => items.some((one) => one.row[name] !== items[0].row[name])).slice(0, 2);
    list.style.setProperty("--cols", ["23ch", ...widths(own.columns, items).map((n) => `${n}ch`), "minmax(0, 1fr)"].join(" "));
    const draw = (one) => {
      const element = drawRow(one, own, { ...act, toggle: () => {
        one.open = !one.open;
        element.replaceWith(draw(one));
      }, filter: (...rest) => (dialog.close(), act.filter(...rest)) });
      if (items.indexOf(one) === here) element.classList.add("here");
      return element;
    };
    said.textContent = here < 0 ? "" : `${here} before, ${items.length - here - 1} after`;
    const tall = list.scrollHeight - list.scrollTop;
    const asked = list.contains(document.activeElement);
    list.replaceChildren(
      here >= before ? more(`${MORE} rows further back`, () => ((before += MORE), load("up"))) : h("p", { class: "muted small around-end" }, "The stream begins here, or an hour without rows does."),
      ...items.map(draw),
      items.length - here - 1 >= after ? more(`${MORE} rows further on`, () => ((after += MORE), load("down"))) : h("p", { class: "muted small around-end" }, "Nothing came after."));
    if (first === true) list.querySelector(".here")?.scrollIntoView({ block: "center" });
    else if (first === "up") list.scrollTop = list.scrollHeight - tall;
    // The button that was pressed is gone: the one in its place has the focus, so that Enter goes on.
    if (asked) (list.querySelector(`button.around-more:${first === "up" ? "first" : "last"}-child`) ?? close).focus({ preventScroll: true });
  };
  document.body.append(dialog);
  dialog.showModal();
  load(true);
}
