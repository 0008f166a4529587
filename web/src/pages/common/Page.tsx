import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Alert, useStyles2 } from '@grafana/ui';
import { type ReactNode, useEffect } from 'react';

interface Props {
  title: string;
  /** Beside the title. */
  tools?: ReactNode;
  /** What could not be asked, and why. What was there before stays. */
  error?: string;
  children: ReactNode;
}

/** The frame of a page that is no dashboard. */
export function Page({ title, tools, error, children }: Props) {
  const styles = useStyles2(getStyles);
  useEffect(() => {
    document.title = `${title} · Staddle`;
  }, [title]);
  return (
    <div className={styles.page}>
      <div className={styles.head}>
        <h1 className={styles.title}>{title}</h1>
        {tools}
      </div>
      {error && (
        <Alert title="This is not up to date: the last request failed" severity="error">
          {error}
        </Alert>
      )}
      {children}
    </div>
  );
}

/** What stands where there is nothing. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.empty} role="status">
      <strong>{title}</strong>
      {children && <div>{children}</div>}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  page: css({ display: 'grid', gap: theme.spacing(1.5), gridTemplateColumns: 'minmax(0, 1fr)' }),
  head: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(1) }),
  title: css({ fontSize: theme.typography.h4.fontSize, margin: theme.spacing(0, 1, 0, 0) }),
  empty: css({
    display: 'grid',
    gap: theme.spacing(0.5),
    padding: theme.spacing(6, 2),
    textAlign: 'center',
    color: theme.colors.text.secondary,
    background: theme.colors.background.primary,
    borderRadius: theme.shape.radius.default,
    '& strong': { color: theme.colors.text.primary, fontSize: theme.typography.h5.fontSize },
  }),
});
