import { isError, type JaegerSpan, type JaegerTrace, serviceOf } from '../data/queryTraces';

export interface SpanRow {
  span: JaegerSpan;
  service: string;
  depth: number;
  /** Where it begins and how long it is, as parts of the trace. */
  from: number;
  length: number;
  error: boolean;
}

/** Spans as a tree from above to below, each below what it is part of, by time. */
export function spanRows(trace: JaegerTrace): { rows: SpanRow[]; duration: number } {
  const start = Math.min(...trace.spans.map((span) => span.startTime));
  const end = Math.max(...trace.spans.map((span) => span.startTime + span.duration));
  const duration = Math.max(1, end - start);
  const ids = new Set(trace.spans.map((span) => span.spanID));
  const children = new Map<string, JaegerSpan[]>();
  for (const span of trace.spans) {
    const parent = span.references?.find((each) => ids.has(each.spanID) && each.spanID !== span.spanID)?.spanID ?? '';
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const rows: SpanRow[] = [];
  const seen = new Set<string>();
  const walk = (parent: string, depth: number) => {
    for (const span of (children.get(parent) ?? []).sort((a, b) => a.startTime - b.startTime)) {
      if (seen.has(span.spanID)) continue;
      seen.add(span.spanID);
      const from = (span.startTime - start) / duration;
      rows.push({
        span,
        service: serviceOf(trace, span),
        depth,
        from,
        length: span.duration / duration,
        error: isError(span),
      });
      walk(span.spanID, depth + 1);
    }
  };
  walk('', 0);
  return { rows, duration };
}
