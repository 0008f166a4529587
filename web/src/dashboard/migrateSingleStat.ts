// biome-ignore lint/suspicious/noExplicitAny: JSON of the panel `singlestat`, which is no more.
type Json = any;

const calcs: Record<string, string> = {
  avg: 'mean',
  current: 'lastNotNull',
  total: 'sum',
  min: 'min',
  max: 'max',
  first: 'firstNotNull',
  delta: 'delta',
  diff: 'diff',
  range: 'range',
  name: 'lastNotNull',
  last_time: 'lastNotNull',
};

const defaultColors = ['#299c46', 'rgba(237, 129, 40, 0.89)', '#d44a3a'];

function thresholds(panel: Json): Json {
  const bounds = String(panel.thresholds ?? '')
    .split(',')
    .map((part) => Number.parseFloat(part))
    .filter(Number.isFinite);
  const colors: string[] = panel.colors ?? defaultColors;
  return {
    mode: 'absolute',
    steps: [null, ...bounds].map((value, i) => ({ value, color: colors[i] ?? colors.at(-1) })),
  };
}

function mappings(panel: Json): Json[] {
  if (panel.mappingType === 2) {
    return (panel.rangeMaps ?? []).map((each: Json) => ({ type: 2, from: each.from, to: each.to, text: each.text }));
  }
  return (panel.valueMaps ?? []).map((each: Json) => ({ type: 1, value: each.value, text: each.text }));
}

/** The panel `singlestat` as a stat, or as a gauge where it had one. */
export function migrateSingleStat(panel: Json): Json {
  const coloured = panel.colorBackground || panel.colorValue;
  const isGauge = Boolean(panel.gauge?.show);
  const affixes = [panel.prefix, panel.postfix].some((text: unknown) => typeof text === 'string' && text.trim());
  // A unit of one's own says what prefix and postfix said.
  const unit = affixes && (!panel.format || panel.format === 'none') ? affixUnit(panel) : (panel.format ?? 'none');
  return {
    ...panel,
    type: isGauge ? 'gauge' : 'stat',
    thresholds: undefined,
    options: {
      reduceOptions: { calcs: [calcs[panel.valueName] ?? 'mean'], values: false, fields: panel.tableColumn || '' },
      colorMode: panel.colorBackground ? 'background' : panel.colorValue ? 'value' : 'none',
      graphMode: panel.sparkline?.show ? 'area' : 'none',
      textMode: panel.valueName === 'name' ? 'name' : 'auto',
      justifyMode: 'auto',
      orientation: 'horizontal',
      showThresholdMarkers: panel.gauge?.thresholdMarkers ?? true,
      showThresholdLabels: panel.gauge?.thresholdLabels ?? false,
    },
    fieldConfig: {
      defaults: {
        unit,
        decimals: panel.decimals ?? undefined,
        noValue: panel.nullText ?? undefined,
        min: isGauge ? panel.gauge.minValue : undefined,
        max: isGauge ? panel.gauge.maxValue : undefined,
        color: coloured || isGauge ? { mode: 'thresholds' } : { mode: 'fixed', fixedColor: 'text' },
        thresholds: thresholds(panel),
        mappings: mappings(panel),
        links: panel.links?.length ? undefined : panel.options?.dataLinks,
      },
      overrides: [],
    },
  };
}

function affixUnit(panel: Json): string {
  const prefix = String(panel.prefix ?? '').trim();
  const postfix = String(panel.postfix ?? '').trim();
  return prefix && !postfix ? `prefix:${prefix}` : postfix ? `suffix:${postfix}` : 'none';
}
