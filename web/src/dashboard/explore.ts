import type { TimeRange } from '@grafana/data';
import { base } from '../boot/base';
import type { QueryResult } from '../data/queryPanel';
import { rangeTexts } from './time';

const pages: Record<string, string> = { prometheus: 'metrics', logs: 'logs', traces: 'traces' };

/** Where the queries of a panel can be tried out; nothing if there is no such place. */
export function exploreUrl(queries: QueryResult['queries'], range: TimeRange): string | undefined {
  const first = queries.find((each) => each.query && pages[each.kind]);
  if (!first) return undefined;
  const params = new URLSearchParams({ ...rangeTexts(range), datasource: first.datasource });
  for (const each of queries) if (each.kind === first.kind && each.query) params.append('query', each.query);
  return `${base}explore/${pages[first.kind]}?${params}`;
}
