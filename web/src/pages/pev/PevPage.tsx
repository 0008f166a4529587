import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2, useTheme2 } from '@grafana/ui';
import { useEffect } from 'react';
import { base } from '../../boot/base';
import { frameStyle } from '../common/frameStyle';

/** Shows execution plans. What draws them is a page of its own (`visualizer.ts`), which is loaded here. */
export function PevPage() {
  const styles = useStyles2(getStyles);
  const { isDark } = useTheme2();
  useEffect(() => {
    document.title = 'EXPLAIN · Staddle';
  }, []);
  const src = `${base}pev.html?theme=${isDark ? 'dark' : 'light'}${location.hash}`;
  return <iframe className={styles.frame} title="Execution plan" src={src} />;
}

const getStyles = (theme: GrafanaTheme2) => ({ frame: frameStyle(theme) });
