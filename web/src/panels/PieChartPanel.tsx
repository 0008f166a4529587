import { formattedValueToString } from '@grafana/data';
import { LegendDisplayMode } from '@grafana/schema';
import { useTheme2, VizLayout, VizLegend, type VizLegendItem } from '@grafana/ui';
import { useMemo, useState } from 'react';
import { displayValues } from './displayValues';
import { slicePath, slicesOf } from './pie';
import type { PanelViewProps } from './types';

/** Parts of a whole, as a pie or a ring. */
export default function PieChartPanel(props: PanelViewProps) {
  const { panel, width, height } = props;
  const { options } = panel;
  const theme = useTheme2();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const values = useMemo(() => displayValues(props, theme), [props, theme]);
  const slices = useMemo(
    () =>
      slicesOf(
        values.map((each) => each.display),
        hidden,
        options.sort,
      ),
    [values, hidden, options.sort],
  );
  const total = slices.reduce((sum, slice) => sum + slice.value, 0);
  const wanted: string[] = options.legend?.values ?? [];
  const percent = (value: number) => `${total ? ((value / total) * 100).toFixed(value / total < 0.1 ? 1 : 0) : 0}%`;

  const items: VizLegendItem[] = values.map(({ display }) => ({
    label: display.title ?? '',
    color: display.color,
    yAxis: 1,
    disabled: hidden.has(display.title ?? ''),
    getDisplayValues: () => [
      ...(wanted.includes('value')
        ? [{ numeric: display.numeric, text: formattedValueToString(display), title: 'Value' }]
        : []),
      ...(wanted.includes('percent')
        ? [{ numeric: display.numeric / total, text: percent(display.numeric), title: 'Percent' }]
        : []),
    ],
  }));
  const toggle = (label: string) =>
    setHidden((old) => {
      const next = new Set(old);
      if (!next.delete(label)) next.add(label);
      return next;
    });
  const legend =
    options.legend?.showLegend === false ? null : (
      <VizLegend
        placement={options.legend?.placement ?? 'bottom'}
        displayMode={options.legend?.displayMode ?? LegendDisplayMode.List}
        items={items}
        onLabelClick={(item) => toggle(item.label)}
      />
    );
  return (
    <VizLayout
      width={width}
      height={height}
      legend={legend && <VizLayout.Legend placement={options.legend?.placement ?? 'bottom'}>{legend}</VizLayout.Legend>}
    >
      {(w, h) => {
        const radius = Math.max(4, Math.min(w, h) / 2 - 6);
        const inner = options.pieType === 'donut' ? radius * 0.6 : 0;
        const labels: string[] = options.displayLabels ?? [];
        return (
          <svg width={w} height={h} role="img" aria-label={panel.title}>
            <g transform={`translate(${w / 2} ${h / 2})`}>
              {slices.map(({ display, value, from, to }) => {
                const middle = (from + to) * Math.PI - Math.PI / 2;
                const at = (radius + inner) / 2 + (inner ? 0 : radius * 0.15);
                const parts = [
                  labels.includes('name') && display.title,
                  labels.includes('value') && formattedValueToString(display),
                  labels.includes('percent') && percent(value),
                ].filter(Boolean);
                return (
                  <g key={display.title}>
                    <path
                      d={slicePath(radius, inner, from, to)}
                      fill={display.color}
                      stroke={theme.colors.background.primary}
                      strokeWidth={2}
                    >
                      <title>{`${display.title}: ${formattedValueToString(display)} (${percent(value)})`}</title>
                    </path>
                    {parts.length > 0 && to - from > 0.04 && (
                      <text
                        x={at * Math.cos(middle)}
                        y={at * Math.sin(middle)}
                        textAnchor="middle"
                        fontSize={11}
                        fill={theme.colors.getContrastText(display.color ?? '#000')}
                      >
                        {parts.join(' ')}
                      </text>
                    )}
                  </g>
                );
              })}
            </g>
          </svg>
        );
      }}
    </VizLayout>
  );
}
