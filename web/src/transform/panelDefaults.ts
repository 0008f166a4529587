import { FieldColorModeId, type FieldConfigSource, ThresholdsMode } from '@grafana/data';
import type { Panel } from '../dashboard/model';

const palette = { mode: FieldColorModeId.PaletteClassic };
const byThreshold = { mode: FieldColorModeId.Thresholds };

const graph = {
  drawStyle: 'line',
  lineInterpolation: 'linear',
  lineWidth: 1,
  fillOpacity: 0,
  gradientMode: 'none',
  showPoints: 'auto',
  pointSize: 5,
  spanNulls: false,
  insertNulls: false,
  barAlignment: 0,
  barWidthFactor: 0.6,
  axisPlacement: 'auto',
  axisLabel: '',
  axisColorMode: 'text',
  axisBorderShow: false,
  axisCenteredZero: false,
  scaleDistribution: { type: 'linear' },
  stacking: { mode: 'none', group: 'A' },
  hideFrom: { legend: false, tooltip: false, viz: false },
  thresholdsStyle: { mode: 'off' },
};

const timeline = { lineWidth: 0, fillOpacity: 70, hideFrom: { legend: false, tooltip: false, viz: false } };

/** What a panel has where its dashboard doesn't say: dashboards leave out what is as usual. */
const defaults: Record<string, { color: object; custom: object }> = {
  timeseries: { color: palette, custom: graph },
  barchart: { color: palette, custom: { ...graph, lineWidth: 1, fillOpacity: 80 } },
  histogram: { color: palette, custom: { lineWidth: 1, fillOpacity: 80, gradientMode: 'none' } },
  piechart: { color: palette, custom: {} },
  treemap: { color: palette, custom: {} },
  'state-timeline': { color: byThreshold, custom: timeline },
  'status-history': { color: byThreshold, custom: { ...timeline, lineWidth: 1 } },
  table: { color: byThreshold, custom: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false } },
};

const usual = { color: byThreshold, custom: {} };

/** The panel's field configuration, complete. */
export function withDefaults(panel: Panel): FieldConfigSource {
  const base = defaults[panel.type] ?? usual;
  const given = panel.fieldConfig.defaults;
  return {
    defaults: {
      ...given,
      color: given.color?.mode ? given.color : (base.color as never),
      custom: { ...base.custom, ...given.custom },
      thresholds: given.thresholds?.steps?.length
        ? given.thresholds
        : {
            mode: ThresholdsMode.Absolute,
            steps: [
              { value: -Infinity, color: 'green' },
              { value: 80, color: 'red' },
            ],
          },
    },
    overrides: structuredClone(panel.fieldConfig.overrides),
  };
}
