// An opened row: its whole message, all its fields, and what can be done with each.

import { h, icon } from "./dom.js";
import { timeText } from "./rows-time.js";
import { traceLink } from "./trace-link.js";

const BUILT_IN = ["_time", "_stream", "_stream_id", "_msg"];

const small = (name, label, onclick, pressed) => h("button", { type: "button", class: "iconbtn tiny", "aria-label": label, title: label, "aria-pressed": pressed, onclick }, icon(name));

function field(name, value, look, act) {
  // A number that statistics made is in no row.
  const fixed = name === "_time" || name === "_msg" || (!look.log && look.keys.length > 0 && !look.keys.includes(name));
  return h("div", { class: "fv" },
    h("span", { class: "fv-acts" },
      fixed ? h("span") : small("with", `Only rows with this ${name}`, () => act.filter(name, value)),
      fixed ? h("span") : small("without", `Without rows with this ${name}`, () => act.filter(name, value, true)),
      fixed ? h("span") : small("columns", look.columns.includes(name) ? `Hide the column ${name}` : `Show ${name} as a column`, () => act.column(name), String(look.columns.includes(name))),
      small("copy", `Copy ${name}`, (event) => act.copy(value, event.currentTarget))),
    h("dt", null, name), h("dd", null, value));
}

export function detail(item, look, act) {
  const { row } = item;
  const names = Object.keys(row).filter((name) => !BUILT_IN.includes(name)).sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const button = (glyph, text, onclick) => h("button", { type: "button", class: "btn small", onclick }, icon(glyph), text);
  return h("div", { class: "detail", role: "gridcell" },
    h("div", { class: "bar detail-acts" },
      row._stream_id && button("around", "Surrounding rows", () => act.around(item)),
      row._stream && row._stream !== "{}" && button("with", "Only this stream", () => act.filter("_stream", row._stream)),
      traceLink(row),
      button("copy", "Copy JSON", (event) => act.copy(JSON.stringify(row, null, 2), event.currentTarget)),
      row._time && button("link", "Copy link", (event) => act.copy(act.link(item), event.currentTarget)),
      row._time && h("span", { class: "muted small mono detail-when" }, timeText(item.ms, { ...look, date: true }), look.utc ? " UTC" : "")),
    row._msg !== undefined && h("pre", { class: "whole" }, row._msg),
    h("dl", { class: "fvs" }, names.map((name) => field(name, row[name], look, act)), BUILT_IN.slice(0, 3).filter((name) => row[name] !== undefined).map((name) => field(name, row[name], look, act))));
}
