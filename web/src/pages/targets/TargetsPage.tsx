import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Badge, FilterInput, InlineSwitch, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import { useCallback, useMemo } from 'react';
import { useSearchParams } from 'react-router';
import { useConfig } from '../../app/config';
import { byKind } from '../../data/datasources';
import { getJson } from '../../data/http';
import { prometheusUrl } from '../../data/queryPrometheus';
import { Labels } from '../common/Labels';
import { Empty, Page } from '../common/Page';
import { ago, spoken } from '../common/times';
import { usePolled } from '../common/usePolled';
import { groupedTargets, type Target } from './grouping';

const ways = ['job', 'cls', 'ip'] as const;

/** All that metrics are collected from, and why some can't be reached. Filter and grouping are in the URL. */
export function TargetsPage() {
  const styles = useStyles2(getStyles);
  const { datasources } = useConfig();
  const [params, setParams] = useSearchParams();
  const source = byKind('prometheus', datasources);
  const url = source && prometheusUrl(source);
  const search = params.get('search') ?? '';
  const onlyDown = params.has('down');
  const by = ways.find((way) => way === params.get('by')) ?? 'job';
  const set = (name: string, value: string | undefined) =>
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        if (value === undefined) next.delete(name);
        else next.set(name, value);
        return next;
      },
      { replace: true },
    );

  const load = useCallback(
    async (signal: AbortSignal) => {
      if (!url) return [];
      const { data } = await getJson<{ data: { activeTargets: Target[] } }>(
        `${url}/api/v1/targets?state=active`,
        signal,
      );
      return data.activeTargets;
    },
    [url],
  );
  const { data, error } = usePolled(load, 5);
  const groups = useMemo(() => groupedTargets(data ?? [], by, search, onlyDown), [data, by, search, onlyDown]);
  const down = (data ?? []).filter(({ health }) => health === 'down').length;
  if (!url) return <Empty title="No metrics store is behind this portal" />;
  return (
    <Page
      title="Targets"
      error={error}
      tools={data && <span role="status">{`${data.length} targets, ${down ? `${down} down` : 'none down'}`}</span>}
    >
      <div className={styles.bar}>
        <FilterInput
          placeholder="Filter by label, address or error"
          aria-label="Filter targets"
          value={search}
          onChange={(text) => set('search', text || undefined)}
        />
        <InlineSwitch
          label="Only those that are down"
          showLabel
          value={onlyDown}
          onChange={() => set('down', onlyDown ? undefined : '')}
        />
        <RadioButtonGroup
          aria-label="Group by"
          options={ways.map((value) => ({ value, label: `by ${value}` }))}
          value={by}
          onChange={(way) => set('by', way)}
        />
      </div>
      {data && !groups.length && <Empty title={data.length ? 'No target is like this' : 'Nothing is scraped'} />}
      {groups.map(({ name, targets, all, sick }) => (
        <section key={name} className={styles.card} aria-label={name}>
          <h2 className={styles.name}>
            {name} <Badge text={sick ? `${sick} of ${all} down` : `${all} up`} color={sick ? 'red' : 'green'} />
          </h2>
          <ul className={styles.list}>
            {targets.map((target) => (
              <Row
                key={`${target.scrapePool} ${target.scrapeUrl} ${JSON.stringify(target.labels)}`}
                target={target}
                onPick={(label, value) => set('search', `${label}=${value}`)}
              />
            ))}
          </ul>
        </section>
      ))}
    </Page>
  );
}

const colors: Record<string, 'green' | 'red' | 'orange'> = { up: 'green', down: 'red' };

function Row({ target, onPick }: { target: Target; onPick: (name: string, value: string) => void }) {
  const styles = useStyles2(getStyles);
  const { health, labels, lastError, lastScrape, lastScrapeDuration, lastSamplesScraped, scrapeUrl } = target;
  return (
    <li className={styles.row}>
      <Badge
        className={styles.state}
        text={health === 'unknown' ? 'not yet' : health}
        color={colors[health] ?? 'orange'}
      />
      <div className={styles.text}>
        <code className={styles.url}>{scrapeUrl}</code>
        <Labels labels={labels} without={['instance']} onPick={onPick} />
        {lastError && <p className={styles.error}>{lastError}</p>}
      </div>
      <span className={styles.quiet}>
        {ago(lastScrape)}, {spoken(lastScrapeDuration)}
        {lastSamplesScraped !== undefined && `, ${lastSamplesScraped} samples`}
      </span>
    </li>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  bar: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(1), '& > :first-child': { flex: '1 1 240px' } }),
  card: css({ background: theme.colors.background.primary, borderRadius: theme.shape.radius.default }),
  name: css({ fontSize: theme.typography.h5.fontSize, margin: 0, padding: theme.spacing(1, 1.5) }),
  list: css({ listStyle: 'none' }),
  row: css({
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(1),
    padding: theme.spacing(0.75, 1.5),
    borderTop: `1px solid ${theme.colors.border.weak}`,
  }),
  state: css({ alignSelf: 'start', minWidth: 60, justifyContent: 'center' }),
  text: css({ flex: '1 1 260px', minWidth: 0, display: 'grid', gap: theme.spacing(0.5), justifyItems: 'start' }),
  url: css({ overflowWrap: 'anywhere', whiteSpace: 'normal', background: 'none', padding: 0, border: 0 }),
  quiet: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
  error: css({ color: theme.colors.error.text, margin: 0, overflowWrap: 'anywhere' }),
});
