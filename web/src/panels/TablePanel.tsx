import { type DataFrame, getFrameDisplayName, type SelectableValue } from '@grafana/data';
import { type PanelContext, PanelContextProvider, Select } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { useMemo, useState } from 'react';
import { useDashboard } from '../dashboard/context';
import type { PanelViewProps } from './types';

const chooserHeight = 40;

/** Frames that say they are for something else, as logs, are no tables; if there is nothing else, they are. */
const rows = (frames: DataFrame[]): DataFrame[] => {
  const some = frames.filter((frame) => frame.fields.length && frame.length);
  return some.length ? some : frames.filter((frame) => frame.fields.length);
};

/** Tables; where there are several, one of them, and a choice below. */
export default function TablePanel({ panel, data, structure, width, height, range }: PanelViewProps) {
  const { options } = panel;
  const { events, variables, setFilters } = useDashboard();
  const frames = useMemo(() => rows(data), [data]);
  const [chosen, choose] = useState<number>(options.frameIndex ?? 0);
  const frame = frames[chosen] ?? frames[0];

  const adhoc = [...variables.values()].find((each) => each.model.type === 'adhoc');
  const context: PanelContext = useMemo(
    () => ({
      eventsScope: 'table',
      eventBus: events,
      onAddAdHocFilter: adhoc && ((filter) => setFilters(adhoc.name, [...adhoc.filters, filter])),
    }),
    [events, adhoc, setFilters],
  );
  if (!frame) return <div>No data</div>;

  const several = frames.length > 1;
  const choices = frames.map((each, i): SelectableValue<number> => ({ value: i, label: getFrameDisplayName(each) }));
  const sortBy = options.sortBy ?? sortedByIndex(options.sortColumn, frame);
  return (
    <PanelContextProvider value={context}>
      <TableNG
        ariaLabel={panel.title}
        data={frame}
        width={width}
        height={several ? height - chooserHeight : height}
        noHeader={options.showHeader === false}
        showTypeIcons={options.showTypeIcons}
        resizable
        sortBy={sortBy}
        sortByBehavior="initial"
        onCellFilterAdded={context.onAddAdHocFilter as never}
        frozenColumns={options.frozenColumns?.left}
        enablePagination={options.enablePagination ?? options.footer?.enablePagination}
        cellHeight={options.cellHeight}
        maxRowHeight={options.maxRowHeight}
        structureRev={structure}
        timeRange={range}
        fieldConfig={panel.fieldConfig}
        transparent={panel.transparent}
      />
      {several && (
        <div style={{ padding: 4 }}>
          <Select
            aria-label="Which table"
            options={choices}
            value={choices[frames.indexOf(frame)]}
            onChange={({ value }) => choose(value ?? 0)}
          />
        </div>
      )}
    </PanelContextProvider>
  );
}

function sortedByIndex(sort: { index: number; desc?: boolean } | undefined, frame: DataFrame) {
  const field = sort && frame.fields[sort.index];
  return field ? [{ displayName: field.state?.displayName ?? field.name, desc: sort.desc }] : undefined;
}
