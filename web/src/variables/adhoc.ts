import type { DataSource } from '../app/config';
import { byType, kindOf, resolveDataSource } from '../data/datasources';
import { escapeQuoted } from './formats';
import type { Scope } from './interpolate';
import type { AdhocFilter, Variables } from './types';

/** The filters that apply to a data source. */
export function filtersFor(source: DataSource, variables: Variables, all: DataSource[] = [source]): AdhocFilter[] {
  return [...variables.values()]
    .filter((variable) => variable.model.type === 'adhoc')
    .filter((variable) => {
      const reference = variable.model.datasource;
      if (!reference) return true;
      const meant = resolveDataSource(reference, all) ?? byType(source.type, all);
      return meant?.uid === source.uid || kindOf(meant?.type) === kindOf(source.type);
    })
    .flatMap((variable) => [...(variable.model.baseFilters ?? []), ...variable.filters])
    .filter((filter) => filter.key && filter.operator);
}

const matcher = ({ key, operator, value }: AdhocFilter): string => {
  const several: Record<string, string> = { '=|': '=~', '!=|': '!~' };
  return `${key}${several[operator] ?? operator}"${escapeQuoted(value)}"`;
};

/** Words of PromQL that look like names of metrics. */
const words = new Set(
  `by without on ignoring group_left group_right offset bool and or unless inf nan atan2 default if ifnot limit
   keep_metric_names start end with`.split(/\s+/),
);

/** Adds matchers to every selector of a PromQL expression. */
export function addMatchers(expr: string, matchers: string): string {
  let result = '';
  let i = 0;
  const inLabels = /^(by|without|on|ignoring|group_left|group_right)$/i;
  while (i < expr.length) {
    const rest = expr.slice(i);
    const quoted = /^("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)/.exec(rest);
    const number = /^(\d[\w.]*|\.\d\w*)/.exec(rest);
    const bracket = /^\[[^\]]*\]/.exec(rest);
    const name = /^[a-zA-Z_:][\w:.]*/.exec(rest);
    if (quoted ?? bracket ?? number) {
      const text = (quoted ?? bracket ?? number)![0];
      result += text;
      i += text.length;
    } else if (rest[0] === '#') {
      const line = /^[^\n]*/.exec(rest)![0];
      result += line;
      i += line.length;
    } else if (name) {
      i += name[0].length;
      result += name[0];
      const after = /^\s*/.exec(expr.slice(i))![0];
      const next = expr[i + after.length];
      if (inLabels.test(name[0]) && next === '(') {
        const list = /^\s*\([^)]*\)/.exec(expr.slice(i))![0];
        result += list;
        i += list.length;
      } else if (
        next !== '(' &&
        next !== '{' &&
        !words.has(name[0].toLowerCase()) &&
        !/^\s*(by|without)\s*\(/i.test(expr.slice(i))
      ) {
        result += `{${matchers}}`;
      }
    } else if (rest[0] === '{') {
      const inner = /^\{((?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|[^}])*)\}/.exec(rest);
      if (!inner) return expr;
      const existing = inner[1]!.trim().replace(/,$/, '');
      result += existing ? `{${existing}, ${matchers}}` : `{${matchers}}`;
      i += inner[0].length;
    } else {
      result += rest[0];
      i += 1;
    }
  }
  return result;
}

/** A PromQL expression with the dashboard's ad-hoc filters in every selector. */
export function withFilters(expr: string, source: DataSource, scope: Scope): string {
  const filters = filtersFor(source, scope.variables);
  return filters.length ? addMatchers(expr, filters.map(matcher).join(', ')) : expr;
}

/** A LogsQL query with the dashboard's ad-hoc filters in front of its pipes. */
export function withLogFilters(query: string, source: DataSource, scope: Scope): string {
  const filters = filtersFor(source, scope.variables).map(({ key, operator, value }) => {
    const quoted = `"${escapeQuoted(value)}"`;
    const positive = operator.includes('~') ? `${key}:~${quoted}` : `${key}:=${quoted}`;
    if (operator === '>' || operator === '<') return `${key}:${operator}${value}`;
    return operator.startsWith('!') ? `!${positive}` : positive;
  });
  if (!filters.length) return query;
  return `${filters.join(' ')} ${query.trim() === '' ? '*' : query}`;
}
