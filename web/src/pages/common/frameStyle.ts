import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';

/** A page within ours: all of the room below the header, which is 40 pixels high; the shell's padding is taken back. */
export const frameStyle = (theme: GrafanaTheme2): string => {
  const filling = (padding: string) => ({ width: `calc(100% + 2 * ${padding})`, margin: `calc(-1 * ${padding})` });
  return css({
    display: 'block',
    height: 'calc(100vh - 40px)',
    minHeight: 480,
    border: 0,
    ...filling(theme.spacing(2)),
    [theme.breakpoints.down('sm')]: filling(theme.spacing(1)),
  });
};
