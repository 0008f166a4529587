import { type DataFrame, FieldType } from '@grafana/data';
import type { DataSource } from '../app/config';
import type { Target } from '../dashboard/model';
import { interpolate } from '../variables/interpolate';
import { frameOf } from './frames';
import { getJson } from './http';
import { milliseconds } from './intervals';
import type { Asked, QueryContext } from './queryPrometheus';

export interface JaegerTag {
  key: string;
  value: unknown;
  type?: string;
}

export interface JaegerSpan {
  traceID: string;
  spanID: string;
  operationName: string;
  references?: { refType: string; traceID: string; spanID: string }[];
  /** In microseconds. */
  startTime: number;
  duration: number;
  processID: string;
  tags?: JaegerTag[];
  logs?: { timestamp: number; fields: JaegerTag[] }[];
}

export interface JaegerTrace {
  traceID: string;
  spans: JaegerSpan[];
  processes: Record<string, { serviceName: string; tags?: JaegerTag[] }>;
}

export const jaegerUrl = (source: DataSource): string => {
  const url = (source.url ?? '/vtraces/select/jaeger').replace(/\/$/, '');
  return url.includes('/jaeger') ? url : `${url}/select/jaeger`;
};

/** One row for each trace, the newest first. */
export function traceTable(traces: JaegerTrace[], refId: string): DataFrame {
  const rows = traces
    .map((trace) => {
      const root = rootOf(trace);
      const from = Math.min(...trace.spans.map((span) => span.startTime));
      const to = Math.max(...trace.spans.map((span) => span.startTime + span.duration));
      const errors = trace.spans.filter(isError).length;
      return { trace, root, from, duration: to - from, errors };
    })
    .sort((a, b) => b.from - a.from);
  const text = { type: FieldType.string };
  const number = { type: FieldType.number };
  return frameOf(
    [
      { name: 'Trace ID', ...text, config: {}, values: rows.map(({ trace }) => trace.traceID) },
      {
        name: 'Trace name',
        ...text,
        config: {},
        values: rows.map(({ trace, root }) => `${serviceOf(trace, root)}: ${root?.operationName ?? ''}`),
      },
      { name: 'Start time', type: FieldType.time, config: {}, values: rows.map(({ from }) => from / 1000) },
      { name: 'Duration', ...number, config: { unit: 'µs' }, values: rows.map(({ duration }) => duration) },
      { name: 'Spans', ...number, config: {}, values: rows.map(({ trace }) => trace.spans.length) },
      { name: 'Errors', ...number, config: {}, values: rows.map(({ errors }) => errors) },
    ],
    { refId, meta: { preferredVisualisationType: 'table' } },
  );
}

export const isError = (span: JaegerSpan): boolean =>
  (span.tags ?? []).some(
    ({ key, value }) =>
      (key === 'error' && String(value) === 'true') || (key === 'otel.status_code' && value === 'ERROR'),
  );

export const serviceOf = (trace: JaegerTrace, span?: JaegerSpan): string =>
  (span && trace.processes[span.processID]?.serviceName) || '?';

export function rootOf(trace: JaegerTrace): JaegerSpan | undefined {
  const ids = new Set(trace.spans.map((span) => span.spanID));
  const roots = trace.spans.filter((span) => !span.references?.some((reference) => ids.has(reference.spanID)));
  return roots.sort((a, b) => a.startTime - b.startTime)[0] ?? trace.spans[0];
}

/** A trace that the panel `traces` draws; it is kept whole. */
function traceFrame(trace: JaegerTrace, refId: string): DataFrame {
  return frameOf([{ name: 'trace', type: FieldType.other, config: {}, values: [trace] }], {
    refId,
    name: trace.traceID,
    meta: { preferredVisualisationType: 'trace' },
  });
}

/** Searches traces, or gets one by its id. */
export async function queryTraces(target: Target, source: DataSource, context: QueryContext): Promise<Asked> {
  const { scope, signal } = context;
  const read = (value: unknown) => interpolate(String(value ?? ''), scope).trim();
  const url = `${jaegerUrl(source)}/api/traces`;
  const id = read(target.query);
  if (target.queryType !== 'search' && id) {
    const { data } = await getJson<{ data: JaegerTrace[] }>(`${url}/${encodeURIComponent(id)}`, signal);
    return { query: id, frames: (data ?? []).map((trace) => traceFrame(trace, target.refId)) };
  }
  const service = read(target.service);
  if (!service) return { query: '', frames: [] };
  const params = new URLSearchParams({
    service,
    limit: read(target.limit) || '20',
    start: String(scope.range.from.valueOf() * 1000),
    end: String(scope.range.to.valueOf() * 1000),
  });
  for (const name of ['operation', 'minDuration', 'maxDuration'] as const) {
    const value = read(target[name]);
    if (value && value.toLowerCase() !== 'all' && (name === 'operation' || milliseconds(value)))
      params.set(name, value);
  }
  const tags = read(target.tags);
  if (tags) params.set('tags', tags.startsWith('{') ? tags : tagsOf(tags));
  const { data } = await getJson<{ data: JaegerTrace[] }>(`${url}?${params}`, signal);
  return { query: String(params), frames: [traceTable(data ?? [], target.refId)] };
}

/** `key=value key2="some text"` as Jaeger's API takes it. */
function tagsOf(text: string): string {
  const pairs = [...text.matchAll(/([^\s=]+)=("(?:[^"\\]|\\.)*"|\S+)/g)];
  return JSON.stringify(Object.fromEntries(pairs.map(([, key, value]) => [key, value!.replace(/^"(.*)"$/, '$1')])));
}
