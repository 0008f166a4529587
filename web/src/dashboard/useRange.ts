import type { TimeRange } from '@grafana/data';
import { useEffect, useMemo, useState } from 'react';
import { milliseconds } from '../data/intervals';
import { timeRange } from './time';

/** The range now. It moves with the clock whenever `tick` counts on. */
export function useRange(from: string, to: string, timeZone: string, tick: number): TimeRange {
  // biome-ignore lint/correctness/useExhaustiveDependencies: each tick is another "now".
  return useMemo(() => timeRange(from, to, timeZone), [from, to, timeZone, tick]);
}

/** Counts on by itself every `interval`, unless nobody looks at the page; and when asked to. */
export function useTicks(interval: string): [number, () => void] {
  const [tick, setTick] = useState(0);
  useEffect(() => {
    const every = milliseconds(interval);
    if (!every) return;
    let due = false;
    const next = () => {
      due = document.hidden;
      if (!due) setTick((count) => count + 1);
    };
    const back = () => {
      if (due && !document.hidden) next();
    };
    const timer = setInterval(next, Math.max(every, 1000));
    document.addEventListener('visibilitychange', back);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', back);
    };
  }, [interval]);
  return [tick, () => setTick((count) => count + 1)];
}
