import { durationToMilliseconds, parseDuration, rangeUtil, type ScopedVars, type TimeRange } from '@grafana/data';

/** How often values come, where nothing says. */
const usualInterval = '15s';

/** A duration of dashboards (`30s`, `1h30m`, `>10s`) in milliseconds; nothing if it is none. */
export function milliseconds(text: string | undefined | null): number | undefined {
  const cleaned = String(text ?? '').replace(/^[>\s]+/, '');
  if (!cleaned) return undefined;
  if (/^\d+(\.\d+)?$/.test(cleaned)) return Number(cleaned) * 1000;
  try {
    return rangeUtil.intervalToMs(cleaned);
  } catch {
    const parsed = durationToMilliseconds(parseDuration(cleaned));
    return parsed > 0 ? parsed : undefined;
  }
}

export interface Interval {
  text: string;
  ms: number;
}

/** The distance of points: so many as are asked for at most, never nearer than values come. */
export function intervalOf(range: TimeRange, maxDataPoints: number, least?: string | null): Interval {
  const lowest = milliseconds(least) ?? 15_000;
  const { interval, intervalMs } = rangeUtil.calculateInterval(range, Math.max(1, maxDataPoints), `${lowest}ms`);
  return { text: interval, ms: intervalMs };
}

/** The range that `rate()` needs to see several values in: four of the intervals that they come in. */
export function rateInterval(step: number, scrape: string | undefined | null): number {
  const between = milliseconds(scrape) ?? milliseconds(usualInterval)!;
  return Math.max(step + between, 4 * between);
}

const short = (ms: number): string => (ms % 1000 ? `${ms}ms` : `${ms / 1000}s`);

/** What queries call `$__interval`, `$__rate_interval` and so on. */
export function intervalMacros(interval: Interval, scrape?: string | null): ScopedVars {
  const rate = rateInterval(interval.ms, scrape);
  const entry = (value: string | number) => ({ text: String(value), value });
  return {
    __interval: entry(interval.text),
    __interval_ms: entry(interval.ms),
    __rate_interval: entry(short(rate)),
    __rate_interval_ms: entry(rate),
    __auto: entry(interval.text),
    interval: entry(interval.text),
  };
}

/** Options of an interval variable that say "auto". */
export function autoInterval(range: TimeRange, count = 30, least = '10s'): string {
  return intervalOf(range, count, least).text;
}

/** A range of a panel of its own: `timeFrom` ("last 5 minutes") and `timeShift` ("yesterday"). */
export function withTimeFrom<T>(parse: (from: string, to: string) => T, from: string, shift?: string | null): T {
  const back = shift ? `-${shift.replace(/^-/, '')}` : '';
  return parse(`now${back}-${from.replace(/^now-/, '')}`, `now${back}`);
}
