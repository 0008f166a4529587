import { useMemo } from 'react';
import { useConfig } from '../../app/config';
import { DashboardView } from '../../dashboard/DashboardView';
import { loadDashboard } from '../../dashboard/load';
import { historyBoard } from './historyBoard';

/** Which alerts fired when, from the series that vmalert writes. */
export function HistoryTab({ watchdog }: { watchdog?: string }) {
  const { datasources } = useConfig();
  const dashboard = useMemo(() => loadDashboard(historyBoard(watchdog ?? ''), datasources), [watchdog, datasources]);
  return <DashboardView dashboard={dashboard} />;
}
