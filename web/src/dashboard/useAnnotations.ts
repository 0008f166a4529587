import { useCallback, useEffect, useState } from 'react';
import type { DataSource } from '../app/config';
import { isAbort } from '../data/http';
import type { Scope } from '../variables/interpolate';
import { type AnnotationEvent, queryAnnotations } from './annotations';
import type { Dashboard } from './model';

const none: AnnotationEvent[] = [];

/** The events of the dashboard's annotation queries, which can be switched on and off. */
export function useAnnotations(dashboard: Dashboard, scope: Scope | undefined, datasources: DataSource[]) {
  const queries = dashboard.annotations.list;
  const [enabled, setEnabled] = useState(
    () => new Set(queries.filter((each) => each.enable !== false).map((each) => each.name)),
  );
  const [annotations, setAnnotations] = useState(none);

  useEffect(() => {
    const active = queries.filter((each) => enabled.has(each.name) && !each.builtIn);
    if (!scope || !active.length) {
      setAnnotations(none);
      return;
    }
    const stop = new AbortController();
    queryAnnotations(active, datasources, scope, stop.signal).then(
      (found) => stop.signal.aborted || setAnnotations((old) => (found.length || old.length ? found : none)),
      (error) => isAbort(error) || console.warn('annotations:', error),
    );
    return () => stop.abort();
  }, [queries, enabled, scope, datasources]);

  const toggle = useCallback((name: string) => {
    setEnabled((old) => {
      const next = new Set(old);
      if (!next.delete(name)) next.add(name);
      return next;
    });
  }, []);
  return { annotations, enabled, toggle };
}
