import {
  buildHistogram,
  FieldType,
  formattedValueToString,
  getDisplayProcessor,
  getFieldDisplayName,
} from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import { useMemo } from 'react';
import { type BarGroup, Bars } from './Bars';
import type { PanelViewProps } from './types';

/** How often values of each size are there. */
export default function HistogramPanel({ panel, data, width, height }: PanelViewProps) {
  const theme = useTheme2();
  const { options } = panel;
  const groups = useMemo((): BarGroup[] => {
    const built = buildHistogram(
      data,
      {
        bucketSize: options.bucketSize,
        bucketCount: options.bucketCount,
        bucketOffset: options.bucketOffset,
        combine: options.combine,
      },
      theme,
    );
    if (!built) return [];
    const source = data.flatMap((frame) => frame.fields).find((field) => field.type === FieldType.number);
    const format = (value: number) => (source?.display ? formattedValueToString(source.display(value)) : String(value));
    const count = getDisplayProcessor({ field: { type: FieldType.number, config: {} }, theme });
    return built.xMin.values.map((from: number, row: number) => ({
      label: format(from),
      bars: built.counts.map((field) => {
        const value = field.values[row] ?? 0;
        const color = field.display?.(value).color ?? source?.display?.(from).color;
        return { name: getFieldDisplayName(field), value, display: { ...count(value), color } };
      }),
    }));
  }, [data, options, theme]);
  if (!groups.length) return <div>No data</div>;
  return (
    <Bars
      groups={groups}
      width={width}
      height={height}
      tight
      stacked={groups[0]!.bars.length > 1}
      showValue="never"
      format={String}
      title={panel.title}
    />
  );
}
