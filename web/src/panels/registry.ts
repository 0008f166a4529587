import { type ComponentType, createElement, lazy, Suspense } from 'react';
import { StatPanel } from './StatPanel';
import { TextPanel } from './TextPanel';
import { TimeSeriesPanel } from './TimeSeriesPanel';
import type { PanelView, PanelViewProps } from './types';

/** A panel that is loaded when one of its kind is first shown. */
function later(load: () => Promise<{ default: ComponentType<PanelViewProps> }>): PanelView {
  const Loaded = lazy(load);
  return (props) => createElement(Suspense, { fallback: null }, createElement(Loaded, props));
}

const views: Record<string, PanelView> = {
  timeseries: TimeSeriesPanel,
  stat: StatPanel,
  text: TextPanel,
  table: later(() => import('./TablePanel')),
  gauge: later(() => import('./GaugePanel')),
  bargauge: later(() => import('./BarGaugePanel')),
  barchart: later(() => import('./BarChartPanel')),
  logs: later(() => import('./LogsPanel')),
  'state-timeline': later(() => import('./StateTimelinePanel')),
  'status-history': later(() => import('./StateTimelinePanel')),
  piechart: later(() => import('./PieChartPanel')),
  heatmap: later(() => import('./HeatmapPanel')),
  histogram: later(() => import('./HistogramPanel')),
  treemap: later(() => import('./TreemapPanel')),
  traces: later(() => import('./TracesPanel')),
  alertlist: later(() => import('./AlertListPanel')),
  dashlist: later(() => import('./DashListPanel')),
  annolist: later(() => import('./AnnotationListPanel')),
};

/** What draws panels of a type; nothing if that can't be shown here. */
export const panelView = (type: string): PanelView | undefined => views[type];

export const panelTypes: string[] = Object.keys(views);
