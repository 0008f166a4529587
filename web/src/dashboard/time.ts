import { type DateTime, dateMath, dateTime, dateTimeForTimeZone, type TimeRange, toUtc } from '@grafana/data';

const absolute = (text: string, timeZone: string): DateTime | undefined => {
  if (/^\d{10,}$/.test(text)) return dateTimeForTimeZone(timeZone, Number(text));
  const parsed = Date.parse(text);
  if (Number.isNaN(parsed)) return undefined;
  // With a zone in the text it is a moment; without, it is the time of day where the user is, or as the dashboard says.
  if (/([zZ]|[+-]\d\d:?\d\d)$/.test(text)) return dateTimeForTimeZone(timeZone, parsed);
  return timeZone === 'utc' ? toUtc(text) : dateTime(parsed);
};

/** A range from its texts: `now-6h`, milliseconds, or a date. What can't be read counts as the last hour. */
export function timeRange(from: string, to: string, timeZone = 'browser'): TimeRange {
  const read = (text: string, roundUp: boolean) =>
    text.includes('now') ? dateMath.toDateTime(text, { roundUp, timezone: timeZone }) : absolute(text, timeZone);
  const start = read(from, false);
  const end = read(to, true);
  if (!start?.isValid() || !end?.isValid() || start.valueOf() >= end.valueOf())
    return timeRange('now-1h', 'now', timeZone);
  const raw = {
    from: from.includes('now') ? from : start,
    to: to.includes('now') ? to : end,
  };
  return { from: start, to: end, raw };
}

/** How a range stands in URLs. */
export const rangeTexts = (range: TimeRange): { from: string; to: string } => ({
  from: String(typeof range.raw.from === 'string' ? range.raw.from : range.raw.from.valueOf()),
  to: String(typeof range.raw.to === 'string' ? range.raw.to : range.raw.to.valueOf()),
});

/** As long as before, moved by a part of it; or around the same middle, and longer. */
export function shifted({ from, to }: TimeRange, by: number): { from: string; to: string } {
  const move = Math.round((to.valueOf() - from.valueOf()) * by);
  return { from: String(from.valueOf() + move), to: String(to.valueOf() + move) };
}

export function widened({ from, to }: TimeRange, factor = 2): { from: string; to: string } {
  const length = Math.max(to.valueOf() - from.valueOf(), 1000);
  const more = Math.round((length * (factor - 1)) / 2);
  return { from: String(from.valueOf() - more), to: String(to.valueOf() + more) };
}

/** The range of a panel that has one of its own: `timeFrom` (`5m`) and `timeShift` (`1d`). */
export function panelRange(
  range: TimeRange,
  panel: { timeFrom?: string | null; timeShift?: string | null },
  timeZone: string,
): TimeRange {
  let result = range;
  const from = panel.timeFrom?.trim();
  if (from) result = timeRange(from.startsWith('now') ? from : `now-${from}`, 'now', timeZone);
  const shift = panel.timeShift?.trim().replace(/^-/, '');
  if (shift) {
    const move = (time: DateTime) => dateMath.parseDateMath(`-${shift}`, dateTime(time)) ?? time;
    const moved = { from: move(result.from), to: move(result.to) };
    result = { ...moved, raw: moved };
  }
  return result;
}
