// biome-ignore lint/suspicious/noExplicitAny: JSON of the panel `graph`, which is no more.
type Json = any;

const points: Record<string, string> = { null: 'null', connected: 'connected', 'null as zero': 'zero' };

const calcs: Record<string, string> = { min: 'min', max: 'max', avg: 'mean', current: 'lastNotNull', total: 'sum' };

function legend(old: Json = {}): Json {
  const shown = Object.entries(calcs).filter(([name]) => old[name] && old.values !== false);
  return {
    displayMode: old.alignAsTable ? 'table' : 'list',
    placement: old.rightSide ? 'right' : 'bottom',
    showLegend: old.show !== false,
    calcs: old.values ? shown.map(([, calc]) => calc) : [],
    width: old.sideWidth,
    sortBy: undefined,
  };
}

function custom(panel: Json): Json {
  const bars = Boolean(panel.bars);
  const lines = panel.lines !== false;
  const drawStyle = bars ? 'bars' : lines ? 'line' : 'points';
  const stacked = panel.stack ? (panel.percentage ? 'percent' : 'normal') : 'none';
  const nulls = points[panel.nullPointMode ?? 'null'];
  return {
    drawStyle,
    lineWidth: panel.linewidth ?? 1,
    fillOpacity: bars ? 100 : (panel.fill ?? 1) * 10,
    gradientMode: panel.fillGradient ? 'opacity' : 'none',
    lineInterpolation: panel.steppedLine ? 'stepAfter' : 'linear',
    showPoints: panel.points ? 'always' : 'never',
    pointSize: panel.pointradius ? panel.pointradius * 2 : 5,
    spanNulls: nulls === 'connected',
    stacking: { mode: stacked, group: 'A' },
    lineStyle: panel.dashes ? { fill: 'dash', dash: [panel.dashLength ?? 10, panel.spaceLength ?? 10] } : undefined,
    axisPlacement: panel.yaxes?.[0]?.show === false ? 'hidden' : 'auto',
    axisLabel: panel.yaxes?.[0]?.label ?? '',
    scaleDistribution: scale(panel.yaxes?.[0]),
  };
}

function scale(axis: Json): Json {
  return axis?.logBase && axis.logBase !== 1 ? { type: 'log', log: axis.logBase } : { type: 'linear' };
}

const limit = (value: unknown): number | undefined => {
  const number = value === null || value === undefined || value === '' ? Number.NaN : Number(value);
  return Number.isFinite(number) ? number : undefined;
};

/** `seriesOverrides` as overrides: matched by the name that is in the legend, or by a pattern. */
function override(rule: Json, panel: Json): Json[] {
  const alias = String(rule.alias ?? '');
  const matcher = alias.startsWith('/') ? { id: 'byRegexp', options: alias } : { id: 'byName', options: alias };
  const properties: Json[] = [];
  const set = (id: string, value: unknown) => properties.push({ id, value });
  if (rule.color) set('color', { mode: 'fixed', fixedColor: rule.color });
  if (rule.bars) set('custom.drawStyle', 'bars');
  else if (rule.lines) set('custom.drawStyle', 'line');
  else if (rule.points && rule.lines === false) set('custom.drawStyle', 'points');
  if (rule.fill !== undefined) set('custom.fillOpacity', rule.fill * 10);
  if (rule.linewidth !== undefined) set('custom.lineWidth', rule.linewidth);
  if (rule.dashes) set('custom.lineStyle', { fill: 'dash', dash: [rule.dashLength ?? 10, rule.spaceLength ?? 10] });
  if (rule.transform === 'negative-Y') set('custom.transform', 'negative-Y');
  if (rule.transform === 'constant') set('custom.transform', 'constant');
  if (rule.fillBelowTo) set('custom.fillBelowTo', rule.fillBelowTo);
  if (rule.stack === false) set('custom.stacking', { mode: 'none', group: 'A' });
  else if (rule.stack)
    set('custom.stacking', { mode: 'normal', group: rule.stack === true ? 'A' : String(rule.stack) });
  if (rule.steppedLine) set('custom.lineInterpolation', 'stepAfter');
  if (rule.hideTooltip || rule.legend === false) {
    set('custom.hideFrom', { legend: rule.legend === false, tooltip: Boolean(rule.hideTooltip), viz: false });
  }
  if (rule.yaxis === 2) {
    const axis = panel.yaxes?.[1] ?? {};
    set('custom.axisPlacement', axis.show === false ? 'hidden' : 'right');
    if (axis.format) set('unit', axis.format);
    if (axis.label) set('custom.axisLabel', axis.label);
    if (limit(axis.min) !== undefined) set('min', limit(axis.min));
    if (limit(axis.max) !== undefined) set('max', limit(axis.max));
    set('custom.scaleDistribution', scale(axis));
  }
  return properties.length ? [{ matcher, properties }] : [];
}

function thresholds(panel: Json): Json {
  const colors: Record<string, string> = { critical: 'red', warning: 'orange', ok: 'green' };
  const old = (panel.thresholds ?? []).filter((each: Json) => each && typeof each === 'object');
  if (!old.length) return undefined;
  const steps = [{ value: null, color: 'transparent' }];
  for (const each of [...old].sort((a: Json, b: Json) => a.value - b.value)) {
    const color = each.fillColor ?? each.lineColor ?? colors[each.colorMode] ?? 'red';
    if (each.op === 'lt') {
      steps[0]!.color = color;
      steps.push({ value: each.value, color: 'transparent' });
    } else steps.push({ value: each.value, color });
  }
  const fill = old.some((each: Json) => each.fill);
  const line = old.some((each: Json) => each.line);
  return { steps, mode: fill && line ? 'line+area' : fill ? 'area' : 'line' };
}

/** Axes as they are since schema version 8, from formats and limits that were beside each other. */
function axes(panel: Json): Json {
  if (panel.yaxes || !panel.y_formats) return panel;
  const { leftMin, leftMax, rightMin, rightMax } = panel.grid ?? {};
  const [left, right] = panel.y_formats;
  return {
    ...panel,
    yaxes: [
      { format: left, min: leftMin, max: leftMax, label: panel.leftYAxisLabel, show: panel['y-axis'] !== false },
      { format: right, min: rightMin, max: rightMax, label: panel.rightYAxisLabel, show: true },
    ],
  };
}

/** The panel `graph` as a time series; as a bar chart or histogram where its x axis was not time. */
export function migrateGraph(raw: Json): Json {
  const panel = axes(raw);
  const axis = panel.yaxes?.[0] ?? {};
  const limits = thresholds(panel);
  const colors = Object.entries(panel.aliasColors ?? {}).map(([alias, color]) => ({
    matcher: { id: 'byName', options: alias },
    properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: color } }],
  }));
  const defaults = {
    unit: axis.format ?? 'short',
    decimals: limit(panel.decimals) ?? limit(axis.decimals),
    min: limit(axis.min),
    max: limit(axis.max),
    color: { mode: 'palette-classic' },
    custom: { ...custom(panel), ...(limits && { thresholdsStyle: { mode: limits.mode } }) },
    ...(limits && { thresholds: { mode: 'absolute', steps: limits.steps } }),
    links: panel.options?.dataLinks,
  };
  const mode = panel.xaxis?.mode;
  const sorts: Record<number, string> = { 0: 'none', 1: 'asc', 2: 'desc' };
  return {
    ...panel,
    type: mode === 'histogram' ? 'histogram' : mode === 'series' ? 'bargauge' : 'timeseries',
    options: {
      legend: legend(panel.legend),
      tooltip: {
        mode: panel.tooltip?.shared === false ? 'single' : 'multi',
        sort: sorts[panel.tooltip?.sort] ?? 'none',
      },
      ...(mode === 'series' && { reduceOptions: { calcs: [calcs[panel.xaxis?.values?.[0]] ?? 'lastNotNull'] } }),
    },
    fieldConfig: {
      defaults,
      overrides: [...colors, ...(panel.seriesOverrides ?? []).flatMap((rule: Json) => override(rule, panel))],
    },
  };
}
