import { Alert, LoadingPlaceholder } from '@grafana/ui';
import { useEffect, useState } from 'react';
import { useParams } from 'react-router';
import { useConfig } from '../app/config';
import { getJson, RequestError } from '../data/http';
import { DashboardView } from './DashboardView';
import { loadDashboard } from './load';
import type { Dashboard } from './model';

/** A dashboard by its uid, as the server has it. */
export function DashboardPage() {
  const { uid = '' } = useParams();
  const { datasources } = useConfig();
  const [dashboard, setDashboard] = useState<Dashboard>();
  const [error, setError] = useState<Error>();

  useEffect(() => {
    const stop = new AbortController();
    setError(undefined);
    getJson(`api/dashboards/${encodeURIComponent(uid)}`, stop.signal)
      .then((raw) => setDashboard({ ...loadDashboard(raw, datasources, uid), uid }))
      .catch((reason) => stop.signal.aborted || setError(reason));
    return () => stop.abort();
  }, [uid, datasources]);

  if (error) {
    const gone = error instanceof RequestError && error.status === 404;
    return (
      <Alert title={gone ? `There is no dashboard “${uid}”` : `Dashboard “${uid}” can't be shown`}>
        {error.message}
      </Alert>
    );
  }
  if (dashboard?.uid !== uid) return <LoadingPlaceholder text="Loading …" />;
  return <DashboardView key={uid} dashboard={dashboard} />;
}
