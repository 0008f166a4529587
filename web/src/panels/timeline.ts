import { type DataFrame, type Field, FieldType, formattedValueToString, getFieldDisplayName } from '@grafana/data';

export interface Segment {
  from: number;
  to: number;
  text: string;
  color: string;
}

export interface Lane {
  name: string;
  segments: Segment[];
}

const shown = (field: Field): boolean =>
  field.type !== FieldType.time && !field.config.custom?.hideFrom?.viz && !field.config.custom?.hidden;

/** Distance of values where nothing says: the least that there is. */
function stepOf(time: Field): number {
  if (time.config.interval) return time.config.interval;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 1; i < time.values.length; i++) {
    const between = time.values[i] - time.values[i - 1];
    if (between > 0) least = Math.min(least, between);
  }
  return Number.isFinite(least) ? least : 60_000;
}

/** Each field's values over time. Equal neighbours are one; a value lasts until the next, or a step. */
export function lanesOf(frames: DataFrame[], end: number, merge = true): Lane[] {
  return frames.flatMap((frame) => {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    if (!time?.values.length) return [];
    const step = stepOf(time);
    return frame.fields.filter(shown).map((field) => {
      const segments: Segment[] = [];
      let last: { segment: Segment; value: unknown } | undefined;
      time.values.forEach((at: number, i: number) => {
        const value = field.values[i];
        if (last && value !== null && value !== undefined) last.segment.to = Math.min(at, last.segment.to);
        if (value === null || value === undefined) {
          if (last) last.segment.to = Math.min(last.segment.to, at);
          last = undefined;
          return;
        }
        const to = Math.min(at + step, end);
        const display = field.display!(value);
        const text = formattedValueToString(display);
        const same = merge && last && last.segment.text === text && last.segment.color === display.color;
        if (same) {
          last!.segment.to = to;
          return;
        }
        last = { segment: { from: at, to: Math.max(to, at), text, color: display.color ?? '' }, value };
        segments.push(last.segment);
      });
      return { name: getFieldDisplayName(field, frame, frames), segments };
    });
  });
}

/** Moments for the axis: as many as fit, at even times. */
export function axisTicks(from: number, to: number, width: number): number[] {
  const steps = [
    1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000,
  ];
  const most = Math.max(2, Math.floor(width / 90));
  const step = (steps.find((seconds) => (to - from) / (seconds * 1000) <= most) ?? 2592000 * 3) * 1000;
  const offset = new Date(from).getTimezoneOffset() * 60_000;
  const ticks: number[] = [];
  for (let at = Math.ceil((from - offset) / step) * step + offset; at <= to; at += step) ticks.push(at);
  return ticks;
}

/** How a moment is written on an axis of that length. */
export function tickFormat(from: number, to: number): string {
  const hours = (to - from) / 3_600_000;
  if (hours < 0.1) return 'HH:mm:ss';
  if (hours <= 30) return 'HH:mm';
  return hours <= 24 * 8 ? 'MM/DD HH:mm' : 'MM/DD';
}
