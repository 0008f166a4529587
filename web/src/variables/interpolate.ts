import type { ScopedVars, TimeRange } from '@grafana/data';
import { dataMacro } from './dataMacros';
import { encodeUrl, escapeQuoted, format, prometheusPattern } from './formats';
import { isAll, takesMany, textsOf, type Variable, type Variables, valuesOf } from './types';

/** What texts of a dashboard can refer to. */
export interface Scope {
  variables: Variables;
  range: TimeRange;
  dashboard: { uid: string; title: string };
  /** Where a panel or row is repeated: the value that it stands for; and what a query adds, as `__interval`. */
  scoped?: ScopedVars;
  timeZone?: string;
  user?: string;
}

/** How values of a variable are put into a text that doesn't say. `at` is where in the text. */
export type Default = (values: string[], variable: Variable, text: string, at: number) => string;

const reference = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^}]+))?(?::([^}]+))?\}/g;

const plain: Default = (values, variable) => format(values, variable.name, 'glob');

/** For PromQL: variables with several values are patterns, others are texts within quotes. */
export const forPrometheus: Default = (values, variable) =>
  takesMany(variable) ? prometheusPattern(values) : escapeQuoted(values[0] ?? '');

/** For LogsQL: within quotes a pattern after `~`, else a text; without quotes words that are quoted as needed. */
export const forLogsQL: Default = (values, _variable, text, at) => {
  const before = text.slice(0, at);
  const inQuotes = (before.replace(/\\./g, '').match(/"/g)?.length ?? 0) % 2 === 1;
  if (inQuotes) {
    const pattern = /~\s*"[^"]*$/.test(before);
    if (pattern) return prometheusPattern(values);
    return values.map(escapeQuoted).join(',');
  }
  const word = (value: string) => (/^[\w.]+$/.test(value) || value === '*' ? value : `"${escapeQuoted(value)}"`);
  if (/\bin\s*\([^)]*$/.test(before)) return values.map(word).join(',');
  return values.length === 1 ? word(values[0]!) : `(${values.map(word).join(' or ')})`;
};

/** For links, whose texts are parts of a URL. */
export const forUrl: Default = (values) => encodeUrl(values.join(','));

export const timeRangeParams = (range: TimeRange): string => {
  const text = (value: TimeRange['raw']['from']) =>
    encodeURIComponent(typeof value === 'string' ? value : value.valueOf());
  return `from=${text(range.raw.from)}&to=${text(range.raw.to)}`;
};

/** A variable as it stands in URLs: `var-name=value`, once for each. */
export function variableParams(variable: Variable): string {
  if (variable.model.skipUrlSync) return '';
  if (variable.model.type === 'adhoc') {
    const escaped = (text: string) => text.replace(/\|/g, '__gfp__');
    const parts = variable.filters.map((each) => [each.key, each.operator, each.value].map(escaped).join('|'));
    return parts.map((part) => `var-${variable.name}=${encodeURIComponent(part)}`).join('&');
  }
  return variable.value.map((value) => `var-${variable.name}=${encodeURIComponent(value)}`).join('&');
}

export const allVariableParams = (variables: Variables): string =>
  [...variables.values()].map(variableParams).filter(Boolean).join('&');

/** Built in ones that depend on nothing but the scope. */
function builtIn(name: string, scope: Scope, path?: string): string[] | undefined {
  const { from, to } = scope.range;
  const milliseconds = to.valueOf() - from.valueOf();
  switch (name) {
    case '__from':
      return [String(from.valueOf())];
    case '__to':
      return [String(to.valueOf())];
    case '__range':
      return [`${Math.max(1, Math.round(milliseconds / 1000))}s`];
    case '__range_s':
      return [String(Math.max(1, Math.round(milliseconds / 1000)))];
    case '__range_ms':
      return [String(milliseconds)];
    case '__dashboard':
      return [path === 'uid' ? scope.dashboard.uid : scope.dashboard.title];
    case '__org':
      return ['1'];
    case '__user':
      return [scope.user ?? ''];
    case '__timezone':
      return [scope.timeZone ?? 'browser'];
    case 'timeFilter':
    case '__timeFilter':
      return undefined;
    default:
      return undefined;
  }
}

function scopedValue(value: unknown, path?: string): string[] {
  let found = value;
  if (path) for (const key of path.split('.')) found = (found as Record<string, unknown> | undefined)?.[key];
  if (Array.isArray(found)) return found.map(String);
  return [found === undefined || found === null ? '' : String(found)];
}

/**
 * Replaces `$name`, `${name:format}`, `[[name]]` and macros. What is unknown stays as it is, so that it can be seen.
 *
 * @param byDefault how values are put where no format is named.
 */
export function interpolate(text: string, scope: Scope, extra?: ScopedVars, byDefault: Default = plain): string {
  if (!text?.includes('$') && !text?.includes('[[')) return text ?? '';
  const scoped: ScopedVars = { ...scope.scoped, ...extra };
  return text.replace(reference, (match, short, old, oldFormat, long, path, longFormat, at: number) => {
    const name: string = short ?? old ?? long;
    const wanted: string | undefined = oldFormat ?? longFormat;

    const fromData = dataMacro(name, path, scoped);
    if (fromData !== undefined) {
      if (wanted) return format([fromData], name, wanted);
      return byDefault === forUrl && at > 0 ? encodeUrl(fromData) : fromData;
    }
    if (name === '__url_time_range') return timeRangeParams(scope.range);
    if (name === '__all_variables') return allVariableParams(scope.variables);

    const repeated = scoped[name];
    const variable = scope.variables.get(name);
    if (repeated && !(path && !variable && typeof repeated.value !== 'object')) {
      const values = wanted === 'text' ? [String(repeated.text ?? repeated.value)] : scopedValue(repeated.value, path);
      if (wanted) return format(values, name, wanted);
      return variable ? byDefault(values, variable, text, at) : values.join(',');
    }
    if (variable) return ofVariable(variable, wanted, byDefault, text, at, path);

    const value = builtIn(name, scope, path);
    if (value === undefined) return match;
    return wanted ? format(value, name, wanted) : value[0]!;
  });
}

function ofVariable(
  variable: Variable,
  wanted: string | undefined,
  byDefault: Default,
  text: string,
  at: number,
  path?: string,
): string {
  if (wanted === 'text' || (path === 'text' && !wanted)) return textsOf(variable).join(' + ');
  if (variable.model.type === 'adhoc') {
    return variable.filters.map(({ key, operator, value }) => `${key}${operator}"${escapeQuoted(value)}"`).join(',');
  }
  if (isAll(variable) && wanted === 'queryparam') return variableParams(variable);
  const { values, custom } = valuesOf(variable);
  // What "all" was given as text is meant to be put there as it is.
  if (custom) return byDefault === forUrl ? encodeUrl(values[0]!) : values[0]!;
  if (wanted) return format(values, variable.name, wanted);
  if (!values.length) return '';
  return byDefault(values, variable, text, at);
}

/** The names that a text refers to. */
export function references(text: string): Set<string> {
  return new Set([...text.matchAll(reference)].map((match) => (match[1] ?? match[2] ?? match[4])!));
}
