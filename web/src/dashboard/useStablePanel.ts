import { useRef } from 'react';
import type { Panel } from './model';

/** What of a panel may change without its data being others. */
const aside = new Set(['gridPos', 'panels', 'scoped']);

/** Whether both ask for the same and draw it the same way, wherever they are. */
export function samePanel(a: Panel, b: Panel): boolean {
  if (a === b) return true;
  if (JSON.stringify(a.scoped) !== JSON.stringify(b.scoped)) return false;
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => aside.has(name) || a[name as keyof Panel] === b[name as keyof Panel]);
}

/** The panel as it was before, if it only moved: opening a row is no reason to ask for anything again. */
export function useStablePanel(panel: Panel): Panel {
  const kept = useRef(panel);
  if (!samePanel(kept.current, panel)) kept.current = panel;
  return kept.current;
}
