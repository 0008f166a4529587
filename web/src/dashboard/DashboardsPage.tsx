import { css } from '@emotion/css';
import { fuzzySearch, type GrafanaTheme2 } from '@grafana/data';
import { Alert, FilterInput, TagList, useStyles2 } from '@grafana/ui';
import { useEffect, useMemo, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { getJson } from '../data/http';
import type { DashboardEntry } from './list';

/** All dashboards by folder; with a search, and `?tag=`. */
export function DashboardsPage() {
  const styles = useStyles2(getStyles);
  const [entries, setEntries] = useState<DashboardEntry[]>([]);
  const [error, setError] = useState('');
  const [search, setSearch] = useState('');
  const [params, setParams] = useSearchParams();
  const tags = params.getAll('tag');

  useEffect(() => {
    document.title = 'Dashboards · Staddle';
    getJson<DashboardEntry[]>('api/dashboards').then(setEntries, (reason: Error) => setError(reason.message));
  }, []);

  const folders = useMemo(() => {
    const wanted = entries.filter((entry) => tags.every((tag) => entry.tags?.includes(tag)));
    const texts = wanted.map((entry) => `${entry.folder ?? ''} ${entry.title} ${entry.tags?.join(' ') ?? ''}`);
    const found = search ? fuzzySearch(texts, search).map((i) => wanted[i]!) : wanted;
    const grouped = new Map<string, DashboardEntry[]>();
    for (const entry of found) grouped.set(entry.folder ?? '', [...(grouped.get(entry.folder ?? '') ?? []), entry]);
    return [...grouped].sort(([a], [b]) => a.localeCompare(b));
  }, [entries, search, tags]);

  return (
    <div className={styles.page}>
      <h1>Dashboards</h1>
      {error && <Alert title="The list of dashboards can't be had">{error}</Alert>}
      <FilterInput placeholder="Search" aria-label="Search dashboards" value={search} onChange={setSearch} autoFocus />
      {tags.length > 0 && (
        <TagList tags={tags} onClick={(tag) => setParams({ tag: tags.filter((each) => each !== tag) })} />
      )}
      {folders.map(([folder, found]) => (
        <section key={folder}>
          <h2 className={styles.folder}>{folder || 'General'}</h2>
          <ul className={styles.list}>
            {found.map((entry) => (
              <li key={entry.uid} className={styles.entry}>
                <Link to={`/d/${encodeURIComponent(entry.uid)}`}>{entry.title}</Link>
                <TagList tags={entry.tags ?? []} onClick={(tag) => setParams({ tag: [...new Set([...tags, tag])] })} />
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  page: css({ maxWidth: 960, margin: '0 auto', display: 'grid', gap: theme.spacing(2) }),
  folder: css({ fontSize: theme.typography.h4.fontSize, textTransform: 'capitalize' }),
  list: css({
    listStyle: 'none',
    background: theme.colors.background.primary,
    borderRadius: theme.shape.radius.default,
  }),
  entry: css({
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(1),
    justifyContent: 'space-between',
    padding: theme.spacing(1, 2),
    borderBottom: `1px solid ${theme.colors.border.weak}`,
    '& a': { color: theme.colors.text.link },
  }),
});
