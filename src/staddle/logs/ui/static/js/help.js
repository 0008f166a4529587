// LogsQL in brief. Every example can be clicked.

import { h } from "./dom.js";
import { coloured } from "./editor.js";

const PARTS = [
  ["Words", [
    ["error", "the word in the message; case counts"],
    ["i(error)", "in any case"],
    ['"connection reset"', "words in this order"],
    ["dead*", "words that begin like this"],
    ["~\"dur.*ms$\"", "a regular expression"],
    ["seq(\"lock\", \"held\")", "these, in this order"],
  ]],
  ["Fields", [
    ["level:error", "the word in a field"],
    ["level:=error", "exactly this value"],
    ["job:in(nginx, pgsql)", "one of these"],
    ["status:>=500", "numbers: < <= > >="],
    ["duration:range(100, 500]", "numbers between"],
    ["trace_id:*", "the field has a value"],
    ["client:ipv4_range(10.0.0.0/8)", "addresses of a network"],
  ]],
  ["Streams and time", [
    ["{job=\"pgsql\", ins=~\"pg-test-.*\"}", "by stream: the quickest way"],
    ["_time:5m", "the last five minutes"],
    ["_time:[2026-01-31T12:00, 2026-01-31T13:00)", "between"],
    ["_time:day_range[08:00, 18:00]", "only at these hours"],
  ]],
  ["Together", [
    ["error timeout", "both"],
    ["error or fatal", "either"],
    ["error -timeout", "the first without the second"],
    ["(error or fatal) job:=pgsql", "parentheses"],
    ["level:(error or fatal)", "for one field"],
  ]],
  ["Pipes", [
    ["* | stats by (level) count()", "count by a field"],
    ["* | stats by (_time:5m, job) count() rows", "over time: drawn as a chart"],
    ["* | top 10 by (client)", "most frequent values"],
    ["* | stats by (path) quantile(0.99, request_time) p99 | sort by (p99) desc | limit 10", "slowest"],
    ["error | fields _time, ins, _msg", "only these fields"],
    ["* | extract \"duration: <ms> ms\" | filter ms:>100", "take values out of text"],
    ["* | unpack_json", "fields out of JSON in the message"],
    ["* | uniq by (job, ins)", "what there is"],
    ["error | collapse_nums | top 10 by (_msg)", "messages that differ only in numbers"],
  ]],
];

const KEYS = [["Enter", "run"], ["Shift Enter", "new line"], ["Ctrl Space", "suggest"], ["Ctrl ↑ ↓", "earlier queries"], ["/", "to the query"], ["Esc", "cancel"],
  ["[ ]", "older, newer"], ["l", "live"], ["j k", "down, up the rows"], ["Enter", "open a row"], ["s", "surrounding rows"], ["w", "wrap"], ["?", "this"]];

/** Fill `root`; `use(query)` puts an example into the box. */
export function fillHelp(root, use) {
  root.replaceChildren(h("div", { class: "help-in" }, PARTS.map(([title, lines]) => h("section", null, h("h3", null, title),
    h("ul", null, lines.map(([query, what]) => h("li", null, h("button", { type: "button", title: "Put it into the query", onclick: () => use(query) }, coloured(query)), h("span", null, what)))))),
  h("section", null, h("h3", null, "Keys"), h("ul", { class: "keys" }, KEYS.map(([key, what]) => h("li", null, h("span", null, key.split(" ").map((k) => h("kbd", null, k))), h("span", null, what)))))));
}
