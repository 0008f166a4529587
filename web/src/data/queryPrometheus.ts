import type { DataFrame } from '@grafana/data';
import type { DataSource } from '../app/config';
import type { Target } from '../dashboard/model';
import { withFilters } from '../variables/adhoc';
import { forPrometheus, interpolate, type Scope } from '../variables/interpolate';
import { postForm } from './http';
import { type Interval, intervalMacros, intervalOf, milliseconds } from './intervals';
import { type PrometheusAnswer, toFrames } from './prometheus';

/** What every query of a panel has in common. */
export interface QueryContext {
  scope: Scope;
  datasources: DataSource[];
  /** The distance of points that suits the panel's width. */
  interval: Interval;
  maxDataPoints: number;
  minInterval?: string;
  several: boolean;
  signal: AbortSignal;
}

export interface Asked {
  frames: DataFrame[];
  /** The query as it was sent, for those who want to see it. */
  query: string;
}

export const prometheusUrl = (source: DataSource): string => (source.url ?? '/vmetrics').replace(/\/$/, '');

/** As many points as a time series can have before servers refuse to answer. */
const mostPoints = 11_000;

export interface Prepared {
  expr: string;
  step: number;
  start: number;
  end: number;
  legendFormat?: string;
}

/** The query with everything that it refers to, and the moments that it is asked for. */
export function prepare(target: Target, source: DataSource, context: QueryContext): Prepared {
  const { scope } = context;
  const own = target.interval ? interpolate(target.interval, scope) : undefined;
  const interval = own ? intervalOf(scope.range, context.maxDataPoints, own) : context.interval;
  const factor = Number(target.intervalFactor) || 1;
  const seconds = (scope.range.to.valueOf() - scope.range.from.valueOf()) / 1000;
  const step = Math.max(interval.ms * factor, 1000, Math.ceil(seconds / mostPoints) * 1000) / 1000;
  const scrape = own ?? context.minInterval ?? source.timeInterval;
  const macros = intervalMacros({ text: interval.text, ms: step * 1000 }, milliseconds(scrape) ? scrape : undefined);
  const written = interpolate(String(target.expr ?? ''), scope, macros, forPrometheus);
  const expr = withFilters(written, source, scope);
  const end = Math.floor(scope.range.to.valueOf() / 1000 / step) * step;
  const start = Math.floor(scope.range.from.valueOf() / 1000 / step) * step;
  const legendFormat = target.legendFormat && interpolate(target.legendFormat, scope);
  return { expr, step, start, end, legendFormat };
}

/** Asks for a range, for one moment, or for both, as the target says. */
export async function queryPrometheus(target: Target, source: DataSource, context: QueryContext): Promise<Asked> {
  const { expr, step, start, end, legendFormat } = prepare(target, source, context);
  if (!expr.trim()) return { frames: [], query: '' };
  const url = prometheusUrl(source);
  const shape = { refId: target.refId, expr, format: target.format, legendFormat, several: context.several };
  const now = context.scope.range.to.valueOf() / 1000;

  const asked: Promise<DataFrame[]>[] = [];
  const both = target.instant && target.range;
  if (!target.instant || both) {
    const form = new URLSearchParams({ query: expr, start: String(start), end: String(end), step: String(step) });
    asked.push(
      postForm<PrometheusAnswer>(`${url}/api/v1/query_range`, form, context.signal).then(({ data }) =>
        toFrames(data, { ...shape, instant: false, start, end, step }),
      ),
    );
  }
  if (target.instant) {
    const form = new URLSearchParams({ query: expr, time: String(now) });
    asked.push(
      postForm<PrometheusAnswer>(`${url}/api/v1/query`, form, context.signal).then(({ data }) =>
        toFrames(data, { ...shape, instant: true, start: now, end: now, step }),
      ),
    );
  }
  return { frames: (await Promise.all(asked)).flat(), query: expr };
}
