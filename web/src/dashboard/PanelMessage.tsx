import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, useStyles2 } from '@grafana/ui';
import { useDashboard } from './context';
import type { Panel } from './model';

interface Props {
  kind: 'unknown' | 'empty' | 'error';
  panel: Panel;
  text?: string;
}

/** What stands in a panel that has nothing to draw, and why. */
export function PanelMessage({ kind, panel, text }: Props) {
  const styles = useStyles2(getStyles);
  const { inspect } = useDashboard();
  if (kind === 'empty') return <div className={styles.box}>{text || 'No data'}</div>;
  const message = kind === 'unknown' ? `Panels of type “${panel.type}” can't be shown here.` : text;
  return (
    <div className={styles.box} role={kind === 'error' ? 'alert' : undefined}>
      <div className={styles.text}>{message}</div>
      <Button size="sm" variant="secondary" fill="text" onClick={() => inspect(panel)}>
        {panel.targets.length ? 'See query and data' : 'See its definition'}
      </Button>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  box: css({
    display: 'flex',
    flexDirection: 'column',
    gap: theme.spacing(1),
    alignItems: 'center',
    justifyContent: 'center',
    width: '100%',
    height: '100%',
    overflow: 'auto',
    color: theme.colors.text.secondary,
    textAlign: 'center',
  }),
  text: css({ maxWidth: '100%', overflowWrap: 'anywhere', fontSize: theme.typography.bodySmall.fontSize }),
});
