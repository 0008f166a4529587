import { createContext, type ReactNode, useContext, useEffect, useState } from 'react';
import { getJson } from '../data/http';

export interface DataSource {
  uid: string;
  name: string;
  /** As in dashboards: `prometheus`, `victoriametrics-logs-datasource`, `jaeger`, `postgres` … */
  type: string;
  /** Where it answers, on this origin. Without one, the path that is usual for its type. */
  url?: string;
  isDefault?: boolean;
  /** How often its values come, as a duration. */
  timeInterval?: string;
}

export interface Config {
  version: string;
  datasources: DataSource[];
  user?: string;
  /** Where the portal's home page is. */
  portal?: string;
  /** Where Alertmanager and vmalert answer, if they are behind this portal. */
  alertmanager?: string;
  vmalert?: string;
  /** The alert that always fires. */
  watchdog?: string;
}

/** What the three data sources of an INFRA node are called, also when the server doesn't say. */
const usual: Config = {
  version: '',
  datasources: [
    { uid: 'vmetrics', name: 'vmetrics', type: 'prometheus', url: '/vmetrics', isDefault: true },
    { uid: 'vlogs', name: 'vlogs', type: 'victoriametrics-logs-datasource', url: '/vlogs' },
    { uid: 'vtraces', name: 'vtraces', type: 'jaeger', url: '/vtraces/select/jaeger' },
  ],
};

const ConfigContext = createContext<Config>(usual);

export const useConfig = (): Config => useContext(ConfigContext);

/** Asks the server once. Children wait for the answer; without one they do with what is usual. */
export function ConfigProvider({ children }: { children: ReactNode }) {
  const [config, setConfig] = useState<Config>();
  useEffect(() => {
    getJson<Config>('api/config').then(
      (found) => setConfig({ ...usual, ...found, datasources: found.datasources ?? usual.datasources }),
      () => setConfig(usual),
    );
  }, []);
  return config && <ConfigContext.Provider value={config}>{children}</ConfigContext.Provider>;
}
