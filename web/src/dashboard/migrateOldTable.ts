// biome-ignore lint/suspicious/noExplicitAny: JSON of the table of before version 7.
type Json = any;

function override(style: Json): Json[] {
  const pattern = String(style.pattern ?? '');
  const matcher = pattern.startsWith('/') ? { id: 'byRegexp', options: pattern } : { id: 'byName', options: pattern };
  const properties: Json[] = [];
  const set = (id: string, value: unknown) => properties.push({ id, value });
  if (style.type === 'hidden') set('custom.hidden', true);
  if (style.alias) set('displayName', style.alias);
  if (style.unit) set('unit', style.unit);
  if (style.type === 'date') set('unit', style.dateFormat ? `time: ${style.dateFormat}` : 'dateTimeAsIso');
  if (typeof style.decimals === 'number') set('decimals', style.decimals);
  if (style.align && style.align !== 'auto') set('custom.align', style.align);
  if (style.link && style.linkUrl) {
    const url = String(style.linkUrl)
      .replace(/\$\{?__cell(?::raw)?\}?(?!_)/g, '${__value.raw}')
      .replace(/\$\{?__cell_(\d+)(?::raw)?\}?/g, '${__data.fields[$1]}');
    set('links', [{ title: style.linkTooltip ?? '', url, targetBlank: Boolean(style.linkTargetBlank) }]);
  }
  if (style.colorMode) {
    const backs = style.colorMode === 'cell' || style.colorMode === 'row';
    set('custom.cellOptions', { type: backs ? 'color-background' : 'color-text' });
    const bounds = (style.thresholds ?? []).map(Number).filter(Number.isFinite);
    const steps = [null, ...bounds].map((value, i) => ({ value, color: style.colors?.[i] ?? 'green' }));
    set('thresholds', { mode: 'absolute', steps });
  }
  if (style.mappingType === 1 && style.valueMaps?.length)
    set(
      'mappings',
      style.valueMaps.map((each: Json) => ({ type: 1, ...each })),
    );
  if (style.mappingType === 2 && style.rangeMaps?.length)
    set(
      'mappings',
      style.rangeMaps.map((each: Json) => ({ type: 2, ...each })),
    );
  return properties.length ? [{ matcher, properties }] : [];
}

const transforms: Record<string, Json[]> = {
  timeseries_to_columns: [{ id: 'seriesToColumns', options: { byField: 'Time' } }],
  timeseries_to_rows: [{ id: 'seriesToRows', options: {} }],
  timeseries_aggregations: [{ id: 'reduce', options: { includeTimeField: false } }],
  table: [{ id: 'merge', options: {} }],
};

const reducers: Record<string, string> = {
  avg: 'mean',
  total: 'sum',
  current: 'lastNotNull',
  min: 'min',
  max: 'max',
  count: 'count',
};

/** The table of before version 7: styles become overrides. */
export function migrateOldTable(panel: Json): Json {
  const base = (transforms[panel.transform] ?? []).map((each: Json) => structuredClone(each));
  if (panel.transform === 'timeseries_aggregations') {
    base[0].options.reducers = (panel.columns ?? []).map((column: Json) => reducers[column.value] ?? column.value);
  }
  const sort = panel.sort && typeof panel.sort.col === 'number' ? panel.sort : undefined;
  return {
    ...panel,
    type: 'table',
    styles: undefined,
    transformations: [...base, ...(panel.transformations ?? [])],
    options: {
      showHeader: panel.showHeader !== false,
      cellHeight: 'sm',
      sortColumn: sort && { index: sort.col, desc: sort.desc },
    },
    fieldConfig: { defaults: { custom: {} }, overrides: (panel.styles ?? []).flatMap(override) },
  };
}
