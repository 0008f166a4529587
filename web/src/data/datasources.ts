import type { DataSource } from '../app/config';
import type { DataSourceRef } from '../dashboard/model';
import { interpolate, type Scope } from '../variables/interpolate';

/** What a data source speaks. */
export type Kind = 'prometheus' | 'logs' | 'traces' | 'sql' | 'builtin' | 'unknown';

const kinds: [RegExp, Kind][] = [
  [/^(prometheus|victoriametrics-metrics-datasource|victoriametrics-datasource|.*prometheus.*)$/, 'prometheus'],
  [/^(victoriametrics-logs-datasource|.*victorialogs.*)$/, 'logs'],
  [/^(jaeger|.*victoriatraces.*)$/, 'traces'],
  [/^(postgres|grafana-postgresql-datasource|postgresql)$/, 'sql'],
  [/^(grafana|datasource|__grafana__|dashboard|mixed)$/, 'builtin'],
];

export function kindOf(type: string | undefined): Kind {
  return kinds.find(([pattern]) => pattern.test(type ?? ''))?.[1] ?? 'unknown';
}

export const byKind = (kind: Kind, all: DataSource[]): DataSource | undefined => {
  const fitting = all.filter((each) => kindOf(each.type) === kind);
  return fitting.find((each) => each.isDefault) ?? fitting[0];
};

/** The data source of that type, or another one that speaks the same. */
export function byType(type: string | undefined, all: DataSource[]): DataSource | undefined {
  const same = all.filter((each) => each.type === type);
  return same.find((each) => each.isDefault) ?? same[0] ?? byKind(kindOf(type), all);
}

const builtIn = (uid: string): DataSource => ({ uid, name: uid, type: 'grafana' });

/** Names of data sources that are none: parts of the program that made the dashboard. */
const special = new Set(['-- Grafana --', '-- Mixed --', '-- Dashboard --', 'grafana', '-- Public --']);

/**
 * The data source that a reference means. One that isn't here is replaced by one that speaks the same, so that dashboards
 * from elsewhere show something.
 */
export function resolveDataSource(
  reference: DataSourceRef | undefined,
  all: DataSource[],
  scope?: Scope,
): DataSource | undefined {
  const fallback = all.find((each) => each.isDefault) ?? all[0];
  if (reference === null || reference === undefined || reference === 'default') return fallback;
  const asked = typeof reference === 'string' ? { uid: reference } : reference;
  const read = (text?: string) => (scope && text ? interpolate(text, scope) : text);
  const uid = read(asked.uid);
  const type = read('type' in asked ? asked.type : undefined);
  if (uid && special.has(uid)) return builtIn(uid);
  const found = all.find((each) => each.uid === uid) ?? all.find((each) => each.name === uid);
  if (found) return found;
  if (type) return kindOf(type) === 'builtin' ? builtIn(uid ?? type) : byType(type, all);
  if (!uid || uid === 'default' || /^\$\{?\w/.test(uid)) return fallback;
  // An old dashboard that has only a name of somewhere else.
  return fallback;
}
