import { getJson, postJson, request } from '../../data/http';

export interface Alert {
  fingerprint: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
  generatorURL?: string;
  status: { state: 'active' | 'suppressed' | 'unprocessed'; silencedBy: string[]; inhibitedBy: string[] };
}

export interface Matcher {
  name: string;
  value: string;
  isEqual: boolean;
  isRegex: boolean;
}

export interface Silence {
  id: string;
  matchers: Matcher[];
  startsAt: string;
  endsAt: string;
  createdBy: string;
  comment: string;
  status: { state: 'active' | 'pending' | 'expired' };
}

export interface Rule {
  name: string;
  query: string;
  type: 'alerting' | 'recording';
  state?: 'firing' | 'pending' | 'inactive';
  health: string;
  lastError?: string;
  lastEvaluation: string;
  evaluationTime: number;
  lastSamples?: number;
  duration?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  alerts?: unknown[];
}

export interface RuleGroup {
  name: string;
  file: string;
  interval: number;
  rules: Rule[];
}

const api = (base: string, path: string): string => `${base.replace(/\/$/, '')}/api/${path}`;

export const alertsOf = (alertmanager: string, signal: AbortSignal): Promise<Alert[]> =>
  getJson<Alert[]>(api(alertmanager, 'v2/alerts'), signal);

export const silencesOf = (alertmanager: string, signal: AbortSignal): Promise<Silence[]> =>
  getJson<Silence[]>(api(alertmanager, 'v2/silences'), signal);

export const ruleGroupsOf = async (vmalert: string, signal: AbortSignal): Promise<RuleGroup[]> =>
  (await getJson<{ data: { groups: RuleGroup[] } }>(api(vmalert, 'v1/rules'), signal)).data.groups;

export const silence = (alertmanager: string, wanted: Omit<Silence, 'id' | 'status'>): Promise<{ silenceID: string }> =>
  postJson(api(alertmanager, 'v2/silences'), wanted);

export const expire = async (alertmanager: string, id: string): Promise<void> => {
  await request(api(alertmanager, `v2/silence/${encodeURIComponent(id)}`), { method: 'DELETE' });
};
