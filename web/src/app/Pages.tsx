import { LoadingPlaceholder } from '@grafana/ui';
import { type ComponentType, lazy, Suspense } from 'react';
import { Navigate, Route, Routes } from 'react-router';
import { DashboardPage } from '../dashboard/DashboardPage';

/** Loaded when somebody goes there: the first view of a dashboard needs none of it. */
const page = (load: () => Promise<Record<string, ComponentType>>, name: string) =>
  lazy(async () => ({ default: (await load())[name]! }));

const DashboardsPage = page(() => import('../dashboard/DashboardsPage'), 'DashboardsPage');
const MetricsPage = page(() => import('../pages/explore/MetricsPage'), 'MetricsPage');
const LogsPage = page(() => import('../pages/explore/LogsPage'), 'LogsPage');
const TracesPage = page(() => import('../pages/explore/TracesPage'), 'TracesPage');
const AlertsPage = page(() => import('../pages/alerts/AlertsPage'), 'AlertsPage');
const TargetsPage = page(() => import('../pages/targets/TargetsPage'), 'TargetsPage');
const PevPage = page(() => import('../pages/pev/PevPage'), 'PevPage');

export function Pages() {
  return (
    <Suspense fallback={<LoadingPlaceholder text="Loading …" />}>
      <Routes>
        <Route path="/" element={<Navigate to="/dashboards" replace />} />
        <Route path="/d/:uid" element={<DashboardPage />} />
        <Route path="/d/:uid/:slug" element={<DashboardPage />} />
        <Route path="/dashboards" element={<DashboardsPage />} />
        <Route path="/explore" element={<Navigate to="/explore/metrics" replace />} />
        <Route path="/explore/metrics" element={<MetricsPage />} />
        <Route path="/explore/logs" element={<LogsPage />} />
        <Route path="/explore/traces" element={<TracesPage />} />
        <Route path="/alerts" element={<AlertsPage />} />
        <Route path="/targets" element={<TargetsPage />} />
        <Route path="/pev" element={<PevPage />} />
        <Route path="*" element={<p>There is no such page here.</p>} />
      </Routes>
    </Suspense>
  );
}
