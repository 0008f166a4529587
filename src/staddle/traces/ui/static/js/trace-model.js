// A trace of Jaeger's API as what the views need: a tree in order, times from its beginning, errors, services.

const tagsOf = (list) => new Map(list.map(({ key, value }) => [key, value]));

/** {id, start (µs), duration (µs), root, spans (in order of the tree, with depth), services: Map(name → {spans, errors, own}), errors, depth}. */
export function model(trace) {
  const byId = new Map();
  for (const raw of trace.spans) {
    const process = trace.processes[raw.processID] ?? { serviceName: "", tags: [] };
    const tags = tagsOf(raw.tags);
    byId.set(raw.spanID, { raw, id: raw.spanID, name: raw.operationName || "(no name)", service: process.serviceName || "(no service)", process: tagsOf(process.tags), tags,
      error: tags.get("error") === "true", kind: tags.get("span.kind") ?? "", start: raw.startTime, duration: raw.duration, children: [], parent: null, depth: 0, own: raw.duration, lost: false });
  }
  const roots = [];
  for (const span of byId.values()) {
    const up = span.raw.references.find((r) => r.traceID === trace.traceID && r.spanID !== span.id && (r.refType === "CHILD_OF" || r.refType === "FOLLOWS_FROM"));
    const parent = up && byId.get(up.spanID);
    if (parent && !climbs(parent, span)) {
      span.parent = parent;
      parent.children.push(span);
    } else {
      // Its parent was never sent, or not yet.
      span.lost = Boolean(up);
      roots.push(span);
    }
  }
  const spans = [];
  const walk = (list, depth) => {
    for (const span of list.sort((a, b) => a.start - b.start || (a.id < b.id ? -1 : 1))) {
      span.depth = depth;
      spans.push(span);
      walk(span.children, depth + 1);
      span.own = Math.max(0, span.duration - covered(span));
    }
  };
  walk(roots, 0);
  const start = Math.min(...spans.map((s) => s.start));
  const duration = Math.max(...spans.map((s) => s.start + s.duration)) - start;
  const services = new Map();
  for (const span of spans) {
    const one = services.get(span.service) ?? services.set(span.service, { spans: 0, errors: 0, own: 0 }).get(span.service);
    one.spans += 1;
    one.errors += span.error ? 1 : 0;
    one.own += span.own;
  }
  return { id: trace.traceID, start, duration, root: spans[0], spans, services, errors: spans.filter((s) => s.error).length, depth: Math.max(...spans.map((s) => s.depth)) + 1 };
}

/** Is `span` above `from`, so that it can't be below it? */
function climbs(from, span) {
  for (let at = from; at; at = at.parent) if (at === span) return true;
  return false;
}

/** How much of a span its children cover (µs), counted once where they overlap. */
function covered(span) {
  let total = 0;
  let until = span.start;
  for (const child of span.children) {
    const from = Math.max(child.start, until);
    const to = Math.min(child.start + child.duration, span.start + span.duration);
    if (to > from) {
      total += to - from;
      until = to;
    }
  }
  return total;
}

/** A colour for each service: its own by its name where that is free, the next one otherwise. Red is for failures. */
export function colours(names) {
  const all = [0, 1, 2, 3, 4, 5, 7, 8, 9];
  const taken = new Set();
  const found = new Map();
  for (const name of [...names].sort()) {
    let n = [...name].reduce((sum, c) => (sum * 31 + c.codePointAt(0)) >>> 0, 7) % all.length;
    while (taken.has(n)) n = (n + 1) % all.length;
    taken.add(n);
    if (taken.size === all.length) taken.clear();
    found.set(name, `s${all[n]}`);
  }
  return found;
}
