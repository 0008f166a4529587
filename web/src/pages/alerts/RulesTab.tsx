import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Badge, FilterInput, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import { useCallback, useMemo, useState } from 'react';
import { Link } from 'react-router';
import { Empty, Page } from '../common/Page';
import { ago, spoken } from '../common/times';
import { usePolled } from '../common/usePolled';
import { type Rule, type RuleGroup, ruleGroupsOf } from './api';

const views = ['all', 'alerting', 'recording', 'firing', 'failing'] as const;
type View = (typeof views)[number];

const fits = (rule: Rule, view: View): boolean => {
  if (view === 'all') return true;
  if (view === 'failing') return Boolean(rule.lastError);
  return view === 'firing' ? rule.state === 'firing' || rule.state === 'pending' : rule.type === view;
};

/** All rules by group: what state they are in, when they were evaluated last, how long that took, and what went wrong. */
export function RulesTab({ vmalert }: { vmalert: string }) {
  const styles = useStyles2(getStyles);
  const [search, setSearch] = useState('');
  const [view, setView] = useState<View>('all');
  const load = useCallback((signal: AbortSignal) => ruleGroupsOf(vmalert, signal), [vmalert]);
  const { data, error } = usePolled(load, 15);
  const groups = useMemo(() => {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = (rule: Rule, { name }: RuleGroup) => {
      const text = `${rule.name} ${rule.query} ${name}`.toLowerCase();
      return fits(rule, view) && words.every((word) => text.includes(word));
    };
    return (data ?? [])
      .map((group) => ({ ...group, rules: group.rules.filter((rule) => wanted(rule, group)) }))
      .filter(({ rules }) => rules.length);
  }, [data, search, view]);
  const all = data?.flatMap(({ rules }) => rules) ?? [];
  const failing = all.filter(({ lastError }) => lastError).length;
  return (
    <Page
      title="Rules"
      error={error}
      tools={
        data && (
          <span role="status">{`${all.length} rules in ${data.length} groups${failing ? `, ${failing} failing` : ''}`}</span>
        )
      }
    >
      <div className={styles.bar}>
        <FilterInput
          placeholder="Filter by name, query or group"
          aria-label="Filter rules"
          value={search}
          onChange={setSearch}
        />
        <RadioButtonGroup
          aria-label="Which rules"
          options={views.map((value) => ({ value, label: value }))}
          value={view}
          onChange={setView}
        />
      </div>
      {data && !groups.length && <Empty title="No rule is like this" />}
      {groups.map((group) => (
        <section key={`${group.file} ${group.name}`} className={styles.card} aria-label={group.name}>
          <h2 className={styles.name}>
            {group.name} <span className={styles.quiet}>every {spoken(group.interval)}</span>
          </h2>
          <ul className={styles.list}>
            {group.rules.map((rule) => (
              <RuleRow
                key={`${rule.type} ${rule.name} ${rule.query} ${JSON.stringify(rule.labels ?? {})}`}
                rule={rule}
              />
            ))}
          </ul>
        </section>
      ))}
    </Page>
  );
}

const colors = { firing: 'red', pending: 'orange', inactive: 'green' } as const;

function RuleRow({ rule }: { rule: Rule }) {
  const styles = useStyles2(getStyles);
  const explore = `/explore/metrics?${new URLSearchParams({ query: rule.query })}`;
  return (
    <li className={styles.row}>
      <details>
        <summary className={styles.summary}>
          {rule.type === 'alerting' && rule.state ? (
            <Badge text={rule.state} color={colors[rule.state]} />
          ) : (
            <Badge text="record" color="blue" />
          )}
          <span className={styles.rule}>{rule.name}</span>
          {rule.lastError && <Badge text="failing" color="red" icon="exclamation-triangle" />}
          <span className={styles.quiet}>
            {ago(rule.lastEvaluation)}, took {spoken(rule.evaluationTime)}
            {rule.lastSamples !== undefined && `, ${rule.lastSamples} series`}
          </span>
        </summary>
        <code className={styles.code}>{rule.query}</code>
        <div className={styles.quiet}>
          <Link to={explore}>Explore the query</Link>
          {rule.duration ? ` · fires after ${spoken(rule.duration)}` : ''}
        </div>
      </details>
      {rule.lastError && <p className={styles.error}>{rule.lastError}</p>}
    </li>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  bar: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(1), '& > :first-child': { flex: '1 1 240px' } }),
  card: css({ background: theme.colors.background.primary, borderRadius: theme.shape.radius.default }),
  name: css({ fontSize: theme.typography.h5.fontSize, margin: 0, padding: theme.spacing(1, 1.5) }),
  list: css({ listStyle: 'none' }),
  row: css({ padding: theme.spacing(0.75, 1.5), borderTop: `1px solid ${theme.colors.border.weak}` }),
  summary: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(1), alignItems: 'center', cursor: 'pointer' }),
  rule: css({ fontFamily: theme.typography.fontFamilyMonospace, overflowWrap: 'anywhere', flex: '1 1 240px' }),
  quiet: css({
    color: theme.colors.text.secondary,
    fontSize: theme.typography.bodySmall.fontSize,
    '& a': { color: theme.colors.text.link },
  }),
  code: css({
    display: 'block',
    margin: theme.spacing(1, 0),
    padding: theme.spacing(1),
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
  }),
  error: css({ color: theme.colors.error.text, margin: theme.spacing(0.5, 0, 0), overflowWrap: 'anywhere' }),
});
