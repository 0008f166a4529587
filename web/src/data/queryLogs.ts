import type { DataFrame } from '@grafana/data';
import { type Field, FieldType } from '@grafana/data';
import type { DataSource } from '../app/config';
import type { Target } from '../dashboard/model';
import { withLogFilters } from '../variables/adhoc';
import { forLogsQL, interpolate } from '../variables/interpolate';
import { frameOf } from './frames';
import { postForm, request } from './http';
import { intervalMacros } from './intervals';
import { type PrometheusAnswer, toFrames } from './prometheus';
import type { Asked, QueryContext } from './queryPrometheus';

export type LogRow = Record<string, string>;

/** How many lines a panel shows, where it doesn't say. */
const usualLines = 500;

export const logsUrl = (source: DataSource): string => (source.url ?? '/vlogs').replace(/\/$/, '');

/** Rows as a frame: time, message, and all the rest as labels; tables get a column for each field. */
export function logFrames(rows: LogRow[], refId: string): DataFrame[] {
  if (!rows.length) return [];
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const isLogs = keys.includes('_msg') || keys.includes('_time');
  if (!isLogs) return [tableOf(rows, keys, refId)];
  const times = rows.map((row) => Date.parse(row._time ?? '') || 0);
  const fields: Field[] = [
    { name: 'Time', type: FieldType.time, config: {}, values: times },
    { name: 'Line', type: FieldType.string, config: {}, values: rows.map((row) => row._msg ?? '') },
    { name: 'labels', type: FieldType.other, config: {}, values: rows.map(({ _msg, _time, ...labels }) => labels) },
  ];
  return [frameOf(fields, { refId, meta: { preferredVisualisationType: 'logs' } })];
}

const numeric = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;

/** Rows that are the result of a pipe (`stats`, `top` …): a column for each field. */
function tableOf(rows: LogRow[], keys: string[], refId: string): DataFrame {
  const fields = keys.map((name): Field => {
    const texts = rows.map((row) => row[name] ?? '');
    const isNumber = texts.some(Boolean) && texts.every((text) => text === '' || numeric.test(text));
    const values = isNumber ? texts.map((text) => (text === '' ? null : Number(text))) : texts;
    return { name, type: isNumber ? FieldType.number : FieldType.string, config: {}, values };
  });
  return frameOf(fields, { refId, meta: { preferredVisualisationType: 'table' } });
}

export function parseRows(text: string): LogRow[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as LogRow);
}

/** What kind of answer a target wants: lines, one number for each group, or such numbers over time. */
function wanted(target: Target): 'lines' | 'stats' | 'stats_range' | 'hits' {
  const type = String(target.queryType ?? '').toLowerCase();
  if (type === 'stats') return 'stats';
  if (type === 'statsrange' || type === 'stats_range') return 'stats_range';
  if (type === 'hits') return 'hits';
  return 'lines';
}

interface Hits {
  hits: { fields: Record<string, string>; timestamps: string[]; values: number[] }[];
}

export async function queryLogs(target: Target, source: DataSource, context: QueryContext): Promise<Asked> {
  const { scope, signal } = context;
  const { from, to } = scope.range;
  const macros = intervalMacros(context.interval, context.minInterval);
  const written = interpolate(String(target.expr ?? target.query ?? ''), scope, macros, forLogsQL);
  const query = withLogFilters(written, source, scope);
  const url = `${logsUrl(source)}/select/logsql`;
  const form = new URLSearchParams({ query, start: from.toISOString(), end: to.toISOString() });
  const refId = target.refId;
  const legendFormat = target.legendFormat && interpolate(target.legendFormat, scope);
  const step = Number(target.step) || context.interval.ms / 1000;
  const shape = { refId, expr: query, legendFormat, format: target.format, several: context.several, step };
  const start = Math.floor(from.valueOf() / 1000 / step) * step;
  const end = to.valueOf() / 1000;

  switch (wanted(target)) {
    case 'stats': {
      form.set('time', to.toISOString());
      const { data } = await postForm<PrometheusAnswer>(`${url}/stats_query`, form, signal);
      return { query, frames: toFrames(data, { ...shape, instant: true, start, end }) };
    }
    case 'stats_range': {
      form.set('step', `${step}s`);
      const { data } = await postForm<PrometheusAnswer>(`${url}/stats_query_range`, form, signal);
      return { query, frames: toFrames(data, { ...shape, instant: false, start, end }) };
    }
    case 'hits': {
      form.set('step', `${step}s`);
      const { hits } = await postForm<Hits>(`${url}/hits`, form, signal);
      const result = hits.map(({ fields, timestamps, values }) => ({
        metric: fields,
        values: timestamps.map((time, i): [number, string] => [Date.parse(time) / 1000, String(values[i])]),
      }));
      return { query, frames: toFrames({ resultType: 'matrix', result }, { ...shape, instant: false, start, end }) };
    }
    default: {
      form.set('limit', String(target.maxLines ?? usualLines));
      const answer = await request(`${url}/query`, { method: 'POST', body: form, signal });
      const rows = parseRows(await answer.text());
      rows.sort((a, b) => (b._time ?? '').localeCompare(a._time ?? ''));
      return { query, frames: logFrames(rows, refId) };
    }
  }
}
