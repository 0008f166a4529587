import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Icon, useStyles2 } from '@grafana/ui';
import { useLayoutEffect, useMemo, useRef, useState } from 'react';
import { interpolate } from '../variables/interpolate';
import { useDashboard } from './context';
import { isOpen, layout, sectionsOf } from './layout';
import type { Panel } from './model';
import { PanelFrame } from './PanelFrame';

const line = 30;
const gap = 8;
/** From here down panels are one below the other. */
const narrowWidth = 700;

function useWidth() {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = ref.current!;
    const measure = () => setWidth(element.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, width] as const;
}

function Row({ row, open, onToggle }: { row: Panel; open: boolean; onToggle: () => void }) {
  const styles = useStyles2(getStyles);
  const { scope } = useDashboard();
  const title = interpolate(row.title ?? '', { ...scope, scoped: row.scoped });
  const count = row.panels?.length ?? 0;
  return (
    <button type="button" className={styles.row} aria-expanded={open} onClick={onToggle} data-testid={`row ${title}`}>
      <Icon name={open ? 'angle-down' : 'angle-right'} aria-hidden /> <span>{title}</span>
      {!open && count > 0 && <span className={styles.count}>({count === 1 ? '1 panel' : `${count} panels`})</span>}
    </button>
  );
}

/** All panels where they belong; or one of them alone. */
export function Grid({ viewed }: { viewed?: string }) {
  const { dashboard, variables } = useDashboard();
  const styles = useStyles2(getStyles);
  const [ref, width] = useWidth();
  const [toggled, setToggled] = useState<ReadonlyMap<string, boolean>>(new Map());
  const narrow = width < narrowWidth;

  const all = useMemo(() => {
    if (viewed === undefined) return layout(dashboard.panels, variables, toggled, narrow);
    // A panel of a closed row can be viewed, too.
    const rows = sectionsOf(dashboard.panels).flatMap(({ row }) => (row ? [[row.key, true] as const] : []));
    return layout(dashboard.panels, variables, new Map(rows), narrow);
  }, [dashboard, variables, toggled, narrow, viewed]);
  const alone =
    viewed === undefined
      ? undefined
      : all.items.find((each) => each.key === viewed || String(each.id) === viewed.replace(/^panel-/, ''));

  const toggle = (row: Panel) => setToggled((old) => new Map(old).set(row.key, !isOpen(row, old)));
  const column = (width + gap) / 24;
  const box = ({ x, y, w, h }: Panel['gridPos']) => ({
    left: x * column,
    top: y * (line + gap),
    width: w * column - gap,
    height: h * (line + gap) - gap,
  });
  if (viewed !== undefined) {
    const height = Math.max(320, window.innerHeight - 140);
    return (
      <div ref={ref} style={{ position: 'relative', height }}>
        {alone && width > 0 && (
          <PanelFrame key={alone.key} panel={alone} left={0} top={0} width={width} height={height} alone />
        )}
        {!alone && <p>There is no panel {viewed} on this dashboard.</p>}
      </div>
    );
  }
  return (
    <div ref={ref} className={styles.grid} style={{ height: all.height * (line + gap) }} data-testid="grid">
      {width > 0 &&
        all.items.map((panel) => {
          const place = box(panel.gridPos);
          if (panel.type !== 'row') return <PanelFrame key={panel.key} panel={panel} {...place} />;
          return (
            <div key={panel.key} className={styles.place} style={place}>
              <Row row={panel} open={isOpen(panel, toggled)} onToggle={() => toggle(panel)} />
            </div>
          );
        })}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  grid: css({ position: 'relative' }),
  place: css({ position: 'absolute' }),
  row: css({
    display: 'flex',
    alignItems: 'center',
    gap: theme.spacing(0.5),
    width: '100%',
    height: line,
    padding: 0,
    border: 'none',
    background: 'none',
    color: theme.colors.text.primary,
    fontSize: theme.typography.h5.fontSize,
    fontWeight: theme.typography.fontWeightMedium,
    '& span': { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
    '&:hover': { color: theme.colors.text.maxContrast },
  }),
  count: css({ color: theme.colors.text.secondary, fontWeight: theme.typography.fontWeightRegular }),
});
