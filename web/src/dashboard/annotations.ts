import type { TimeRange } from '@grafana/data';
import type { DataSource } from '../app/config';
import { kindOf, resolveDataSource } from '../data/datasources';
import { isAbort, postForm } from '../data/http';
import { milliseconds } from '../data/intervals';
import type { PrometheusAnswer, Series } from '../data/prometheus';
import { prometheusUrl } from '../data/queryPrometheus';
import { forPrometheus, interpolate, type Scope } from '../variables/interpolate';
import type { AnnotationQuery, Panel } from './model';

export interface AnnotationEvent {
  /** Milliseconds. */
  time: number;
  timeEnd?: number;
  title: string;
  text: string;
  tags: string[];
  color: string;
  /** The name of the query that it comes from. */
  source: string;
  query: AnnotationQuery;
}

const most = 500;

const fill = (template: string | undefined, labels: Record<string, string>): string =>
  (template ?? '').replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] ?? '');

/** Times at which a series has a value other than zero, neighbours as one region. */
export function regions(series: Series, step: number): [number, number][] {
  const result: [number, number][] = [];
  for (const [seconds, text] of series.values ?? []) {
    if (Number(text) === 0) continue;
    const time = seconds * 1000;
    const last = result.at(-1);
    if (last && time - last[1] <= step * 1000 * 1.5) last[1] = time;
    else result.push([time, time]);
  }
  return result;
}

interface Covered {
  from: number;
  to: number;
  color: string;
}

/** The times during which something went on, once for each colour. Events are in order of time. */
export function covered(events: AnnotationEvent[]): Covered[] {
  const result: Covered[] = [];
  for (const { time, timeEnd, color } of events) {
    if (timeEnd === undefined) continue;
    const last = result.findLast((each) => each.color === color);
    if (last && time <= last.to) last.to = Math.max(last.to, timeEnd);
    else result.push({ from: time, to: timeEnd, color });
  }
  return result;
}

async function ask(
  query: AnnotationQuery,
  source: DataSource,
  scope: Scope,
  signal: AbortSignal,
): Promise<AnnotationEvent[]> {
  const target = query.target ?? {};
  const expr = interpolate(
    String(query.expr ?? (target as { expr?: string }).expr ?? ''),
    scope,
    undefined,
    forPrometheus,
  );
  if (!expr.trim()) return [];
  const seconds = (scope.range.to.valueOf() - scope.range.from.valueOf()) / 1000;
  const step = Math.max(Math.ceil(seconds / 500), (milliseconds(query.step) ?? 15_000) / 1000);
  const form = new URLSearchParams({
    query: expr,
    start: String(scope.range.from.valueOf() / 1000),
    end: String(scope.range.to.valueOf() / 1000),
    step: String(step),
  });
  const { data } = await postForm<PrometheusAnswer>(`${prometheusUrl(source)}/api/v1/query_range`, form, signal);
  if (data.resultType !== 'matrix') return [];
  const keys = (query.tagKeys ?? '').split(',').map((key) => key.trim());
  return data.result.flatMap((series) => {
    const base = {
      title: fill(interpolate(query.titleFormat ?? '', scope), series.metric) || query.name,
      text: fill(interpolate(query.textFormat ?? '', scope), series.metric),
      tags: keys.map((key) => series.metric[key]).filter((value) => value !== undefined),
      color: query.iconColor ?? 'red',
      source: query.name,
      query,
    };
    if (query.useValueForTime && query.useValueForTime !== 'off') {
      const times = [...new Set((series.values ?? []).map(([, text]) => Number(text)))];
      return times.map((time) => ({ ...base, time: time < 1e12 ? time * 1000 : time }));
    }
    return regions(series, step).map(([time, end]) => ({ ...base, time, timeEnd: end > time ? end : undefined }));
  });
}

/** Events of all enabled queries in the range. A query that fails has none; it must not take panels down. */
export async function queryAnnotations(
  queries: AnnotationQuery[],
  datasources: DataSource[],
  scope: Scope,
  signal: AbortSignal,
): Promise<AnnotationEvent[]> {
  const found = await Promise.all(
    queries.map(async (query) => {
      const source = query.builtIn ? undefined : resolveDataSource(query.datasource, datasources, scope);
      if (!source || kindOf(source.type) !== 'prometheus') return [];
      try {
        return await ask(query, source, scope, signal);
      } catch (error) {
        if (isAbort(error)) throw error;
        console.warn(`annotations “${query.name}”:`, error);
        return [];
      }
    }),
  );
  const inRange = ({ time, timeEnd }: AnnotationEvent, { from, to }: TimeRange) =>
    (timeEnd ?? time) >= from.valueOf() && time <= to.valueOf();
  return found
    .flat()
    .filter((event) => inRange(event, scope.range))
    .sort((a, b) => a.time - b.time)
    .slice(-most);
}

/** Those that a panel shows: a query may be for some panels only. */
export const annotationsFor = (events: AnnotationEvent[], panel: Panel): AnnotationEvent[] =>
  events.filter(
    ({ query: { filter } }) => !filter?.ids?.length || filter.ids.includes(panel.id) !== Boolean(filter.exclude),
  );
