import { dateTimeFormat, FieldType, formattedValueToString, getValueFormat } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import { useEffect, useMemo, useRef, useState } from 'react';
import { fromBuckets, fromValues, palette } from './heatmap';
import { axisTicks, tickFormat } from './timeline';
import type { PanelViewProps } from './types';

const bottom = 20;

/** How often values of each size were there, over time. */
export default function HeatmapPanel({ panel, data, width, height, range, timeZone }: PanelViewProps) {
  const theme = useTheme2();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [hover, setHover] = useState('');
  const { options } = panel;
  const heatmap = useMemo(() => {
    const buckets = options.calculate === true ? undefined : fromBuckets(data);
    return buckets ?? fromValues(data, Math.max(10, Math.floor(width / 12)), Math.max(5, Math.floor(height / 16)));
  }, [data, options.calculate, width, height]);
  const unit =
    options.yAxis?.unit ??
    panel.fieldConfig.defaults.unit ??
    data[0]?.fields.find((field) => field.type === FieldType.number)?.config.unit ??
    'short';
  const format = (value: number) => formattedValueToString(getValueFormat(unit)(value, options.yAxis?.decimals));
  const labelOf = (label: string) => {
    const number = Number(label.replace('+Inf', 'Infinity'));
    return Number.isFinite(number) ? format(number) : label;
  };
  const colors = useMemo(() => {
    const { scheme, steps = 64, reverse = false, mode, fill } = options.color ?? {};
    if (mode === 'opacity') {
      const base = theme.visualization.getColorByName(fill ?? 'dark-orange');
      return Array.from(
        { length: 32 },
        (_, i) => `color-mix(in srgb, ${base} ${Math.round(((i + 1) / 32) * 100)}%, transparent)`,
      );
    }
    return palette(scheme, Math.max(2, steps), reverse, theme.isDark);
  }, [options.color, theme]);
  const left = 56;
  const [plotWidth, plotHeight] = [width - left, height - bottom];
  const [from, to] = [range.from.valueOf(), range.to.valueOf()];

  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (!element || !context || !heatmap) return;
    const ratio = devicePixelRatio;
    element.width = plotWidth * ratio;
    element.height = plotHeight * ratio;
    context.scale(ratio, ratio);
    context.clearRect(0, 0, plotWidth, plotHeight);
    const counts = heatmap.rows.flatMap((row) => row.counts).filter((count): count is number => Boolean(count));
    const least = options.color?.min ?? 0;
    const most = options.color?.max ?? counts.reduce((a, b) => Math.max(a, b), 0);
    const exponent =
      options.color?.mode === 'opacity' || options.color?.scale === 'exponential'
        ? (options.color?.exponent ?? 0.5)
        : 1;
    const wide = (heatmap.step / (to - from)) * plotWidth;
    const tall = plotHeight / heatmap.rows.length;
    heatmap.rows.forEach((row, i) => {
      row.counts.forEach((count, k) => {
        if (!count || count <= (options.filterValues?.le ?? 1e-9)) return;
        const part = Math.min(1, Math.max(0, (count - least) / (most - least || 1))) ** exponent;
        context.fillStyle = colors[Math.min(colors.length - 1, Math.floor(part * colors.length))]!;
        const x = ((heatmap.times[k]! - from) / (to - from)) * plotWidth;
        context.fillRect(x + 0.5, plotHeight - (i + 1) * tall + 0.5, Math.max(1, wide - 1), Math.max(1, tall - 1));
      });
    });
  }, [heatmap, plotWidth, plotHeight, from, to, colors, options]);

  if (!heatmap) return <div>No data</div>;
  const tall = plotHeight / heatmap.rows.length;
  const every = Math.max(1, Math.ceil(18 / tall));
  const tell = (event: React.MouseEvent<HTMLCanvasElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const row = heatmap.rows[Math.floor((plotHeight - (event.clientY - box.top)) / tall)];
    const at = from + ((event.clientX - box.left) / plotWidth) * (to - from);
    const column = heatmap.times.findIndex((time) => time <= at && at < time + heatmap.step);
    const count = row?.counts[column];
    setHover(
      row && count != null
        ? `${dateTimeFormat(heatmap.times[column]!, { timeZone })}\n${labelOf(row.label)}: ${Number(count.toPrecision(4))}`
        : '',
    );
  };
  return (
    <div style={{ position: 'relative', width, height }}>
      <canvas
        ref={canvas}
        title={hover}
        aria-label={panel.title}
        onMouseMove={tell}
        style={{ position: 'absolute', left, width: plotWidth, height: plotHeight }}
      />
      <svg
        width={width}
        height={height}
        fontSize={11}
        fill={theme.colors.text.secondary}
        style={{ position: 'absolute', pointerEvents: 'none' }}
        aria-hidden="true"
      >
        {heatmap.rows.map((row, i) =>
          i % every === 0 ? (
            <text
              key={row.label + i}
              x={left - 6}
              y={plotHeight - (i + (row.from === undefined ? 0.5 : 0)) * tall + 4}
              textAnchor="end"
            >
              {labelOf(row.label)}
            </text>
          ) : null,
        )}
        {axisTicks(from, to, plotWidth).map((tick) => (
          <text key={tick} x={left + ((tick - from) / (to - from)) * plotWidth} y={height - 5} textAnchor="middle">
            {dateTimeFormat(tick, { format: tickFormat(from, to), timeZone })}
          </text>
        ))}
      </svg>
    </div>
  );
}
