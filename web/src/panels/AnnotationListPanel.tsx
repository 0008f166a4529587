import { css } from '@emotion/css';
import { dateTimeFormat, type GrafanaTheme2 } from '@grafana/data';
import { useStyles2, useTheme2 } from '@grafana/ui';
import type { PanelViewProps } from './types';

/** The events that are marked in the graphs, as a list. */
export default function AnnotationListPanel({ annotations, height, timeZone, panel }: PanelViewProps) {
  const styles = useStyles2(getStyles);
  const theme = useTheme2();
  if (!annotations.length) return <div>No events</div>;
  return (
    <ul className={styles.list} style={{ height }}>
      {[...annotations]
        .reverse()
        .slice(0, panel.options.limit ?? 50)
        .map(({ time, title, text, color }, i) => (
          <li key={i} style={{ borderLeftColor: theme.visualization.getColorByName(color) }}>
            <span>{dateTimeFormat(time, { timeZone })}</span> {title} {text}
          </li>
        ))}
    </ul>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  list: css({
    overflow: 'auto',
    listStyle: 'none',
    '& li': { borderLeft: '3px solid', padding: theme.spacing(0.5, 1) },
    '& span': { color: theme.colors.text.secondary },
  }),
});
