import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { useEffect, useState } from 'react';
import { base } from '../boot/base';
import { linkUrl } from '../dashboard/DashboardLinks';
import { type DashboardEntry, dashboardList } from '../dashboard/list';
import type { PanelViewProps } from './types';

/** Links to dashboards: by tags, folder, or a word in their titles. */
export default function DashListPanel({ panel, scope, height }: PanelViewProps) {
  const styles = useStyles2(getStyles);
  const [all, setAll] = useState<DashboardEntry[]>([]);
  const { options } = panel;
  useEffect(() => {
    dashboardList().then(setAll, () => setAll([]));
  }, []);
  const tags: string[] = options.tags ?? [];
  const folder = options.folderTitle ?? options.folderUID;
  const found = all
    .filter((entry) => tags.every((tag) => entry.tags?.includes(tag)))
    .filter((entry) => !folder || entry.folder === folder)
    .filter((entry) => !options.query || entry.title.toLowerCase().includes(String(options.query).toLowerCase()))
    .slice(0, options.maxItems || 50);
  const link = { keepTime: options.keepTime, includeVars: options.includeVars };
  return (
    <ul className={styles.list} style={{ height }}>
      {found.map((entry) => (
        <li key={entry.uid}>
          <a href={linkUrl(`${base}d/${encodeURIComponent(entry.uid)}`, link, scope)}>{entry.title}</a>
          <span>{entry.folder}</span>
        </li>
      ))}
    </ul>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  list: css({
    overflow: 'auto',
    listStyle: 'none',
    '& li': { display: 'flex', justifyContent: 'space-between', padding: theme.spacing(0.5, 0.5) },
    '& a': { color: theme.colors.text.link },
    '& span': { color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize },
  }),
});
