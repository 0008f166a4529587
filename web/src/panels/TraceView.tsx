import { css } from '@emotion/css';
import { formattedValueToString, type GrafanaTheme2, getValueFormat } from '@grafana/data';
import { Icon, useStyles2, useTheme2 } from '@grafana/ui';
import { useMemo, useState } from 'react';
import type { JaegerTrace } from '../data/queryTraces';
import { type SpanRow, spanRows } from './trace';

const micro = getValueFormat('µs');
const time = (duration: number) => formattedValueToString(micro(duration, 2));

function Span({ row, color }: { row: SpanRow; color: string }) {
  const styles = useStyles2(getStyles);
  const [open, setOpen] = useState(false);
  const { span, depth, from, length, error, service } = row;
  return (
    <li>
      <button type="button" className={styles.row} aria-expanded={open} onClick={() => setOpen(!open)}>
        <span className={styles.name} style={{ paddingLeft: 8 + depth * 14, boxShadow: `inset 3px 0 ${color}` }}>
          {error && <Icon name="exclamation-circle" size="sm" aria-label="error" />} <strong>{service}</strong>{' '}
          {span.operationName}
        </span>
        <span className={styles.lane}>
          <span
            className={styles.bar}
            style={{ left: `${from * 100}%`, width: `max(2px, ${length * 100}%)`, background: color }}
          />
          <span
            className={styles.duration}
            style={from > 0.6 ? { right: `${(1 - from) * 100}%` } : { left: `${(from + length) * 100}%` }}
          >
            {time(span.duration)}
          </span>
        </span>
      </button>
      {open && (
        <dl className={styles.details}>
          {(span.tags ?? []).map(({ key, value }) => (
            <div key={key}>
              <dt>{key}</dt>
              <dd>{String(value)}</dd>
            </div>
          ))}
        </dl>
      )}
    </li>
  );
}

/** A trace: its spans below each other, each as a bar over the time that it took. */
export function TraceView({ trace, height }: { trace: JaegerTrace; height?: number }) {
  const styles = useStyles2(getStyles);
  const theme = useTheme2();
  const { rows, duration } = useMemo(() => spanRows(trace), [trace]);
  const services = [...new Set(rows.map((row) => row.service))];
  const color = (row: SpanRow) => {
    if (row.error) return theme.colors.error.main;
    const { palette } = theme.visualization;
    return theme.visualization.getColorByName(palette[services.indexOf(row.service) % palette.length]!);
  };
  return (
    <div className={styles.box} style={{ height }}>
      <div className={styles.head}>
        {trace.traceID} · {rows.length} spans · {time(duration)}
      </div>
      <ul className={styles.list}>
        {rows.map((row) => (
          <Span key={row.span.spanID} row={row} color={color(row)} />
        ))}
      </ul>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  box: css({ overflow: 'auto', fontSize: 12 }),
  head: css({ padding: theme.spacing(0.5, 1), color: theme.colors.text.secondary }),
  list: css({ listStyle: 'none' }),
  row: css({
    display: 'grid',
    gridTemplateColumns: 'minmax(160px, 35%) 1fr',
    width: '100%',
    height: 24,
    padding: 0,
    border: 'none',
    background: 'none',
    color: theme.colors.text.primary,
    textAlign: 'left',
    '&:hover': { background: theme.colors.action.hover },
  }),
  name: css({ overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap', lineHeight: '24px' }),
  lane: css({ position: 'relative', margin: theme.spacing(0, 1), overflow: 'hidden' }),
  bar: css({ position: 'absolute', top: 6, height: 12, borderRadius: 2 }),
  duration: css({
    position: 'absolute',
    top: 4,
    padding: theme.spacing(0, 0.5),
    color: theme.colors.text.secondary,
    whiteSpace: 'nowrap',
  }),
  details: css({
    margin: theme.spacing(0, 0, 1, 4),
    '& > div': { display: 'flex', gap: theme.spacing(2) },
    '& dt': { minWidth: 180, color: theme.colors.text.secondary, fontWeight: 'normal' },
    '& dd': { overflowWrap: 'anywhere' },
  }),
});
