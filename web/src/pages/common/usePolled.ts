import { useCallback, useEffect, useRef, useState } from 'react';
import { isAbort } from '../../data/http';

export interface Polled<T> {
  data?: T;
  error?: string;
  /** Asks at once. */
  again: () => void;
}

/**
 * What `load` gives, asked for again every `seconds` while somebody looks at the page. After an error the old data stays.
 * `load` has to be stable (`useCallback`): another one is asked at once.
 */
export function usePolled<T>(load: (signal: AbortSignal) => Promise<T>, seconds: number): Polled<T> {
  const [answer, setAnswer] = useState<{ data?: T; error?: string }>({});
  const ask = useRef(() => {});
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const turn = async () => {
      clearTimeout(timer);
      try {
        const data = await load(stop.signal);
        if (!stop.signal.aborted) setAnswer({ data });
      } catch (reason) {
        if (stop.signal.aborted || isAbort(reason)) return;
        setAnswer(({ data }) => ({ data, error: reason instanceof Error ? reason.message : String(reason) }));
      }
      if (!stop.signal.aborted && !document.hidden) timer = setTimeout(turn, seconds * 1000);
    };
    const back = () => {
      if (document.hidden) clearTimeout(timer);
      else void turn();
    };
    ask.current = () => void turn();
    void turn();
    document.addEventListener('visibilitychange', back);
    return () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', back);
    };
  }, [load, seconds]);
  const again = useCallback(() => ask.current(), []);
  return { ...answer, again };
}
