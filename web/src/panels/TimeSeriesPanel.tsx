import type { DashboardCursorSync, DataFrame, Field } from '@grafana/data';
import { LegendDisplayMode, SortOrder, StackingMode, TooltipDisplayMode } from '@grafana/schema';
import {
  type PanelContext,
  PanelContextProvider,
  TimeSeries,
  TooltipPlugin2,
  type UPlotConfigBuilder,
} from '@grafana/ui';
import { useMemo } from 'react';
import { useDashboard } from '../dashboard/context';
import { AnnotationsPlugin } from './AnnotationsPlugin';
import { prepareTimeSeries } from './prepareTimeSeries';
import { hoverMode, SeriesTooltip } from './SeriesTooltip';
import type { PanelViewProps } from './types';
import { useSeriesVisibility } from './useSeriesVisibility';

/** What all plots of a page are told of each other by. */
const scopeOfAll = '__global_';

/** Lines, bars and points over time. */
export function TimeSeriesPanel({
  panel,
  data,
  structure,
  width,
  height,
  range,
  timeZone,
  annotations,
}: PanelViewProps) {
  const { dashboard, events, setRange } = useDashboard();
  const { options } = panel;
  const prepared = useMemo(() => prepareTimeSeries(data), [data]);
  const { shown, onToggle, key } = useSeriesVisibility(prepared);
  const sync = dashboard.graphTooltip as DashboardCursorSync;

  const context: PanelContext = useMemo(
    () => ({ eventsScope: scopeOfAll, eventBus: events, sync: () => sync, onToggleSeriesVisibility: onToggle }),
    [events, sync, onToggle],
  );
  const legend = useMemo(
    () => ({
      displayMode: LegendDisplayMode.List,
      placement: 'bottom' as const,
      showLegend: true,
      calcs: [],
      ...options.legend,
    }),
    [options.legend],
  );
  if (!shown.length) return <div>The data has no time and number to draw.</div>;

  const mode: TooltipDisplayMode = options.tooltip?.mode ?? TooltipDisplayMode.Single;
  return (
    <PanelContextProvider value={context}>
      <TimeSeries
        frames={shown}
        structureRev={structureOf(structure, key)}
        width={width}
        height={height}
        timeRange={range}
        timeZone={timeZone}
        legend={legend}
        options={options}
        tweakScale={percentScale as never}
      >
        {(config: UPlotConfigBuilder, aligned: DataFrame) => (
          <>
            {mode !== TooltipDisplayMode.None && (
              <TooltipPlugin2
                config={config}
                hoverMode={hoverMode(mode)}
                queryZoom={({ from, to }) => setRange(String(Math.round(from)), String(Math.round(to)))}
                syncMode={sync}
                syncScope={scopeOfAll}
                maxWidth={options.tooltip?.maxWidth}
                render={(_plot, dataIdxs, seriesIdx, isPinned, _dismiss, selected, viaSync, links) =>
                  selected ? null : (
                    <SeriesTooltip
                      frame={aligned}
                      dataIdxs={dataIdxs}
                      seriesIdx={seriesIdx}
                      isPinned={isPinned}
                      mode={viaSync ? TooltipDisplayMode.Multi : mode}
                      sort={options.tooltip?.sort ?? SortOrder.None}
                      hideZeros={options.tooltip?.hideZeros}
                      maxHeight={options.tooltip?.maxHeight}
                      links={links}
                    />
                  )
                }
              />
            )}
            <AnnotationsPlugin config={config} annotations={annotations} timeZone={timeZone} />
          </>
        )}
      </TimeSeries>
    </PanelContextProvider>
  );
}

/** Percentages are of a whole: the limits that the field has are for its values, not for their parts. */
function percentScale(scale: object, field: Field): object {
  if (field.config.custom?.stacking?.mode !== StackingMode.Percent) return scale;
  return { ...scale, min: undefined, max: undefined, range: undefined, stackingMode: StackingMode.Percent };
}

const revisions = new Map<string, number>();

/** A number for each structure together with what the legend hides. */
function structureOf(structure: number, hidden: string): number {
  const id = `${structure}\n${hidden}`;
  if (!revisions.has(id)) revisions.set(id, revisions.size + 1);
  return revisions.get(id)!;
}
