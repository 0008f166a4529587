import { css } from '@emotion/css';
import { dateTimeFormatTimeAgo, type GrafanaTheme2 } from '@grafana/data';
import { Badge, useStyles2 } from '@grafana/ui';
import { useEffect, useState } from 'react';
import { useConfig } from '../app/config';
import { useDashboard } from '../dashboard/context';
import { byKind } from '../data/datasources';
import { getJson } from '../data/http';
import { prometheusUrl } from '../data/queryPrometheus';
import { forPrometheus, interpolate } from '../variables/interpolate';
import type { PanelViewProps } from './types';

interface Alert {
  state: 'firing' | 'pending' | 'inactive';
  name?: string;
  activeAt?: string;
  labels: Record<string, string>;
  annotations?: Record<string, string>;
}

/** `{a="b", c=~"d.*"}` as a test on labels. */
export function matcher(selector: string): (labels: Record<string, string>) => boolean {
  const parts = [...selector.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g)];
  return (labels) =>
    parts.every(([, name, operator, value]) => {
      const own = labels[name!] ?? '';
      const like = () => new RegExp(`^(?:${value})$`).test(own);
      if (operator === '=') return own === value;
      if (operator === '!=') return own !== value;
      return operator === '=~' ? like() : !like();
    });
}

const colors = { firing: 'red', pending: 'orange', inactive: 'green' } as const;

/** Alerts that fire or are about to, as the rules of the metrics store say. */
export default function AlertListPanel({ panel, scope, height }: PanelViewProps) {
  const styles = useStyles2(getStyles);
  const { datasources } = useConfig();
  const { tick } = useDashboard();
  const [alerts, setAlerts] = useState<Alert[]>();
  const [error, setError] = useState('');
  const { options } = panel;

  // biome-ignore lint/correctness/useExhaustiveDependencies: each tick asks again.
  useEffect(() => {
    const stop = new AbortController();
    const source = byKind('prometheus', datasources);
    if (!source) return;
    getJson<{ data: { alerts: Alert[] } }>(`${prometheusUrl(source)}/api/v1/alerts`, stop.signal).then(
      (answer) => setAlerts(answer.data.alerts),
      (reason: Error) => stop.signal.aborted || setError(reason.message),
    );
    return () => stop.abort();
  }, [datasources, tick]);

  if (error) return <div role="alert">{error}</div>;
  if (!alerts) return null;
  const fits = matcher(
    interpolate(options.alertInstanceLabelFilter ?? options.labelFilter ?? '', scope, undefined, forPrometheus),
  );
  const named = interpolate(options.alertName ?? '', scope).toLowerCase();
  const wanted = alerts
    .filter(
      ({ labels, state }) =>
        state !== 'inactive' && fits(labels) && (labels.alertname ?? '').toLowerCase().includes(named),
    )
    .sort((a, b) => (b.activeAt ?? '').localeCompare(a.activeAt ?? ''))
    .slice(0, options.maxItems ?? 50);
  if (!wanted.length) return <div className={styles.none}>No alerts</div>;
  return (
    <ul className={styles.list} style={{ height }}>
      {wanted.map(({ labels, annotations, state, activeAt }, i) => (
        <li key={i} className={styles.item}>
          <Badge color={colors[state]} text={state} />
          <div>
            <strong>{labels.alertname}</strong> {[labels.cls, labels.ins].filter(Boolean).join(' / ')}
            <div className={styles.text}>{annotations?.summary ?? annotations?.description}</div>
          </div>
          <span className={styles.text}>{activeAt && dateTimeFormatTimeAgo(activeAt)}</span>
        </li>
      ))}
    </ul>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  none: css({ display: 'grid', placeItems: 'center', height: '100%', color: theme.colors.text.secondary }),
  list: css({ overflow: 'auto', listStyle: 'none' }),
  item: css({
    display: 'grid',
    gridTemplateColumns: 'auto 1fr auto',
    gap: theme.spacing(1),
    alignItems: 'start',
    padding: theme.spacing(0.75, 0.5),
    borderBottom: `1px solid ${theme.colors.border.weak}`,
  }),
  text: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});
