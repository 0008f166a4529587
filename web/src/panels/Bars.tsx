import { type DisplayValue, formattedValueToString } from '@grafana/data';
import { measureText, useTheme2 } from '@grafana/ui';

export interface Bar {
  value: number;
  display: DisplayValue;
  name: string;
  href?: string;
}

export interface BarGroup {
  label: string;
  bars: Bar[];
}

interface Props {
  groups: BarGroup[];
  width: number;
  height: number;
  horizontal?: boolean;
  stacked?: boolean;
  showValue?: 'auto' | 'always' | 'never';
  format: (value: number) => string;
  opacity?: number;
  title?: string;
  /** No space between groups, as in a histogram. */
  tight?: boolean;
  min?: number;
  max?: number;
}

/** Round numbers from the least to the greatest. */
export function niceTicks(min: number, max: number, count: number): number[] {
  const raw = (max - min) / Math.max(1, count);
  if (!(raw > 0)) return [min];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= raw)!;
  const ticks: number[] = [];
  for (let tick = Math.ceil(min / step) * step; tick <= max + step * 1e-9; tick += step)
    ticks.push(Number(tick.toPrecision(12)));
  return ticks;
}

/** Bars in groups, side by side or on each other. */
export function Bars({
  groups,
  width,
  height,
  horizontal,
  stacked,
  showValue = 'auto',
  format,
  opacity = 0.8,
  title,
  tight,
  min,
  max,
}: Props) {
  const theme = useTheme2();
  const sums = groups.map(({ bars }) => bars.reduce((sum, bar) => sum + Math.max(0, bar.value), 0));
  const all = stacked ? sums : groups.flatMap(({ bars }) => bars.map((bar) => bar.value));
  const high = max ?? Math.max(0, ...all) * 1.05;
  const low = min ?? Math.min(0, ...groups.flatMap(({ bars }) => bars.map((bar) => bar.value)));
  const labelWidth = Math.min(
    (horizontal ? width : 200) * 0.4,
    Math.max(20, ...groups.map(({ label }) => measureText(label, 12).width)) + 10,
  );
  const ticks = niceTicks(low, high || 1, (horizontal ? width : height) / 60);
  const axis = horizontal ? 18 : Math.max(...ticks.map((tick) => measureText(format(tick), 12).width)) + 10;
  const [left, bottom] = horizontal ? [labelWidth, axis] : [axis, 20];
  const [plotWidth, plotHeight] = [Math.max(1, width - left - 8), Math.max(1, height - bottom - 6)];
  const span = high - low || 1;
  const band = (horizontal ? plotHeight : plotWidth) / Math.max(1, groups.length);
  const space = tight ? 0.02 : 0.3;
  const along = (value: number) => ((value - low) / span) * (horizontal ? plotWidth : plotHeight);
  const every = horizontal
    ? Math.ceil(14 / band)
    : Math.ceil((Math.max(0, ...groups.map(({ label }) => measureText(label, 12).width)) + 8) / band);
  return (
    <svg width={width} height={height} fontSize={12} role="img" aria-label={title}>
      {ticks.map((tick) => {
        const at = along(tick);
        return horizontal ? (
          <g key={tick}>
            <line x1={left + at} x2={left + at} y1={6} y2={6 + plotHeight} stroke={theme.colors.border.weak} />
            <text x={left + at} y={height - 4} textAnchor="middle" fill={theme.colors.text.secondary}>
              {format(tick)}
            </text>
          </g>
        ) : (
          <g key={tick}>
            <line
              x1={left}
              x2={width - 8}
              y1={6 + plotHeight - at}
              y2={6 + plotHeight - at}
              stroke={theme.colors.border.weak}
            />
            <text x={left - 6} y={10 + plotHeight - at} textAnchor="end" fill={theme.colors.text.secondary}>
              {format(tick)}
            </text>
          </g>
        );
      })}
      {groups.map(({ label, bars }, i) => {
        let base = 0;
        const thick = (band * (1 - space)) / (stacked ? 1 : bars.length || 1);
        return (
          <g key={i}>
            {i % Math.max(1, every) === 0 &&
              (horizontal ? (
                <text x={left - 6} y={6 + (i + 0.5) * band + 4} textAnchor="end" fill={theme.colors.text.primary}>
                  {label.length * 7 > labelWidth ? `${label.slice(0, Math.floor(labelWidth / 7))}…` : label}
                </text>
              ) : (
                <text
                  x={left + (i + (tight ? 0 : 0.5)) * band}
                  y={height - 4}
                  textAnchor="middle"
                  fill={theme.colors.text.primary}
                >
                  {label}
                </text>
              ))}
            {bars.map((bar, k) => {
              const [from, to] = stacked ? [base, base + bar.value] : [Math.max(low, 0), bar.value];
              if (stacked) base = to;
              const start = Math.min(along(from), along(to));
              const length = Math.max(0, Math.abs(along(to) - along(from)));
              const side = i * band + (band * space) / 2 + (stacked ? 0 : k * thick);
              const box = horizontal
                ? { x: left + start, y: 6 + side, width: length, height: Math.max(1, thick - 1) }
                : { x: left + side, y: 6 + plotHeight - start - length, width: Math.max(1, thick - 1), height: length };
              const text = formattedValueToString(bar.display);
              const roomy =
                showValue === 'always' ||
                (showValue === 'auto' && (horizontal ? thick > 13 : thick > text.length * 6.5));
              const body = (
                <>
                  <rect {...box} fill={bar.display.color} fillOpacity={opacity} stroke={bar.display.color}>
                    <title>{`${label}\n${bar.name}: ${text}`}</title>
                  </rect>
                  {roomy && length > 0 && (
                    <text
                      x={
                        horizontal
                          ? Math.min(box.x + box.width + 4, width - 8 - text.length * 6.5)
                          : box.x + box.width / 2
                      }
                      y={horizontal ? box.y + box.height / 2 + 4 : Math.max(14, box.y + (stacked ? 14 : -3))}
                      textAnchor={horizontal ? 'start' : 'middle'}
                      fill={theme.colors.text.primary}
                    >
                      {text}
                    </text>
                  )}
                </>
              );
              return bar.href ? (
                <a key={k} href={bar.href}>
                  {body}
                </a>
              ) : (
                <g key={k}>{body}</g>
              );
            })}
          </g>
        );
      })}
    </svg>
  );
}
