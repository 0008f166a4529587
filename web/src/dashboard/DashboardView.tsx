import { EventBusSrv, getTimeZone } from '@grafana/data';
import { LoadingPlaceholder } from '@grafana/ui';
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useSearchParams } from 'react-router';
import { useConfig } from '../app/config';
import type { Scope } from '../variables/interpolate';
import { variableParams } from '../variables/interpolate';
import type { AdhocFilter, Variables } from '../variables/types';
import { DashboardProvider, type DashboardState } from './context';
import { Grid } from './Grid';
import type { Dashboard, Panel } from './model';
import { Shortcuts } from './Shortcuts';
import { Toolbar } from './Toolbar';
import { useAnnotations } from './useAnnotations';
import { useRange, useTicks } from './useRange';
import { useVariables, variablePart } from './useVariables';

const Inspector = lazy(() => import('../inspect/Inspector'));

/** A dashboard with its controls. What is chosen is in the URL, and comes from there. */
export function DashboardView({ dashboard }: { dashboard: Dashboard }) {
  const { datasources, user } = useConfig();
  const [params, setParams] = useSearchParams();
  const [inspected, inspect] = useState<Panel>();

  const from = params.get('from') ?? dashboard.time.from;
  const to = params.get('to') ?? dashboard.time.to;
  const zone = params.get('timezone') ?? dashboard.timezone ?? 'browser';
  const timeZone = zone === 'browser' ? getTimeZone() : zone;
  const [tick, refresh] = useTicks(params.get('refresh') ?? dashboard.refresh ?? '');
  const range = useRange(from, to, timeZone, tick);
  const urlPart = variablePart(params);
  const variables = useVariables(dashboard, urlPart, range, `${from} ${to}`, datasources, user);

  useEffect(() => {
    document.title = `${dashboard.title} · Staddle`;
  }, [dashboard]);

  const change = useCallback(
    (edit: (next: URLSearchParams) => void, replace = false) => {
      setParams(
        (old) => {
          const next = new URLSearchParams(old);
          edit(next);
          return next;
        },
        { replace, preventScrollReset: true },
      );
    },
    [setParams],
  );
  useUrlOfVariables(variables, change);

  const scope: Scope | undefined = useMemo(
    () => variables && { variables, range, dashboard: { uid: dashboard.uid, title: dashboard.title }, timeZone, user },
    [variables, range, dashboard, timeZone, user],
  );
  const events = useMemo(() => new EventBusSrv(), []);
  const { annotations, enabled, toggle } = useAnnotations(dashboard, scope, datasources);

  if (!scope || !variables) return <LoadingPlaceholder text="Loading variables …" />;

  const state: DashboardState = {
    dashboard,
    scope,
    range,
    timeZone,
    variables,
    annotations,
    events,
    tick,
    refresh,
    inspect,
    setRange: (start, end) =>
      change((next) => {
        next.set('from', start);
        next.set('to', end);
      }),
    setVariable: (name, values) =>
      change((next) => {
        next.delete(`var-${name}`);
        for (const value of values.length ? values : ['']) next.append(`var-${name}`, value);
      }),
    setFilters: (name, filters: AdhocFilter[]) =>
      change((next) => {
        next.delete(`var-${name}`);
        const escaped = (text: string) => text.replace(/\|/g, '__gfp__');
        for (const each of filters)
          next.append(`var-${name}`, [each.key, each.operator, each.value].map(escaped).join('|'));
        if (!filters.length) next.set(`var-${name}`, '');
      }),
    view: (panel) => change((next) => (panel ? next.set('viewPanel', panel.key) : next.delete('viewPanel'))),
  };
  return (
    <DashboardProvider value={state}>
      <Shortcuts />
      <Toolbar annotations={dashboard.annotations.list} enabled={enabled} onToggleAnnotation={toggle} />
      <Grid viewed={params.get('viewPanel') ?? undefined} />
      {inspected && (
        <Suspense>
          <Inspector panel={inspected} onClose={() => inspect(undefined)} />
        </Suspense>
      )}
    </DashboardProvider>
  );
}

/** Writes into the URL what was chosen for variables that it doesn't mention, so that it can be passed on. */
function useUrlOfVariables(
  variables: Variables | undefined,
  change: (edit: (next: URLSearchParams) => void, replace?: boolean) => void,
) {
  const written = useRef<Variables>(undefined);
  useEffect(() => {
    if (!variables || written.current === variables) return;
    written.current = variables;
    const wanted = [...variables.values()].filter(({ model }) => model.type !== 'constant').map(variableParams);
    const text = new URLSearchParams(wanted.filter(Boolean).join('&'));
    if (text.toString() === variablePart(new URLSearchParams(location.search))) return;
    change((next) => {
      for (const variable of variables.values()) {
        const key = `var-${variable.name}`;
        const values = text.getAll(key);
        if (next.getAll(key).join('\n') === values.join('\n') || !values.length) continue;
        next.delete(key);
        for (const value of values) next.append(key, value);
      }
    }, true);
  }, [variables, change]);
}
