import {
  dateTimeFormat,
  type Field,
  FieldType,
  formattedValueToString,
  getFieldDisplayName,
  outerJoinDataFrames,
} from '@grafana/data';
import { LegendDisplayMode } from '@grafana/schema';
import { VizLayout, VizLegend, type VizLegendItem } from '@grafana/ui';
import { useMemo, useState } from 'react';
import { type BarGroup, Bars } from './Bars';
import type { PanelViewProps } from './types';

const most = 200;

/** Numbers of a table as bars, a group for each row. */
export default function BarChartPanel({ panel, data, width, height, timeZone }: PanelViewProps) {
  const { options } = panel;
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const frame = useMemo(() => (data.length > 1 ? outerJoinDataFrames({ frames: data }) : data[0]), [data]);
  if (!frame) return <div>No data</div>;

  const name = (field: Field) => getFieldDisplayName(field, frame, data);
  const visible = frame.fields.filter((field) => !field.config.custom?.hidden && !field.config.custom?.hideFrom?.viz);
  const x =
    visible.find((field) => options.xField && name(field) === options.xField) ??
    visible.find((field) => field.type === FieldType.string) ??
    visible.find((field) => field.type === FieldType.time);
  const numbers = visible.filter((field) => field.type === FieldType.number && field !== x);
  if (!numbers.length) return <div>The data has no numbers to draw.</div>;
  const horizontal =
    options.orientation === 'horizontal' || (options.orientation !== 'vertical' && height > width && frame.length > 4);
  const label = (row: number) => {
    if (!x) return String(row + 1);
    if (x.type === FieldType.time) return dateTimeFormat(x.values[row], { timeZone, format: 'MM/DD HH:mm' });
    return x.display ? formattedValueToString(x.display(x.values[row])) : String(x.values[row] ?? '');
  };
  const shown = numbers.filter((field) => !hidden.has(name(field)));
  const groups: BarGroup[] = Array.from({ length: Math.min(frame.length, most) }, (_, row) => ({
    label: label(row),
    bars: shown.map((field) => ({
      name: name(field),
      value: Number(field.values[row] ?? 0),
      display: field.display!(field.values[row]),
      href: field.getLinks?.({ valueRowIndex: row })[0]?.href,
    })),
  }));
  const first = numbers[0]!;
  const items = numbers.map((field): VizLegendItem => {
    const label = name(field);
    return { label, color: field.display!(field.values[0]).color, yAxis: 1, disabled: hidden.has(label) };
  });
  const toggle = (label: string) =>
    setHidden((old) => {
      const next = new Set(old);
      if (!next.delete(label)) next.add(label);
      return next;
    });
  const placement = options.legend?.placement ?? 'bottom';
  const legend =
    options.legend?.showLegend === false || numbers.length < 2 ? null : (
      <VizLayout.Legend placement={placement}>
        <VizLegend
          placement={placement}
          displayMode={LegendDisplayMode.List}
          items={items}
          onLabelClick={(item) => toggle(item.label)}
        />
      </VizLayout.Legend>
    );
  return (
    <VizLayout width={width} height={height} legend={legend}>
      {(w, h) => (
        <Bars
          groups={groups}
          width={w}
          height={h}
          horizontal={horizontal}
          stacked={options.stacking && options.stacking !== 'none'}
          showValue={options.showValue ?? 'auto'}
          format={(value) => formattedValueToString(first.display!(value))}
          opacity={(panel.fieldConfig.defaults.custom?.fillOpacity ?? 80) / 100}
          title={panel.title}
          min={first.config.min ?? undefined}
          max={first.config.max ?? undefined}
        />
      )}
    </VizLayout>
  );
}
