import { css, cx } from '@emotion/css';
import { dateTimeFormat, type GrafanaTheme2 } from '@grafana/data';
import { useStyles2, useTheme2 } from '@grafana/ui';
import { memo, useMemo, useState } from 'react';
import { base } from '../boot/base';
import { type Row, rowsOf, spanOf } from './logRows';
import type { PanelViewProps } from './types';

const colors: Record<string, string> = {
  critical: 'purple',
  error: 'red',
  warning: 'orange',
  info: 'green',
  debug: 'blue',
  trace: 'light-blue',
  unknown: 'rgba(128,128,128,0.5)',
};

/** How many lines are drawn at once; the rest on demand. */
const page = 100;

interface LineProps {
  row: Row;
  timeZone: string;
  wrap: boolean;
  showTime: boolean;
  details: boolean;
  labels: string[];
}

const Line = memo(function Line({ row, timeZone, wrap, showTime, details, labels }: LineProps) {
  const styles = useStyles2(getStyles);
  const theme = useTheme2();
  const [open, setOpen] = useState(false);
  const color = theme.visualization.getColorByName(colors[row.level]!);
  const span = open ? spanOf(row) : undefined;
  return (
    <li className={styles.line} style={{ borderLeftColor: color }} data-level={row.level}>
      <button
        type="button"
        className={cx(styles.button, wrap && styles.wrap)}
        aria-expanded={open}
        disabled={!details}
        onClick={() => setOpen(!open)}
      >
        {showTime && (
          <time className={styles.time}>
            {dateTimeFormat(row.time, { timeZone, format: 'YYYY-MM-DD HH:mm:ss.SSS' })}
          </time>
        )}
        {labels.map(
          (name) =>
            row.labels[name] && <span key={name} className={styles.time}>{`${name}=${row.labels[name]} `}</span>,
        )}
        <span>{row.line}</span>
      </button>
      {open && (
        <table className={styles.details}>
          <tbody>
            {span && (
              <tr>
                <th scope="row">trace</th>
                <td>
                  <a className={styles.link} href={`${base}explore/traces?${span}`}>
                    Its span
                  </a>
                </td>
              </tr>
            )}
            {Object.entries(row.labels)
              .sort(([a], [b]) => a.localeCompare(b))
              .map(([name, value]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{value}</td>
                </tr>
              ))}
          </tbody>
        </table>
      )}
    </li>
  );
});

/** Log lines; a click shows the fields of one. */
export default function LogsPanel({ panel, data, height, timeZone }: PanelViewProps) {
  const styles = useStyles2(getStyles);
  const { options } = panel;
  const [shown, setShown] = useState(page);
  const rows = useMemo(() => {
    const all = rowsOf(data).sort((a, b) => b.time - a.time);
    return options.sortOrder === 'Ascending' ? all.reverse() : all;
  }, [data, options.sortOrder]);
  const labels = options.showLabels ? ['cls', 'ins', 'job', 'src'] : [];
  return (
    <ul className={styles.list} style={{ height }} aria-label={panel.title}>
      {rows.slice(0, shown).map((row, i) => (
        <Line
          key={`${row.time} ${i}`}
          row={row}
          timeZone={timeZone}
          wrap={Boolean(options.wrapLogMessage)}
          showTime={options.showTime !== false}
          details={options.enableLogDetails !== false}
          labels={labels}
        />
      ))}
      {rows.length > shown && (
        <li>
          <button type="button" className={styles.more} onClick={() => setShown(shown + page * 2)}>
            {rows.length - shown} more lines
          </button>
        </li>
      )}
    </ul>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  list: css({
    overflow: 'auto',
    margin: 0,
    listStyle: 'none',
    fontFamily: theme.typography.fontFamilyMonospace,
    fontSize: 12,
  }),
  line: css({ borderLeft: '4px solid', '&:hover': { background: theme.colors.action.hover } }),
  button: css({
    display: 'block',
    width: '100%',
    padding: theme.spacing(0.25, 1),
    border: 'none',
    background: 'none',
    font: 'inherit',
    color: theme.colors.text.primary,
    textAlign: 'left',
    whiteSpace: 'pre',
    overflow: 'hidden',
    textOverflow: 'ellipsis',
  }),
  wrap: css({ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }),
  time: css({ color: theme.colors.text.secondary, marginRight: theme.spacing(1) }),
  details: css({
    margin: theme.spacing(0.5, 2, 1),
    '& th': {
      color: theme.colors.text.secondary,
      paddingRight: theme.spacing(2),
      textAlign: 'left',
      verticalAlign: 'top',
      fontWeight: 'normal',
    },
    '& td': { overflowWrap: 'anywhere' },
  }),
  link: css({ color: theme.colors.text.link, textDecoration: 'underline' }),
  more: css({
    width: '100%',
    padding: theme.spacing(1),
    border: 'none',
    background: 'none',
    color: theme.colors.text.link,
  }),
});
