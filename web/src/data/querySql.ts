import { type DataFrame, dataFrameFromJSON, FieldType, toDataFrame } from '@grafana/data';
import type { Target } from '../dashboard/model';
import { isAll, valuesOf } from '../variables/types';
import { postJson } from './http';
import type { Asked, QueryContext } from './queryPrometheus';

interface SqlAnswer {
  // biome-ignore lint/suspicious/noExplicitAny: either of the two forms that frames have in JSON.
  frames: any[];
  query?: string;
}

/**
 * Runs a query of a stored dashboard on the server. It is named, not sent: what the server runs is what it has stored.
 */
export async function querySql(target: Target, panelId: number, context: QueryContext): Promise<Asked> {
  const { scope, signal, interval } = context;
  const variables: Record<string, string[]> = {};
  for (const variable of scope.variables.values()) variables[variable.name] = valuesOf(variable).values;
  for (const [name, scoped] of Object.entries(scope.scoped ?? {})) variables[name] = [String(scoped?.value)];
  const all = [...scope.variables.values()].filter(isAll).map((variable) => variable.name);
  const { from, to } = scope.range;
  const answer = await postJson<SqlAnswer>(
    'api/sql',
    {
      dashboard: scope.dashboard.uid,
      panel: panelId,
      refId: target.refId,
      variables,
      all,
      interval: interval.ms,
      range: { from: from.toISOString(), to: to.toISOString() },
    },
    signal,
  );
  const frames = (answer.frames ?? []).map((each) => {
    const frame = each.schema ? dataFrameFromJSON(each) : toDataFrame(each);
    return { ...frame, refId: target.refId };
  });
  const shaped = target.format === 'time_series' ? frames.flatMap(timeSeries) : frames;
  return { frames: shaped, query: answer.query ?? String(target.rawSql ?? '') };
}

/** A table with a time, a text and numbers as a series for each text. */
function timeSeries(frame: DataFrame): DataFrame[] {
  const time = frame.fields.find((field) => field.type === FieldType.time);
  const texts = frame.fields.filter((field) => field.type === FieldType.string);
  const numbers = frame.fields.filter((field) => field.type === FieldType.number);
  if (!time || !texts.length) return [frame];
  const groups = new Map<string, number[]>();
  for (let row = 0; row < frame.length; row++) {
    const key = texts.map((field) => field.values[row]).join(' ');
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups].flatMap(([name, rows]) =>
    numbers.map((field) => {
      const label = numbers.length > 1 ? `${field.name} ${name}` : name;
      const pick = (values: unknown[]) => rows.map((row) => values[row]);
      return {
        ...frame,
        name: label,
        length: rows.length,
        fields: [
          { ...time, values: pick(time.values) },
          { ...field, config: { ...field.config, displayNameFromDS: label }, values: pick(field.values) },
        ],
      };
    }),
  );
}
