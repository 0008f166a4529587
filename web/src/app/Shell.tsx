import { css, injectGlobal } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Dropdown, Icon, IconButton, Menu, useStyles2 } from '@grafana/ui';
import type { ReactNode } from 'react';
import { NavLink, useSearchParams } from 'react-router';
import { type Choice, useThemeSwitch } from '../boot/theme';
import { useConfig } from './config';

injectGlobal({ body: { margin: 0 } });

const pages = [
  ['/dashboards', 'Dashboards'],
  ['/explore/metrics', 'Metrics'],
  ['/explore/logs', 'Logs'],
  ['/explore/traces', 'Traces'],
  ['/alerts', 'Alerts'],
  ['/targets', 'Targets'],
  ['/pev', 'EXPLAIN'],
] as const;

const themes: [Choice, string][] = [
  ['system', 'As the system'],
  ['dark', 'Dark'],
  ['light', 'Light'],
];

function ThemeSwitch() {
  const { choice, choose } = useThemeSwitch();
  const menu = (
    <Menu>
      {themes.map(([each, label]) => (
        <Menu.Item key={each} label={label} active={each === choice} onClick={() => choose(each)} />
      ))}
    </Menu>
  );
  return (
    <Dropdown overlay={menu} placement="bottom-end">
      <IconButton name="adjust-circle" size="lg" aria-label="Colours: dark or light" tooltip="Dark or light" />
    </Dropdown>
  );
}

/** The page's frame: who we are and where one can go. `?kiosk` leaves it out. */
export function Shell({ children }: { children: ReactNode }) {
  const styles = useStyles2(getStyles);
  const [params] = useSearchParams();
  const { portal, user } = useConfig();
  if (params.has('kiosk')) return <main className={styles.main}>{children}</main>;
  const link = ({ isActive }: { isActive: boolean }) => (isActive ? `${styles.link} ${styles.active}` : styles.link);
  return (
    <div className={styles.page}>
      <header className={styles.header}>
        <a className={styles.brand} href={portal ?? '/'} title="The portal's home page">
          <Icon name="layer-group" aria-hidden /> <span>Staddle</span>
        </a>
        <nav className={styles.nav} aria-label="Pages">
          {pages.map(([path, label]) => (
            <NavLink key={path} to={path} className={link}>
              {label}
            </NavLink>
          ))}
        </nav>
        {user && <span className={styles.user}>{user}</span>}
        <ThemeSwitch />
      </header>
      <main className={styles.main}>{children}</main>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  page: css({ minHeight: '100vh', background: theme.colors.background.canvas }),
  header: css({
    display: 'flex',
    alignItems: 'center',
    gap: theme.spacing(1),
    height: 40,
    padding: theme.spacing(0, 2),
    background: theme.colors.background.primary,
    borderBottom: `1px solid ${theme.colors.border.weak}`,
  }),
  brand: css({
    display: 'inline-flex',
    gap: theme.spacing(1),
    alignItems: 'center',
    fontWeight: theme.typography.fontWeightMedium,
    color: theme.colors.text.maxContrast,
    [theme.breakpoints.down('sm')]: { '& span': { display: 'none' } },
  }),
  nav: css({ display: 'flex', flex: 1, minWidth: 0, overflowX: 'auto', scrollbarWidth: 'none', height: '100%' }),
  link: css({
    display: 'inline-flex',
    alignItems: 'center',
    padding: theme.spacing(0, 1.5),
    color: theme.colors.text.secondary,
    whiteSpace: 'nowrap',
    '&:hover': { color: theme.colors.text.primary },
  }),
  active: css({ color: theme.colors.text.maxContrast, boxShadow: `inset 0 -2px ${theme.colors.primary.main}` }),
  user: css({ color: theme.colors.text.secondary, [theme.breakpoints.down('md')]: { display: 'none' } }),
  main: css({ padding: theme.spacing(2), [theme.breakpoints.down('sm')]: { padding: theme.spacing(1) } }),
});
