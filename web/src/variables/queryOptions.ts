import type { DataSource } from '../app/config';
import { kindOf, resolveDataSource } from '../data/datasources';
import { getJson, postForm, postJson } from '../data/http';
import { type PrometheusAnswer, seriesName } from '../data/prometheus';
import { logsUrl } from '../data/queryLogs';
import { prometheusUrl } from '../data/queryPrometheus';
import { jaegerUrl } from '../data/queryTraces';
import { forLogsQL, forPrometheus, interpolate, type Scope } from './interpolate';
import { plainOptions } from './options';
import { type Option, type VariableModel, valuesOf } from './types';

interface Names {
  data: string[];
}

/** The text of a query, which is a string or in an object. */
export function queryText(model: VariableModel): string {
  const { query } = model;
  if (typeof query === 'string') return query;
  const parts = (query ?? {}) as { query?: string; expr?: string; rawSql?: string };
  return parts.query ?? parts.expr ?? parts.rawSql ?? model.definition ?? '';
}

const seconds = (scope: Scope) => ({
  start: String(Math.floor(scope.range.from.valueOf() / 1000)),
  end: String(Math.ceil(scope.range.to.valueOf() / 1000)),
});

async function fromPrometheus(text: string, source: DataSource, scope: Scope, signal?: AbortSignal): Promise<Option[]> {
  const url = prometheusUrl(source);
  const query = interpolate(text, scope, undefined, forPrometheus).trim();
  const range = seconds(scope);

  const values = /^label_values\((?:(.+),\s*)?([a-zA-Z_]\w*)\s*\)$/s.exec(query);
  if (values) {
    const params = new URLSearchParams(range);
    const selector = values[1]?.trim();
    if (selector && selector !== '{}') params.set('match[]', selector);
    const found = await getJson<Names>(`${url}/api/v1/label/${values[2]}/values?${params}`, signal);
    return plainOptions(found.data ?? []);
  }
  const names = /^label_names\((.*)\)$/s.exec(query);
  if (names) {
    const form = new URLSearchParams(range);
    if (names[1]?.trim()) form.set('match[]', names[1].trim());
    return plainOptions((await postForm<Names>(`${url}/api/v1/labels`, form, signal)).data ?? []);
  }
  const metrics = /^metrics\((.*)\)$/s.exec(query);
  if (metrics) {
    const found = await getJson<Names>(`${url}/api/v1/label/__name__/values?${new URLSearchParams(range)}`, signal);
    const wanted = new RegExp(metrics[1]!.trim() || '.*');
    return plainOptions((found.data ?? []).filter((name) => wanted.test(name)));
  }
  const result = /^query_result\((.+)\)$/s.exec(query);
  if (result) {
    const form = new URLSearchParams({ query: result[1]!, time: range.end });
    const { data } = await postForm<PrometheusAnswer>(`${url}/api/v1/query`, form, signal);
    if (data.resultType === 'scalar' || data.resultType === 'string') return plainOptions([data.result[1]]);
    const texts = data.result.map(({ metric, value }) => `${seriesName(metric)} ${value![1]} ${value![0] * 1000}`);
    return plainOptions(texts);
  }
  // Nothing but a selector: the series that it selects.
  const form = new URLSearchParams({ ...range, 'match[]': query });
  const { data } = await postForm<{ data: Record<string, string>[] }>(`${url}/api/v1/series`, form, signal);
  return plainOptions(data.map(seriesName));
}

interface LogValues {
  values: { value: string }[];
}

async function fromLogs(
  model: VariableModel,
  source: DataSource,
  scope: Scope,
  signal?: AbortSignal,
): Promise<Option[]> {
  const object = (typeof model.query === 'object' ? model.query : {}) as {
    type?: string;
    field?: string;
    query?: string;
    limit?: number;
  };
  const text = /^\s*field_values\((?:(.+),\s*)?([\w.]+)\s*\)\s*$/s.exec(queryText(model));
  const field = object.field ?? text?.[2];
  const query = interpolate((text ? text[1] : object.query) || '*', scope, undefined, forLogsQL);
  const { from, to } = scope.range;
  const form = new URLSearchParams({ query, start: from.toISOString(), end: to.toISOString() });
  if (object.limit) form.set('limit', String(object.limit));
  const what = field && object.type !== 'fieldName' ? 'field_values' : 'field_names';
  if (what === 'field_values') form.set('field', interpolate(field!, scope));
  const { values } = await postForm<LogValues>(`${logsUrl(source)}/select/logsql/${what}`, form, signal);
  return plainOptions((values ?? []).map((each) => each.value));
}

async function fromTraces(text: string, source: DataSource, scope: Scope, signal?: AbortSignal): Promise<Option[]> {
  const url = jaegerUrl(source);
  const service = /operations\(([^)]*)\)/.exec(text)?.[1];
  const path = service ? `services/${encodeURIComponent(interpolate(service, scope))}/operations` : 'services';
  return plainOptions((await getJson<Names>(`${url}/api/${path}`, signal)).data ?? []);
}

async function fromSql(model: VariableModel, scope: Scope, signal?: AbortSignal): Promise<Option[]> {
  const variables: Record<string, string[]> = {};
  for (const variable of scope.variables.values()) variables[variable.name] = valuesOf(variable).values;
  const { from, to } = scope.range;
  const body = {
    dashboard: scope.dashboard.uid,
    variable: model.name,
    variables,
    range: { from: from.toISOString(), to: to.toISOString() },
  };
  const answer = await postJson<{ frames: { fields: { name: string; values: unknown[] }[] }[] }>(
    'api/sql',
    body,
    signal,
  );
  const fields = answer.frames?.[0]?.fields ?? [];
  const named = (name: string) => fields.find((each) => each.name === name)?.values;
  const values = named('__value') ?? fields[0]?.values ?? [];
  const texts = named('__text') ?? values;
  return values.map((value, i) => ({ value: String(value), text: String(texts[i] ?? value) }));
}

/** Asks a data source what can be chosen. */
export async function queryOptions(
  model: VariableModel,
  datasources: DataSource[],
  scope: Scope,
  signal?: AbortSignal,
): Promise<Option[]> {
  const source = resolveDataSource(model.datasource, datasources, scope);
  const text = queryText(model);
  if (!source) throw new Error('There is no data source for it.');
  switch (kindOf(source.type)) {
    case 'prometheus':
      return text.trim() ? fromPrometheus(text, source, scope, signal) : [];
    case 'logs':
      return fromLogs(model, source, scope, signal);
    case 'traces':
      return fromTraces(text, source, scope, signal);
    case 'sql':
      return fromSql(model, scope, signal);
    default:
      throw new Error(`Data sources of type “${source.type}” can't be asked from here.`);
  }
}
