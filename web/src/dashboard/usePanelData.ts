import {
  compareArrayValues,
  compareDataFrameStructures,
  type DataFrame,
  LoadingState,
  type TimeRange,
} from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import { startTransition, useEffect, useMemo, useRef, useState } from 'react';
import { useConfig } from '../app/config';
import { isAbort } from '../data/http';
import { type QueryResult, queryPanel } from '../data/queryPanel';
import { configured, transformed } from '../transform/apply';
import type { Scope } from '../variables/interpolate';
import { useDashboard } from './context';
import type { Panel } from './model';
import { withSharedQueries } from './sharedQueries';
import { panelRange } from './time';
import { useStablePanel } from './useStablePanel';

export interface PanelState {
  state: LoadingState;
  /** As drawn: transformed, with fields configured. */
  data: DataFrame[];
  result?: QueryResult;
  /** Counts how often the fields were others, not only their values. */
  structure: number;
  error?: string;
  scope: Scope;
  range: TimeRange;
}

interface Answer {
  result: QueryResult;
  frames: DataFrame[];
  scope: Scope;
  error?: string;
}

/** Kinds that draw something without asking for anything. */
export const withoutData = new Set(['text', 'dashlist', 'alertlist', 'row', 'news', 'welcome', 'annolist']);

/** Errors of all queries of a panel in one text. */
function told(errors: QueryResult['errors'], several: boolean): string | undefined {
  if (!errors.length) return undefined;
  return errors.map(({ refId, message }) => (several ? `${refId}: ${message}` : message)).join('\n');
}

/**
 * A panel's data, asked for while it is in view, and again when anything that it depends on changes. The old data stays until
 * the new is there; answers that are late are dropped.
 */
export function usePanelData(drawn: Panel, width: number, inView: boolean): PanelState {
  const panel = useStablePanel(drawn);
  const { dashboard, scope: whole, range: wholeRange, timeZone } = useDashboard();
  const { datasources } = useConfig();
  const theme = useTheme2();
  const [answer, setAnswer] = useState<Answer>();
  const [loading, setLoading] = useState(false);
  const settled = useRef<object>(undefined);
  // Some pixels more or less are no reason to ask again.
  const wide = Math.ceil(width / 100) * 100;

  const { scope, range } = useMemo(() => {
    const own = panelRange(wholeRange, panel, timeZone);
    return { range: own, scope: { ...whole, range: own, scoped: panel.scoped } };
  }, [whole, wholeRange, panel.scoped, panel.timeFrom, panel.timeShift, timeZone, panel]);
  const complete = useMemo(() => withSharedQueries(panel, dashboard.panels), [panel, dashboard]);
  const request = useMemo(() => ({ scope, wide, complete, datasources }), [scope, wide, complete, datasources]);

  useEffect(() => {
    if (!inView || settled.current === request || withoutData.has(panel.type) || !request.wide) return;
    const stop = new AbortController();
    setLoading(true);
    const ask = async () => {
      const result = await queryPanel(request.complete, request.wide, request.scope, request.datasources, stop.signal);
      const frames = await transformed(result.frames, request.complete, request.scope);
      return { result, frames, scope: request.scope, error: told(result.errors, request.complete.targets.length > 1) };
    };
    ask()
      .catch((error): Answer => {
        if (isAbort(error)) throw error;
        const message = error instanceof Error ? error.message : String(error);
        return { result: { frames: [], queries: [], errors: [] }, frames: [], scope: request.scope, error: message };
      })
      .then((next) => {
        if (stop.signal.aborted) return;
        settled.current = request;
        setLoading(false);
        startTransition(() => setAnswer(next));
      })
      .catch((error) => {
        if (!isAbort(error)) console.error(`panel “${panel.title}”:`, error);
      });
    return () => stop.abort();
  }, [request, inView, panel]);

  const data = useMemo(() => {
    if (!answer) return [];
    return configured(answer.frames, panel, answer.scope, theme, timeZone);
  }, [answer, panel, theme, timeZone]);

  const before = useRef<{ data: DataFrame[]; structure: number }>({ data: [], structure: 0 });
  if (before.current.data !== data) {
    const same = compareArrayValues(before.current.data, data, compareDataFrameStructures);
    before.current = {
      data,
      structure: same && before.current.structure ? before.current.structure : before.current.structure + 1,
    };
  }
  const state = loading
    ? LoadingState.Loading
    : answer?.error
      ? LoadingState.Error
      : answer
        ? LoadingState.Done
        : LoadingState.NotStarted;
  return {
    state,
    data,
    result: answer?.result,
    structure: before.current.structure,
    error: answer?.error,
    scope: answer?.scope ?? scope,
    range: answer?.scope.range ?? range,
  };
}
