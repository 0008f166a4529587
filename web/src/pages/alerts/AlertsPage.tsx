import { Tab, TabsBar } from '@grafana/ui';
import { useSearchParams } from 'react-router';
import { useConfig } from '../../app/config';
import { Empty } from '../common/Page';
import { FiringTab } from './FiringTab';
import { HistoryTab } from './HistoryTab';
import { RulesTab } from './RulesTab';
import { SilencesTab } from './SilencesTab';

const tabs = [
  ['', 'Firing'],
  ['silences', 'Silences'],
  ['rules', 'Rules'],
  ['history', 'History'],
] as const;

/** All about alerts, by `?tab=`. */
export function AlertsPage() {
  const [params, setParams] = useSearchParams();
  const tab = params.get('tab') ?? '';
  const { alertmanager, vmalert, watchdog } = useConfig();
  const missing = (name: string) => (
    <Empty title={`${name} is not behind this portal`}>This inventory does not run it here.</Empty>
  );
  const body = () => {
    if (tab === 'history') return <HistoryTab watchdog={watchdog} />;
    if (tab === 'rules') return vmalert ? <RulesTab vmalert={vmalert} /> : missing('vmalert');
    if (!alertmanager) return missing('Alertmanager');
    if (tab === 'silences') return <SilencesTab alertmanager={alertmanager} />;
    return <FiringTab alertmanager={alertmanager} watchdog={watchdog} />;
  };
  return (
    <>
      <TabsBar>
        {tabs.map(([id, label]) => (
          <Tab key={id} label={label} active={tab === id} onChangeTab={() => setParams(id ? { tab: id } : {})} />
        ))}
      </TabsBar>
      <div style={{ paddingTop: 12 }}>{body()}</div>
    </>
  );
}
