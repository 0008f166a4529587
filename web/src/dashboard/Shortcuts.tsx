import { Modal } from '@grafana/ui';
import { useEffect, useRef, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { useDashboard } from './context';
import { layout } from './layout';
import type { Panel } from './model';
import { shifted, widened } from './time';

/** Keys one after the other, and what they do. */
export const shortcuts: [string, string][] = [
  ['?', 'Show these shortcuts'],
  ['v', 'View the panel that has the focus (or is below the pointer), and back'],
  ['i', 'Inspect that panel'],
  ['d v', 'View that panel'],
  ['d r', 'Ask for everything again'],
  ['d k', 'Only the dashboard, and back'],
  ['d s', 'Search dashboards'],
  ['t z', 'A longer time range'],
  ['t ←', 'Back in time'],
  ['t →', 'Forward in time'],
  ['t a', 'Make the range absolute'],
  ['g h', 'To all dashboards'],
  ['g e', 'To the metrics'],
  ['g a', 'To the alerts'],
  ['esc', 'Leave the view or the full screen'],
];

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));

/** The panel that a key is meant for. */
function pointedAt(): string | undefined {
  const element =
    document.activeElement?.closest<HTMLElement>('[data-panel-id]') ??
    document.querySelector<HTMLElement>('[data-panel-id]:hover');
  return element?.dataset.panelId;
}

const everyPanel = (panels: Panel[]): Panel[] => panels.flatMap((panel) => [panel, ...everyPanel(panel.panels ?? [])]);

/** Listens to the keyboard. */
export function Shortcuts() {
  const state = useDashboard();
  const [params, setParams] = useSearchParams();
  const navigate = useNavigate();
  const [help, setHelp] = useState(false);
  const prefix = useRef<{ key: string; at: number }>(undefined);

  useEffect(() => {
    const { range, setRange, refresh, view, inspect, dashboard, variables } = state;
    const move = ({ from, to }: { from: string; to: string }) => setRange(from, to);
    const find = () => {
      const key = pointedAt();
      if (key === undefined) return undefined;
      const drawn = layout(dashboard.panels, variables, new Map()).items;
      return [...drawn, ...everyPanel(dashboard.panels)].find((panel) => panel.key === key);
    };
    const toggle = (name: string) =>
      setParams((old) => {
        const next = new URLSearchParams(old);
        if (next.has(name)) next.delete(name);
        else next.set(name, '');
        return next;
      });
    const viewed = params.has('viewPanel');
    const viewIt = () => {
      const panel = find();
      if (viewed) view(undefined);
      else if (panel) view(panel);
    };
    const actions: Partial<Record<string, () => void>> = {
      '?': () => setHelp(true),
      v: viewIt,
      'd v': viewIt,
      i: () => inspect(find()),
      'd r': refresh,
      'd k': () => toggle('kiosk'),
      'd s': () => navigate('/dashboards'),
      't z': () => move(widened(range)),
      't ArrowLeft': () => move(shifted(range, -0.5)),
      't ArrowRight': () => move(shifted(range, 0.5)),
      't a': () => move({ from: String(range.from.valueOf()), to: String(range.to.valueOf()) }),
      'g h': () => navigate('/dashboards'),
      'g e': () => navigate('/explore/metrics'),
      'g a': () => navigate('/alerts'),
    };
    const leave = () => {
      if (document.querySelector('[role=dialog]')) return;
      if (viewed) view(undefined);
      else if (params.has('kiosk')) toggle('kiosk');
    };
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
      if (event.key === 'Escape') return leave();
      const before = prefix.current && event.timeStamp - prefix.current.at < 1500 ? `${prefix.current.key} ` : '';
      const action = actions[before + event.key] ?? (before ? undefined : actions[event.key]);
      prefix.current = action ? undefined : { key: event.key, at: event.timeStamp };
      if (!action) return;
      event.preventDefault();
      action();
    };
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, [state, params, setParams, navigate]);

  return (
    <Modal title="Keyboard shortcuts" isOpen={help} onDismiss={() => setHelp(false)}>
      <table>
        <tbody>
          {shortcuts.map(([keys, does]) => (
            <tr key={keys}>
              <td style={{ paddingRight: 24 }}>
                <kbd>{keys}</kbd>
              </td>
              <td>{does}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Modal>
  );
}
