import { StorePage } from './StorePage';

export function TracesPage() {
  return <StorePage key="traces" kind="traces" title="Traces" />;
}
