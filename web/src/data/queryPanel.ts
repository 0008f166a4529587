import { type DataFrame, toDataFrame } from '@grafana/data';
import type { DataSource } from '../app/config';
import type { DataSourceRef, Panel, Target } from '../dashboard/model';
import type { Scope } from '../variables/interpolate';
import { kindOf, resolveDataSource } from './datasources';
import { isAbort } from './http';
import { intervalOf } from './intervals';
import { queryLogs } from './queryLogs';
import { type Asked, type QueryContext, queryPrometheus } from './queryPrometheus';
import { querySql } from './querySql';
import { queryTraces } from './queryTraces';

export interface QueryResult {
  frames: DataFrame[];
  /** What was sent, for each target. */
  queries: { refId: string; datasource: string; kind: string; query: string }[];
  errors: { refId: string; message: string }[];
}

/** A query that can't be run here, and why. */
class Unsupported extends Error {}

async function run(target: Target, panel: Panel, source: DataSource, context: QueryContext): Promise<Asked> {
  switch (kindOf(source.type)) {
    case 'prometheus':
      return queryPrometheus(target, source, context);
    case 'logs':
      return queryLogs(target, source, context);
    case 'traces':
      return queryTraces(target, source, context);
    case 'sql':
      return querySql(target, panel.id, context);
    case 'builtin':
      return builtIn(target);
    default:
      throw new Unsupported(`Data sources of type “${source.type}” can't be asked from here.`);
  }
}

/** Data that is in the dashboard itself. */
function builtIn(target: Target): Asked {
  // biome-ignore lint/suspicious/noExplicitAny: frames in JSON.
  const snapshot = target.snapshot as any[] | undefined;
  if (snapshot) return { query: '', frames: snapshot.map((each) => toDataFrame(each)) };
  if (typeof target.rawFrameContent === 'string') {
    return { query: '', frames: JSON.parse(target.rawFrameContent).map((each: unknown) => toDataFrame(each)) };
  }
  if (typeof target.csvContent === 'string') return { query: '', frames: [fromCsv(target.csvContent)] };
  if (!target.queryType || target.queryType === 'randomWalk') return { query: '', frames: [] };
  throw new Unsupported(`Built-in queries of type “${target.queryType}” can't be run here.`);
}

function fromCsv(text: string): DataFrame {
  const [header = [], ...rows] = text
    .trim()
    .split(/\r?\n/)
    .map((line) => line.split(',').map((cell) => cell.trim()));
  const fields = header.map((name, i) => {
    const cells = rows.map((row) => row[i] ?? '');
    const isNumber = cells.every((cell) => cell === '' || Number.isFinite(Number(cell)));
    return { name, values: isNumber ? cells.map((cell) => (cell === '' ? null : Number(cell))) : cells };
  });
  return toDataFrame({ fields });
}

/** As much of the width of a panel as points can be told apart in. */
export const pointsFor = (panel: Panel, width: number): number =>
  panel.maxDataPoints ?? Math.min(1500, Math.max(100, Math.floor(width)));

/**
 * Runs all queries of a panel. What fails is told, and the rest shown.
 *
 * @throws AbortError if nobody waits for it any more.
 */
export async function queryPanel(
  panel: Panel,
  width: number,
  scope: Scope,
  datasources: DataSource[],
  signal: AbortSignal,
): Promise<QueryResult> {
  const targets = panel.targets.filter((target) => !target.hide);
  const maxDataPoints = pointsFor(panel, width);
  const result: QueryResult = { frames: [], queries: [], errors: [] };

  const answers = await Promise.all(
    targets.map(async (target) => {
      const source = resolve(target, panel, scope, datasources);
      const least = panel.interval || source?.timeInterval;
      const interval = intervalOf(scope.range, maxDataPoints, least);
      const context = {
        scope,
        datasources,
        interval,
        maxDataPoints,
        minInterval: least,
        signal,
        several: targets.length > 1,
      };
      try {
        if (!source)
          throw new Unsupported(`There is no data source ${nameOf(target.datasource ?? panel.datasource)} here.`);
        const asked = await run(target, panel, source, context);
        result.queries.push({
          refId: target.refId,
          datasource: source.uid,
          kind: kindOf(source.type),
          query: asked.query,
        });
        return asked.frames;
      } catch (error) {
        if (isAbort(error)) throw error;
        const message = error instanceof Error ? error.message : String(error);
        result.errors.push({ refId: target.refId, message });
        const query = String(target.expr ?? target.rawSql ?? '');
        result.queries.push({ refId: target.refId, datasource: source?.uid ?? '', kind: kindOf(source?.type), query });
        return [];
      }
    }),
  );
  result.frames = answers.flat();
  const order = (refId: string) => targets.findIndex((target) => target.refId === refId);
  result.queries.sort((a, b) => order(a.refId) - order(b.refId));
  return result;
}

function nameOf(reference: DataSourceRef | undefined): string {
  if (!reference || typeof reference === 'string') return reference ? `“${reference}”` : '';
  return reference.type ? `of type “${reference.type}”` : `“${reference.uid}”`;
}

function resolve(target: Target, panel: Panel, scope: Scope, datasources: DataSource[]): DataSource | undefined {
  const mixed = (reference: unknown) =>
    reference === '-- Mixed --' || (reference as { uid?: string } | null | undefined)?.uid === '-- Mixed --';
  const reference = target.datasource ?? (mixed(panel.datasource) ? undefined : panel.datasource);
  return resolveDataSource(reference, datasources, scope);
}
