// From a log row to the trace that it belongs to: behind the portal, the trace page is known.

import { h, icon } from "./dom.js";
import { loadSite } from "./live.js";

const NAMES = ["trace_id", "traceId", "traceID", "trace.id", "otelTraceID"];

const tracesPage = loadSite().then((site) => site?.nav?.find(({ page, available }) => page === "vtraces" && available)?.url ?? null, () => null);

/** The trace id in a row, or null. A traceparent has it in the middle. */
export function traceOf(row) {
  const plain = NAMES.map((name) => row[name]).find((value) => /^[0-9a-f]{32}$/i.test(value ?? ""));
  return (plain ?? row.traceparent?.match(/^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/i)?.[1])?.toLowerCase() ?? null;
}

/** A button to the row's trace; hidden until it is known that there is a trace page. */
export function traceLink(row) {
  const id = traceOf(row);
  if (!id) return null;
  const span = /^[0-9a-f]{16}$/i.test(row.span_id ?? "") ? `?span=${row.span_id.toLowerCase()}` : "";
  const link = h("a", { class: "btn small", hidden: true }, icon("traces"), "Open trace");
  tracesPage.then((page) => {
    if (!page) return;
    link.href = `${page}select/vmui/#/trace/${id}${span}`;
    link.hidden = false;
  });
  return link;
}
