// An opened span: what can be done with it, its attributes, events and links.

import { h, icon } from "./dom.js";
import { clock, duration } from "./format.js";
import { format as logsAddress } from "./logs-state.js";
import { loadSite } from "./live.js";

const took = (us) => duration(us / 1e6);
const AROUND = 5;

/** Where the log page is, if there is one: the portal knows. */
export const logsPage = loadSite().then((site) => site?.nav?.find(({ page, available }) => page === "vlogs" && available)?.url ?? null, () => null);

/** The address of the log page for a query over the time of a span (µs), and a little before and after. */
export function logsLink(page, query, start, length) {
  const end = Math.ceil((start + length) / 1e6) + AROUND;
  const range = Math.max(1, end - Math.floor(start / 1e6) + AROUND);
  return `${page}select/vmui/${logsAddress({ query, range, end, day: null, limit: 1000, view: "rows", columns: null, by: null, live: false })}`;
}

const quoted = (text) => (/^[\w-]+$/.test(text) ? text : JSON.stringify(text));

/** What the logs of the program that made a span have in common: the first of these labels that it has. */
function origin(span) {
  for (const [label, field] of [["ins", "ins"], ["service.instance.id", "service.instance.id"], ["host.name", "host.name"], ["ip", "ip"]])
    if (span.process.get(label)) return `${quoted(field)}:=${quoted(span.process.get(label))}`;
  return null;
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.dataset.done = "";
    setTimeout(() => delete button.dataset.done, 1200);
  } catch {
    // Without the right to the clipboard, the text is there to be selected.
  }
}

const button = (glyph, text, onclick) => h("button", { type: "button", class: "btn small", onclick }, icon(glyph), text);

function table(title, entries, search) {
  if (entries.length === 0) return null;
  return h("section", { class: "attrs" }, h("h4", null, title), h("dl", null, entries.map(([name, value]) => h("div", null,
    h("dt", null, name), h("dd", null, long(value) ? h("pre", null, value) : value,
      search && h("button", { type: "button", class: "iconbtn tiny", title: `Search for traces with this ${name}`, "aria-label": `Search for traces with this ${name}`, onclick: () => search(name, value) }, icon("search")))))));
}

const long = (value) => value.length > 160 || value.includes("\n");

/** `act`: {search(service, name, value), address(span), open(traceId, spanId)}. */
export function detail(span, trace, act) {
  const logs = h("a", { class: "btn small", hidden: true }, icon("logs"), "Logs of its instance");
  const own = h("a", { class: "btn small", hidden: true }, icon("logs"), "Logs of this trace");
  logsPage.then((page) => {
    if (!page) return;
    const from = origin(span);
    if (from) {
      logs.href = logsLink(page, from, span.start, span.duration);
      logs.hidden = false;
    }
    own.href = logsLink(page, `trace_id:=${trace.id}`, trace.start, trace.duration);
    own.hidden = false;
  });
  const tags = [...span.tags].filter(([name]) => !["error", "span.kind", "otel.status_description"].includes(name)).sort();
  const events = span.raw.logs.map((event) => ({ at: event.timestamp - span.start, fields: new Map(event.fields.map(({ key, value }) => [key, value])) }));
  const links = span.raw.references.filter((r) => r.traceID !== trace.id || (r.spanID !== span.parent?.id && r.refType === "FOLLOWS_FROM"));
  const message = span.tags.get("otel.status_description");
  return h("div", { class: "span-detail" },
    h("div", { class: "bar span-acts" }, logs, own, button("copy", "Copy span ID", (e) => copy(span.id, e.currentTarget)), button("link", "Copy link", (e) => copy(act.address(span), e.currentTarget))),
    h("p", { class: "span-facts" },
      fact("Service", span.service), span.kind && fact("Kind", span.kind), fact("Began", `${clock(span.start / 1000)}, ${took(span.start - trace.start)} in`), fact("Took", took(span.duration)), span.children.length > 0 && fact("Of that itself", took(span.own)), fact("Span ID", h("span", { class: "mono" }, span.id))),
    message && h("p", { class: "note", "data-tone": "bad" }, icon("alert"), h("div", null, message)),
    h("div", { class: "attrs-all" },
      table("Attributes", tags, (name, value) => act.search(span.service, name, value)),
      table("Resource", [...span.process].sort(), (name, value) => act.search(span.service, `resource_attr:${name}`, value))),
    events.length > 0 && h("section", { class: "events" }, h("h4", null, "Events"), h("ol", null, events.map(({ at, fields }) => h("li", null,
      h("div", null, h("span", { class: "mono muted" }, `+${took(at)}`), " ", h("b", null, fields.get("event") ?? "event")),
      table("", [...fields].filter(([name]) => name !== "event").sort()))))),
    links.length > 0 && h("section", null, h("h4", null, "Links"), h("ul", null, links.map((r) => h("li", null, h("a", { href: act.open(r.traceID, r.spanID), class: "mono" }, r.traceID === trace.id ? `span ${r.spanID}` : r.traceID), h("span", { class: "muted small" }, ` ${r.refType === "CHILD_OF" ? "child of" : "follows from"}`))))));
}

const fact = (name, value) => h("span", null, h("span", { class: "muted" }, `${name} `), value);
