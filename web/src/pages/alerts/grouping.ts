import type { Alert, Matcher } from './api';

/** The worst first; what is not known is in between. */
const order = ['CRIT', 'CRITICAL', 'EMERGENCY', 'PAGE', 'ERROR', 'WARN', 'WARNING', 'INFO', 'NONE'];

export const rank = (severity: string | undefined): number => {
  const at = order.indexOf((severity ?? '').toUpperCase());
  return at < 0 ? 5.5 : at;
};

export type Tone = 'red' | 'orange' | 'blue';

export const toneOf = (severity: string | undefined): Tone =>
  rank(severity) <= 4 ? 'red' : rank(severity) <= 6 ? 'orange' : 'blue';

/** Whether it rings: neither silenced nor inhibited. */
export const isLoud = ({ status }: Alert): boolean => status.state !== 'suppressed';

export const why = ({ status }: Alert): string =>
  status.silencedBy.length ? 'silenced' : status.inhibitedBy.length ? 'inhibited' : 'firing';

export interface Group {
  name: string;
  severity: string;
  alerts: Alert[];
}

/** Alerts of one name and severity together: the worst first, those that ring before those that don't. */
export function grouped(alerts: Alert[]): Group[] {
  const groups = new Map<string, Group>();
  for (const alert of alerts) {
    const { alertname = '(no name)', severity = '' } = alert.labels;
    const key = `${severity}\n${alertname}`;
    const group = groups.get(key) ?? { name: alertname, severity, alerts: [] };
    group.alerts.push(alert);
    groups.set(key, group);
  }
  for (const { alerts: members } of groups.values()) {
    members.sort((a, b) => Number(isLoud(b)) - Number(isLoud(a)) || b.startsAt.localeCompare(a.startsAt));
  }
  const loud = (group: Group) => Number(group.alerts.some(isLoud));
  return [...groups.values()].sort(
    (a, b) => loud(b) - loud(a) || rank(a.severity) - rank(b.severity) || a.name.localeCompare(b.name),
  );
}

/** Whether all words are somewhere in the labels (`name=value`) or the texts. */
export function matches(alert: Alert, search: string): boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const labels = Object.entries(alert.labels).map(([name, value]) => `${name}=${value}`);
  const text = [...labels, ...Object.values(alert.annotations)].join('\n').toLowerCase();
  return words.every((word) => text.includes(word));
}

/** What is the same for all of them: what a silence for them says. */
export function commonMatchers(alerts: Alert[]): Matcher[] {
  const [first, ...rest] = alerts;
  return Object.entries(first?.labels ?? {})
    .filter(([name, value]) => rest.every(({ labels }) => labels[name] === value))
    .map(([name, value]) => ({ name, value, isEqual: true, isRegex: false }));
}

export const matcherText = ({ name, value, isEqual, isRegex }: Matcher): string =>
  `${name}${isEqual ? (isRegex ? '=~' : '=') : isRegex ? '!~' : '!='}"${value}"`;

/** A link that an alert carries, if a click on it can only lead somewhere. */
export function safeLink(text: string | undefined): string | undefined {
  if (!text) return undefined;
  try {
    const { protocol } = new URL(text, 'https://portal.invalid');
    return protocol === 'https:' || protocol === 'http:' ? text : undefined;
  } catch {
    return undefined;
  }
}

/** The same link on this portal, if it leads to one of ours: alerts name the portal by its public address. */
export function here(link: string, origin: string): string {
  const url = new URL(link, origin);
  return /^\/(ui|console|runbooks)\//.test(url.pathname) ? url.pathname + url.search + url.hash : link;
}
