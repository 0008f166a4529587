import { Menu } from '@grafana/ui';
import { useDashboard } from './context';
import { exploreUrl } from './explore';
import type { Panel } from './model';
import type { PanelState } from './usePanelData';

/** What can be done with a panel. */
export function PanelMenu({ panel, state, alone }: { panel: Panel; state: PanelState; alone?: boolean }) {
  const { view, inspect, range } = useDashboard();
  const explore = state.result && exploreUrl(state.result.queries, range);
  return (
    <Menu>
      <Menu.Item
        label={alone ? 'Back to the dashboard' : 'View'}
        icon="eye"
        shortcut={alone ? 'esc' : 'v'}
        onClick={() => view(alone ? undefined : panel)}
      />
      <Menu.Item label="Inspect: data, query, JSON" icon="info-circle" shortcut="i" onClick={() => inspect(panel)} />
      {explore && <Menu.Item label="Explore" icon="compass" url={explore} />}
    </Menu>
  );
}
