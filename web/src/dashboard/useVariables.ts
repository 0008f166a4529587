import type { TimeRange } from '@grafana/data';
import { useEffect, useRef, useState } from 'react';
import type { DataSource } from '../app/config';
import { isAbort } from '../data/http';
import { type Cache, resolveVariables } from '../variables/resolve';
import type { Variables } from '../variables/types';
import type { Dashboard } from './model';

/** The part of the URL that variables come from. */
export const variablePart = (params: URLSearchParams): string =>
  new URLSearchParams([...params].filter(([key]) => key.startsWith('var-'))).toString();

/** Whether nothing that anybody could see changed: then nothing is to be asked for again. */
export function sameVariables(a: Variables, b: Variables): boolean {
  const seen = (variables: Variables) =>
    JSON.stringify(
      [...variables.values()].map(({ name, value, options, filters, error }) => [name, value, options, filters, error]),
    );
  return seen(a) === seen(b);
}

/**
 * The dashboard's variables, and again whenever the URL or the range's text changes. Undefined until first known; the old
 * ones stay until new ones are.
 */
export function useVariables(
  dashboard: Dashboard,
  urlPart: string,
  range: TimeRange,
  rangeText: string,
  datasources: DataSource[],
  user?: string,
): Variables | undefined {
  const [variables, setVariables] = useState<Variables>();
  const cache = useRef<Cache>(new Map());
  const now = useRef(range);
  now.current = range;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the range's text says when it is another one.
  useEffect(() => {
    const stop = new AbortController();
    const scope = { range: now.current, dashboard: { uid: dashboard.uid, title: dashboard.title }, user };
    const sources = { datasources, cache: cache.current, signal: stop.signal };
    resolveVariables(dashboard.templating.list, new URLSearchParams(urlPart), scope, sources).then(
      (found) => stop.signal.aborted || setVariables((old) => (old && sameVariables(old, found) ? old : found)),
      (error) => {
        if (!isAbort(error)) throw error;
      },
    );
    return () => stop.abort();
  }, [dashboard, urlPart, rangeText, datasources, user]);
  return variables;
}
