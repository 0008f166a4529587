import { type DataFrame, type Field, FieldType, formattedValueToString, type LinkModel } from '@grafana/data';
import { type SortOrder, TooltipDisplayMode } from '@grafana/schema';
import {
  getFieldDisplayItems,
  getFieldDisplayLinks,
  isTooltipScrollable,
  VizTooltipContent,
  VizTooltipFooter,
  VizTooltipHeader,
  VizTooltipWrapper,
} from '@grafana/ui';

/** Which points count as hovered: the nearest one, or those of all series at that time. */
export const hoverMode = (mode: TooltipDisplayMode): number => (mode === TooltipDisplayMode.Single ? 0 : 1);

interface Props {
  frame: DataFrame;
  dataIdxs: (number | null)[];
  seriesIdx: number | null;
  isPinned: boolean;
  mode: TooltipDisplayMode;
  sort: SortOrder;
  hideZeros?: boolean;
  maxHeight?: number;
  links: LinkModel[];
}

const visible = (field: Field): boolean => !field.config.custom?.hideFrom?.tooltip && field.type !== FieldType.time;

/** The values at the pointer: of one series or of all. */
export function SeriesTooltip({
  frame,
  dataIdxs,
  seriesIdx,
  isPinned,
  mode,
  sort,
  hideZeros,
  maxHeight,
  links,
}: Props) {
  const time = frame.fields[0]!;
  const items = getFieldDisplayItems(frame.fields, time, dataIdxs, seriesIdx, mode, sort, visible, hideZeros);
  const at = dataIdxs.find((index, i) => i > 0 && index !== null) ?? dataIdxs[0];
  const label = at === null || at === undefined ? '' : formattedValueToString(time.display!(time.values[at]));
  const field = seriesIdx !== null ? frame.fields[seriesIdx] : undefined;
  const row = seriesIdx !== null ? dataIdxs[seriesIdx] : null;
  const dataLinks = isPinned && field && row !== null && row !== undefined ? getFieldDisplayLinks(field, row) : links;
  return (
    <VizTooltipWrapper>
      <VizTooltipHeader
        item={{ label: time.type === FieldType.time ? '' : time.name, value: label }}
        isPinned={isPinned}
      />
      <VizTooltipContent
        items={items}
        isPinned={isPinned}
        scrollable={isTooltipScrollable({ mode, maxHeight })}
        maxHeight={maxHeight}
      />
      {dataLinks.length > 0 && <VizTooltipFooter dataLinks={dataLinks} />}
    </VizTooltipWrapper>
  );
}
