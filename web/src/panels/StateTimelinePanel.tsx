import { css } from '@emotion/css';
import { dateTimeFormat, type GrafanaTheme2, MappingType } from '@grafana/data';
import { LegendDisplayMode } from '@grafana/schema';
import { measureText, useStyles2, useTheme2, VizLegend, type VizLegendItem } from '@grafana/ui';
import { useMemo, useState } from 'react';
import { axisTicks, type Lane, lanesOf, type Segment, tickFormat } from './timeline';
import type { PanelViewProps } from './types';

const axisHeight = 22;
const legendHeight = 26;

interface Hover {
  lane: Lane;
  segment: Segment;
  x: number;
  y: number;
}

/** What the colours mean: the texts that are drawn, each once. */
function legendItems(lanes: Lane[]): VizLegendItem[] {
  const seen = new Map<string, string>();
  for (const { segments } of lanes) for (const { text, color } of segments) seen.set(text, color);
  return [...seen].slice(0, 20).map(([label, color]) => ({ label, color, yAxis: 1 }));
}

/** States over time: as bars from change to change, or (status-history) as a box for each value. */
export default function StateTimelinePanel({ panel, data, width, height, range, timeZone }: PanelViewProps) {
  const theme = useTheme2();
  const styles = useStyles2(getStyles);
  const [hover, setHover] = useState<Hover>();
  const { options } = panel;
  const history = panel.type === 'status-history';
  const [from, to] = [range.from.valueOf(), range.to.valueOf()];
  const lanes = useMemo(
    () => lanesOf(data, to, !history && options.mergeValues !== false),
    [data, to, history, options.mergeValues],
  );
  const items = useMemo(() => legendItems(lanes), [lanes]);
  const mapped = panel.fieldConfig.defaults.mappings?.some((each) => each.type !== MappingType.SpecialValue);
  const withLegend =
    options.legend?.showLegend !== false && items.length > 0 && (mapped || items.length < 12) && height > 120;

  const left = Math.min(width * 0.4, 12 + Math.max(0, ...lanes.map((lane) => measureText(lane.name, 12).width)));
  const plotHeight = height - axisHeight - (withLegend ? legendHeight : 0);
  const rowHeight = Math.max(14, Math.min(plotHeight / Math.max(1, lanes.length), 60));
  const x = (time: number) => left + ((Math.max(time, from) - from) / (to - from)) * (width - left - 4);
  const thick = rowHeight * (options.rowHeight ?? 0.9);
  const opacity = (panel.fieldConfig.defaults.custom?.fillOpacity ?? 70) / 100;
  const withText = options.showValue !== 'never';

  return (
    <div className={styles.box} style={{ height }}>
      <div style={{ height: height - (withLegend ? legendHeight : 0), overflow: 'auto' }}>
        <svg
          width={width}
          height={Math.max(plotHeight, rowHeight * lanes.length) + axisHeight}
          fontSize={12}
          role="img"
          aria-label={panel.title}
        >
          {lanes.map((lane, i) => {
            const top = i * rowHeight + (rowHeight - thick) / 2;
            return (
              <g key={i}>
                <text
                  x={left - 8}
                  y={i * rowHeight + rowHeight / 2 + 4}
                  textAnchor="end"
                  fill={theme.colors.text.primary}
                >
                  {lane.name}
                </text>
                {lane.segments
                  .filter((segment) => segment.to > from)
                  .map((segment, k) => {
                    const start = x(segment.from);
                    const wide = Math.max(1, x(segment.to) - start - (history ? 1 : 0));
                    const fits = withText && wide > 18 && segment.text.length * 7 + 8 < wide;
                    return (
                      // biome-ignore lint/a11y/noStaticElementInteractions: the tooltip only repeats what is written.
                      <g
                        key={k}
                        data-testid="state"
                        data-text={segment.text}
                        onMouseMove={(event) => setHover({ lane, segment, x: event.clientX, y: event.clientY })}
                        onMouseLeave={() => setHover(undefined)}
                      >
                        <rect
                          x={start}
                          y={top}
                          width={wide}
                          height={thick}
                          fill={segment.color}
                          fillOpacity={opacity}
                          rx={1}
                        />
                        {fits && (
                          <text
                            x={options.alignValue === 'center' ? start + wide / 2 : start + 4}
                            textAnchor={options.alignValue === 'center' ? 'middle' : 'start'}
                            y={i * rowHeight + rowHeight / 2 + 4}
                            fill={theme.colors.getContrastText(segment.color, 2)}
                          >
                            {segment.text}
                          </text>
                        )}
                      </g>
                    );
                  })}
              </g>
            );
          })}
          {axisTicks(from, to, width - left).map((tick) => (
            <text
              key={tick}
              x={x(tick)}
              y={rowHeight * lanes.length + 16}
              textAnchor="middle"
              fill={theme.colors.text.secondary}
            >
              {dateTimeFormat(tick, { format: tickFormat(from, to), timeZone })}
            </text>
          ))}
        </svg>
      </div>
      {withLegend && <VizLegend placement="bottom" displayMode={LegendDisplayMode.List} items={items} readonly />}
      {hover && (
        <div
          className={styles.tooltip}
          style={{ left: Math.min(hover.x + 12, window.innerWidth - 260), top: hover.y + 12 }}
        >
          <strong>{hover.lane.name}</strong>
          <div>{hover.segment.text}</div>
          <div>{dateTimeFormat(hover.segment.from, { timeZone })}</div>
          <div>{dateTimeFormat(hover.segment.to, { timeZone })}</div>
        </div>
      )}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  box: css({ position: 'relative' }),
  tooltip: css({
    position: 'fixed',
    zIndex: theme.zIndex.tooltip,
    padding: theme.spacing(1),
    background: theme.colors.background.elevated,
    border: `1px solid ${theme.colors.border.weak}`,
    boxShadow: theme.shadows.z2,
    fontSize: theme.typography.bodySmall.fontSize,
    pointerEvents: 'none',
  }),
});
