import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, Combobox, Dropdown, IconButton, Menu, useStyles2 } from '@grafana/ui';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { useSearchParams } from 'react-router';
import { useConfig } from '../../app/config';
import { DashboardView } from '../../dashboard/DashboardView';
import { loadDashboard } from '../../dashboard/load';
import { byKind, kindOf } from '../../data/datasources';
import { prometheusUrl } from '../../data/queryPrometheus';
import { Empty } from '../common/Page';
import { metricsBoard } from './metricsBoard';
import { QueryEditor } from './QueryEditor';
import { recentQueries, remember } from './recent';

const steps = ['', '1s', '5s', '10s', '15s', '30s', '1m', '5m', '15m', '1h', '6h', '1d'];
const examples = [
  'up',
  'sum by (job) (rate(vm_promscrape_scraped_samples_sum[1m]))',
  'topk(10, count by (__name__) ({__name__!=""}))',
  'ALERTS{alertstate="firing"}',
];

/** Any query over the metrics. All of it is in the URL: `query` (as often as there are), `datasource`, `step`, `from`, `to`. */
export function MetricsPage() {
  const styles = useStyles2(getStyles);
  const { datasources } = useConfig();
  const [params, setParams] = useSearchParams();
  const sources = useMemo(() => datasources.filter(({ type }) => kindOf(type) === 'prometheus'), [datasources]);
  const source = sources.find(({ uid }) => uid === params.get('datasource')) ?? byKind('prometheus', datasources);
  const step = params.get('step') ?? '';
  const asked = params.getAll('query');
  const written = asked.join('\n\u0000');
  const [drafts, setDrafts] = useState(asked.length ? asked : ['']);

  // Back and forward, and links from elsewhere, change what is in the URL.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the text says whether they are others.
  useEffect(() => setDrafts(asked.length ? asked : ['']), [written]);

  const change = useCallback(
    (edit: (next: URLSearchParams) => void) =>
      setParams((old) => {
        const next = new URLSearchParams(old);
        edit(next);
        return next;
      }),
    [setParams],
  );
  const run = (queries = drafts) => {
    remember(queries);
    change((next) => {
      next.delete('query');
      for (const query of queries) if (query.trim()) next.append('query', query.trim());
    });
  };
  const edit = (index: number, text: string) => setDrafts((all) => all.map((each, i) => (i === index ? text : each)));

  // biome-ignore lint/correctness/useExhaustiveDependencies: the text says whether they are others.
  const dashboard = useMemo(
    () => loadDashboard(metricsBoard(asked, source?.uid ?? '', step), datasources),
    [written, source, step, datasources],
  );
  const recent = recentQueries();
  const suggested = recent.length ? recent.slice(0, 20) : examples;
  const menu = (
    <Menu>
      {suggested.map((query) => (
        <Menu.Item
          key={query}
          label={query.length > 80 ? `${query.slice(0, 78)} …` : query}
          onClick={() => run([query])}
        />
      ))}
    </Menu>
  );
  if (!source) return <Empty title="No metrics store is behind this portal" />;
  return (
    <>
      <section className={styles.ask} aria-label="Queries">
        {drafts.map((draft, i) => (
          <div key={i} className={styles.row}>
            <QueryEditor
              label={drafts.length > 1 ? `Query ${i + 1}` : 'Query'}
              value={draft}
              url={prometheusUrl(source)}
              onChange={(text) => edit(i, text)}
              onRun={() => run()}
              autoFocus={i === 0}
            />
            {drafts.length > 1 && (
              <IconButton
                name="trash-alt"
                aria-label={`Remove query ${i + 1}`}
                onClick={() => {
                  const rest = drafts.filter((_, k) => k !== i);
                  setDrafts(rest);
                  run(rest);
                }}
              />
            )}
          </div>
        ))}
        <div className={styles.bar}>
          <Button size="sm" icon="play" onClick={() => run()}>
            Run
          </Button>
          <Button size="sm" variant="secondary" icon="plus" onClick={() => setDrafts([...drafts, ''])}>
            Query
          </Button>
          <Dropdown overlay={menu} placement="bottom-start">
            <Button size="sm" variant="secondary" icon="history">
              {recent.length ? 'Recent' : 'Examples'}
            </Button>
          </Dropdown>
          <span className={styles.space} />
          {sources.length > 1 && (
            <Combobox
              aria-label="Data source"
              width="auto"
              minWidth={12}
              options={sources.map(({ uid, name }) => ({ value: uid, label: name }))}
              value={source.uid}
              onChange={({ value }) => change((next) => next.set('datasource', value))}
            />
          )}
          <Combobox
            aria-label="Step"
            width="auto"
            minWidth={12}
            options={steps.map((value) => ({ value, label: value ? `Step ≥ ${value}` : 'Step: automatic' }))}
            value={step}
            onChange={({ value }) => change((next) => (value ? next.set('step', value) : next.delete('step')))}
          />
        </div>
      </section>
      <DashboardView dashboard={dashboard} />
      {!asked.length && (
        <Empty title="Ask for something">
          Begin with a metric’s name: names, labels and their values are offered while you type. Enter runs the query.
        </Empty>
      )}
    </>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  ask: css({
    display: 'grid',
    gridTemplateColumns: 'minmax(0, 1fr)',
    gap: theme.spacing(1),
    padding: theme.spacing(1),
    marginBottom: theme.spacing(1.5),
    background: theme.colors.background.primary,
    borderRadius: theme.shape.radius.default,
  }),
  row: css({ display: 'flex', alignItems: 'center', gap: theme.spacing(1) }),
  bar: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(1), alignItems: 'center' }),
  space: css({ flex: 1 }),
});
