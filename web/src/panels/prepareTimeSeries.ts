import { applyNullInsertThreshold, type DataFrame, FieldType } from '@grafana/data';

/** Whether numbers can be drawn over time. */
const drawable = (frame: DataFrame): boolean =>
  frame.fields.some((field) => field.type === FieldType.time) &&
  frame.fields.some((field) => field.type === FieldType.number || field.type === FieldType.boolean) &&
  frame.length > 0;

/** A table of many rows for each time, with a text that tells them apart, as a frame for each text. */
function split(frame: DataFrame): DataFrame[] {
  const time = frame.fields.find((field) => field.type === FieldType.time)!;
  const texts = frame.fields.filter((field) => field.type === FieldType.string);
  if (!texts.length || new Set(time.values).size === time.values.length) return [frame];
  const numbers = frame.fields.filter((field) => field.type === FieldType.number);
  const groups = new Map<string, number[]>();
  for (let row = 0; row < frame.length; row++) {
    const key = JSON.stringify(texts.map((field) => field.values[row]));
    const rows = groups.get(key);
    if (rows) rows.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()].map((rows) => {
    const labels = Object.fromEntries(texts.map((field) => [field.name, String(field.values[rows[0]!])]));
    const pick = (values: unknown[]) => rows.map((row) => values[row]);
    return {
      ...frame,
      length: rows.length,
      fields: [
        { ...time, values: pick(time.values) },
        ...numbers.map((field) => ({ ...field, labels: { ...field.labels, ...labels }, values: pick(field.values) })),
      ],
    };
  });
}

function ascending(frame: DataFrame): DataFrame {
  const time = frame.fields.find((field) => field.type === FieldType.time)!;
  const { values } = time;
  if (values.every((value, i) => i === 0 || values[i - 1] <= value)) return frame;
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  return { ...frame, fields: frame.fields.map((field) => ({ ...field, values: order.map((i) => field.values[i]) })) };
}

function withNumbers(frame: DataFrame): DataFrame {
  if (!frame.fields.some((field) => field.type === FieldType.boolean)) return frame;
  const fields = frame.fields.map((field) =>
    field.type === FieldType.boolean
      ? {
          ...field,
          type: FieldType.number,
          values: field.values.map((value) => (value === null ? null : Number(value))),
        }
      : field,
  );
  return { ...frame, fields };
}

/** Infinity can't be drawn. */
function finite(frame: DataFrame): DataFrame {
  const fields = frame.fields.map((field) => {
    if (field.type !== FieldType.number || field.values.every((value) => value === null || Number.isFinite(value)))
      return field;
    return { ...field, values: field.values.map((value) => (Number.isFinite(value) ? value : null)) };
  });
  return { ...frame, fields };
}

/** The frames that a graph over time can draw, as it needs them: sorted, numbers only, gaps marked. */
export function prepareTimeSeries(data: DataFrame[]): DataFrame[] {
  return data
    .filter(drawable)
    .flatMap(split)
    .map(ascending)
    .map(withNumbers)
    .map(finite)
    .map((frame) => applyNullInsertThreshold({ frame }));
}
