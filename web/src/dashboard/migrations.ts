import { migrateGraph } from './migrateGraph';
import { migrateOldTable } from './migrateOldTable';
import { migrateSingleStat } from './migrateSingleStat';
import { newMappings } from './oldMappings';

// biome-ignore lint/suspicious/noExplicitAny: JSON of any age.
type Json = any;

/** Panels of plugins that show the same as one that is here. */
const renamed: Record<string, string> = {
  'grafana-piechart-panel': 'piechart',
  'natel-discrete-panel': 'state-timeline',
  'flant-statusmap-panel': 'status-history',
  'marcusolsson-treemap-panel': 'treemap',
  'marcusolsson-dynamictext-panel': 'text',
  'vonage-status-panel': 'stat',
  'grafana-polystat-panel': 'stat',
  'michaeldmoore-multistat-panel': 'bargauge',
  'ryantxu-ajax-panel': 'text',
};

/** Settings of version 6: options and what is now the field configuration in one. */
function migrateFieldOptions(panel: Json): Json {
  const { fieldOptions, ...options } = panel.options ?? {};
  if (!fieldOptions) return panel;
  const { calcs, values, limit, fields, defaults, override, overrides, mappings, thresholds, ...rest } = fieldOptions;
  const merged = { ...rest, ...override, ...defaults };
  if (mappings && !merged.mappings) merged.mappings = mappings;
  const steps = thresholds ?? merged.thresholds;
  if (Array.isArray(steps)) {
    const list = steps.map(({ value, color }: Json, i: number) => ({ value: i ? value : null, color }));
    merged.thresholds = { mode: 'absolute', steps: list };
  }
  if (merged.title) merged.displayName = merged.title;
  return {
    ...panel,
    options: { ...options, reduceOptions: { calcs: calcs ?? ['lastNotNull'], values, limit, fields } },
    fieldConfig: panel.fieldConfig ?? { defaults: merged, overrides: overrides ?? [] },
  };
}

function migrateFieldConfig(config: Json): Json {
  if (!config) return config;
  const defaults = { ...config.defaults };
  if (defaults.mappings) defaults.mappings = newMappings(defaults.mappings);
  if (defaults.thresholds) defaults.thresholds = withBase(defaults.thresholds);
  if (defaults.custom?.displayMode && !defaults.custom.cellOptions) {
    defaults.custom = { ...defaults.custom, cellOptions: cellOptions(defaults.custom.displayMode) };
  }
  const overrides = (config.overrides ?? []).map((rule: Json) => ({
    ...rule,
    matcher: rule.matcher ?? { id: 'byName', options: '' },
    properties: (rule.properties ?? []).map(migrateProperty),
  }));
  return { defaults, overrides };
}

function migrateProperty(property: Json): Json {
  if (property.id === 'mappings') return { ...property, value: newMappings(property.value ?? []) };
  if (property.id === 'thresholds' && property.value) return { ...property, value: withBase(property.value) };
  if (property.id === 'custom.hidden') return { id: 'custom.hideFrom.viz', value: property.value };
  if (property.id === 'custom.displayMode') return { id: 'custom.cellOptions', value: cellOptions(property.value) };
  return property;
}

/** The first threshold begins below everything, which JSON can't say. */
function withBase(thresholds: Json): Json {
  const steps = (thresholds.steps ?? []).map((step: Json) => {
    const value =
      step.value === null || step.value === undefined || step.value === 'null' ? -Infinity : Number(step.value);
    return { ...step, value };
  });
  return { mode: thresholds.mode ?? 'absolute', steps };
}

const gauges: Record<string, string> = {
  'basic-gauge': 'basic',
  'gradient-gauge': 'gradient',
  'lcd-gauge': 'lcd',
  basic: 'basic',
};

/** How cells were told to look before version 9.3. */
function cellOptions(mode: string): Json {
  if (mode in gauges) return { type: 'gauge', mode: gauges[mode] };
  if (mode === 'color-background-solid') return { type: 'color-background', mode: 'basic' };
  if (mode === 'color-background') return { type: 'color-background', mode: 'gradient' };
  return { type: mode };
}

function migrateLegend(options: Json): Json {
  if (options?.legend?.displayMode !== 'hidden') return options;
  return { ...options, legend: { ...options.legend, displayMode: 'list', showLegend: false } };
}

/** Heat maps of before version 9 have their settings beside the options. */
function migrateHeatmap(panel: Json): Json {
  if (!panel.dataFormat) return panel;
  const scheme = String(panel.color?.colorScheme ?? 'interpolateOranges').replace(/^interpolate/, '');
  const mode = panel.color?.mode === 'opacity' ? 'opacity' : 'scheme';
  const options = {
    calculate: panel.dataFormat === 'timeseries',
    color: { mode, scheme, fill: panel.color?.cardColor, exponent: panel.color?.exponent, steps: 64 },
    yAxis: { unit: panel.yAxis?.format, decimals: panel.yAxis?.decimals ?? undefined },
    ...panel.options,
  };
  return { ...panel, options };
}

/** A panel of any version as the current one would have it. */
export function migratePanel(raw: Json): Json {
  let panel = { ...raw };
  if (panel.type === 'graph' || panel.type === 'grafana-simple-graph') panel = migrateGraph(panel);
  else if (panel.type === 'singlestat' || panel.type === 'grafana-singlestat-panel') panel = migrateSingleStat(panel);
  else if ((panel.type === 'table' && panel.styles && !panel.fieldConfig) || panel.type === 'table-old') {
    panel = migrateOldTable(panel);
  } else if (panel.type === 'grafana-piechart-panel') {
    const unit = panel.format ?? 'short';
    const calc = { avg: 'mean', total: 'sum', current: 'lastNotNull', min: 'min', max: 'max' }[String(panel.valueName)];
    panel.options = {
      pieType: panel.pieType,
      reduceOptions: { calcs: [calc ?? 'lastNotNull'] },
      legend: {
        showLegend: panel.legend?.show !== false,
        placement: panel.legendType === 'Right side' ? 'right' : 'bottom',
      },
    };
    panel.fieldConfig ??= { defaults: { unit }, overrides: [] };
  } else if (panel.type === 'heatmap') {
    panel = migrateHeatmap(panel);
  } else if (panel.type === 'text' && panel.content !== undefined) {
    panel.options = { mode: panel.mode ?? 'markdown', content: panel.content, ...panel.options };
  } else if (panel.type === 'marcusolsson-dynamictext-panel') {
    panel.options = { mode: 'markdown', content: panel.options?.defaultContent ?? panel.options?.content ?? '' };
  } else if (panel.type === 'timeseries' && panel.options?.graph) {
    panel.options = { ...panel.options.graph, ...panel.options };
  }
  panel = migrateFieldOptions(panel);
  panel.type = renamed[panel.type] ?? panel.type;
  panel.fieldConfig = migrateFieldConfig(panel.fieldConfig);
  panel.options = migrateLegend(panel.options);
  return panel;
}
