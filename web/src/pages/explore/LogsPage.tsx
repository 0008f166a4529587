import { StorePage } from './StorePage';

export function LogsPage() {
  return <StorePage key="logs" kind="logs" title="Logs" />;
}
