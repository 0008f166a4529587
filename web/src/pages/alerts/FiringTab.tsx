import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Badge, Button, FilterInput, InlineSwitch, LinkButton, useStyles2 } from '@grafana/ui';
import { useCallback, useState } from 'react';
import { useConfig } from '../../app/config';
import { Labels } from '../common/Labels';
import { Empty, Page } from '../common/Page';
import { ago } from '../common/times';
import { usePolled } from '../common/usePolled';
import { type Alert, alertsOf, type Matcher } from './api';
import { commonMatchers, type Group, grouped, here, isLoud, matches, safeLink, toneOf, why } from './grouping';
import { SilenceForm } from './SilenceForm';

/** What Alertmanager holds, the worst first, with what to do about it. */
export function FiringTab({ alertmanager, watchdog }: { alertmanager: string; watchdog?: string }) {
  const styles = useStyles2(getStyles);
  const { user } = useConfig();
  const [search, setSearch] = useState('');
  const [quiet, setQuiet] = useState(true);
  const [silencing, setSilencing] = useState<Matcher[]>();
  const load = useCallback((signal: AbortSignal) => alertsOf(alertmanager, signal), [alertmanager]);
  const { data, error, again } = usePolled(load, 10);

  const all = (data ?? []).filter(({ labels }) => labels.alertname !== watchdog);
  const beats = !watchdog || !data || data.some(({ labels }) => labels.alertname === watchdog);
  const shown = all.filter((alert) => (quiet || isLoud(alert)) && matches(alert, search));
  const pick = (name: string, value: string) => setSearch((old) => `${old} ${name}=${value}`.trim());
  const count = (word: string) => all.filter((alert) => why(alert) === word).length;
  const counts = ['firing', 'silenced', 'inhibited'].map((word) => `${count(word)} ${word}`).join(' · ');
  return (
    <Page title="Alerts" error={error} tools={data && <span role="status">{counts}</span>}>
      <div className={styles.bar}>
        <FilterInput
          placeholder="Filter by label or text"
          aria-label="Filter alerts"
          value={search}
          onChange={setSearch}
        />
        <InlineSwitch label="Also silenced and inhibited" showLabel value={quiet} onChange={() => setQuiet(!quiet)} />
      </div>
      {!beats && (
        <Empty title={`The alert “${watchdog}” is missing`}>
          It always fires: without it, rules are not evaluated, or not told on.
        </Empty>
      )}
      {data && !shown.length && beats && (
        <Empty title={all.length ? 'No alert is like this' : 'Nothing is firing'}>
          {all.length ? 'Loosen the filter to see more.' : 'Rules are evaluated, and none of them has found trouble.'}
        </Empty>
      )}
      {grouped(shown).map((group) => (
        <GroupCard
          key={`${group.severity} ${group.name}`}
          group={group}
          onPick={pick}
          onSilence={(some) => setSilencing(commonMatchers(some))}
        />
      ))}
      {silencing && (
        <SilenceForm
          alertmanager={alertmanager}
          matchers={silencing}
          user={user}
          onClose={(done) => {
            setSilencing(undefined);
            if (done) again();
          }}
        />
      )}
    </Page>
  );
}

interface CardProps {
  group: Group;
  onPick: (name: string, value: string) => void;
  onSilence: (alerts: Alert[]) => void;
}

function GroupCard({ group, onPick, onSilence }: CardProps) {
  const styles = useStyles2(getStyles);
  const { name, severity, alerts } = group;
  const runbook = safeLink(alerts[0]?.annotations.runbook_url);
  return (
    <section className={styles.card} data-tone={toneOf(severity)} aria-label={name}>
      <div className={styles.head}>
        {severity && <Badge text={severity} color={toneOf(severity)} />}
        <h2 className={styles.name}>{name}</h2>
        <span className={styles.quiet}>{alerts.length > 1 && `${alerts.length} ×`}</span>
        <span className={styles.space} />
        {runbook && (
          <LinkButton
            size="sm"
            variant="secondary"
            icon="book-open"
            href={here(runbook, location.origin)}
            target="_self"
          >
            Runbook
          </LinkButton>
        )}
        {alerts.length > 1 && (
          <Button size="sm" variant="secondary" icon="bell-slash" onClick={() => onSilence(alerts)}>
            Silence all
          </Button>
        )}
      </div>
      <ul className={styles.list}>
        {alerts.map((alert) => (
          <AlertRow key={alert.fingerprint} alert={alert} onPick={onPick} onSilence={() => onSilence([alert])} />
        ))}
      </ul>
    </section>
  );
}

function AlertRow({ alert, onPick, onSilence }: { alert: Alert; onPick: CardProps['onPick']; onSilence: () => void }) {
  const styles = useStyles2(getStyles);
  const { annotations, labels, startsAt } = alert;
  const dashboard = safeLink(annotations.dashboard ?? annotations.dashboard_url);
  return (
    <li className={styles.row} data-quiet={!isLoud(alert)}>
      <div className={styles.text}>
        <div>{annotations.summary ?? labels.alertname}</div>
        {annotations.description && <div className={styles.quiet}>{annotations.description}</div>}
        <Labels labels={labels} without={['alertname', 'severity']} onPick={onPick} />
      </div>
      <div className={styles.tools}>
        {!isLoud(alert) && <Badge text={why(alert)} color="darkgrey" icon="bell-slash" />}
        <time className={styles.quiet} dateTime={startsAt} title={new Date(startsAt).toLocaleString()}>
          {ago(startsAt)}
        </time>
        {dashboard && (
          <LinkButton
            size="sm"
            variant="secondary"
            fill="text"
            icon="apps"
            href={here(dashboard, location.origin)}
            target="_self"
          >
            Dashboard
          </LinkButton>
        )}
        {isLoud(alert) && (
          <Button size="sm" variant="secondary" fill="text" icon="bell-slash" onClick={onSilence}>
            Silence
          </Button>
        )}
      </div>
    </li>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  bar: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(1), '& > :first-child': { flex: '1 1 240px' } }),
  card: css({
    background: theme.colors.background.primary,
    borderRadius: theme.shape.radius.default,
    borderLeft: '4px solid transparent',
    '&[data-tone="red"]': { borderLeftColor: theme.colors.error.main },
    '&[data-tone="orange"]': { borderLeftColor: theme.colors.warning.main },
    '&[data-tone="blue"]': { borderLeftColor: theme.colors.info.main },
  }),
  head: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: theme.spacing(1),
    padding: theme.spacing(1, 1.5),
  }),
  name: css({ fontSize: theme.typography.h5.fontSize, margin: 0 }),
  quiet: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
  space: css({ flex: 1 }),
  list: css({ listStyle: 'none' }),
  row: css({
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(1),
    padding: theme.spacing(1, 1.5),
    borderTop: `1px solid ${theme.colors.border.weak}`,
  }),
  text: css({ flex: '1 1 300px', minWidth: 0, display: 'grid', gap: theme.spacing(0.5), overflowWrap: 'anywhere' }),
  tools: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(1), alignItems: 'center', alignContent: 'start' }),
});
