// biome-ignore lint/suspicious/noExplicitAny: JSON of schema v2 (`dashboard.grafana.app/v2…`).
type Json = any;

/** Whether it is a dashboard of schema v2: elements and a layout of them. */
export function isV2(raw: Json): boolean {
  const spec = raw?.spec ?? raw;
  return Boolean(spec?.elements && spec?.layout);
}

const hides: Record<string, number> = { dontHide: 0, hideLabel: 1, hideVariable: 2 };
const sorts = [
  'disabled',
  'alphabeticalAsc',
  'alphabeticalDesc',
  'numericalAsc',
  'numericalDesc',
  'alphabeticalCaseInsensitiveAsc',
  'alphabeticalCaseInsensitiveDesc',
  'naturalAsc',
  'naturalDesc',
];
const refreshes = ['never', 'onDashboardLoad', 'onTimeRangeChanged'];
const tooltips = ['Off', 'Crosshair', 'Tooltip'];

/** Data sources are named beside the query (beta), or in it. */
function datasourceOf(query: Json, spec: Json = {}): Json {
  if (spec.datasource) return spec.datasource;
  const uid = query?.datasource?.name;
  const type = query?.group ?? (query?.kind !== 'DataQuery' ? query?.kind : undefined);
  return uid || type ? { uid, type } : undefined;
}

function target({ spec }: Json): Json {
  const { query, refId, hidden } = spec;
  return { ...query?.spec, refId, hide: hidden, datasource: datasourceOf(query, spec) };
}

function transformation({ kind, group, spec }: Json): Json {
  return {
    id: group ?? spec.id ?? kind,
    options: spec.options,
    disabled: spec.disabled,
    filter: spec.filter,
    topic: spec.topic,
  };
}

function panel(element: Json): Json {
  const { spec, kind } = element;
  if (kind === 'LibraryPanel') {
    return { type: 'library-panel', id: spec.id, title: spec.title, options: { libraryPanel: spec.libraryPanel } };
  }
  const { vizConfig, data } = spec;
  const options = data?.spec?.queryOptions ?? {};
  return {
    id: spec.id,
    type: vizConfig?.group ?? vizConfig?.kind,
    title: spec.title,
    description: spec.description,
    links: spec.links,
    transparent: spec.transparent,
    targets: (data?.spec?.queries ?? []).map(target),
    transformations: (data?.spec?.transformations ?? []).map(transformation),
    options: vizConfig?.spec?.options ?? {},
    fieldConfig: vizConfig?.spec?.fieldConfig ?? { defaults: {}, overrides: [] },
    interval: options.interval,
    maxDataPoints: options.maxDataPoints,
    timeFrom: options.timeFrom,
    timeShift: options.timeShift,
    hideTimeOverride: options.hideTimeOverride,
  };
}

function repeatOf(spec: Json): Json {
  const repeat = spec?.repeat;
  if (!repeat?.value) return {};
  return { repeat: repeat.value, repeatDirection: repeat.direction, maxPerRow: repeat.maxPerRow };
}

const autoWidths: Record<string, number> = { narrow: 4, standard: 8, wide: 12 };
const autoHeights: Record<string, number> = { short: 6, standard: 8, tall: 12 };

/** Panels of a layout, from `top` on, and the first line below them. */
function place(layout: Json, elements: Json, top: number): { panels: Json[]; bottom: number } {
  const { kind, spec = {} } = layout ?? {};
  const panels: Json[] = [];
  let bottom = top;
  const add = (item: Json, x: number, y: number, w: number, h: number, flow?: boolean) => {
    const name = item.spec?.element?.name;
    if (elements[name])
      panels.push({ ...panel(elements[name]), ...repeatOf(item.spec), flow, gridPos: { x, y, w, h } });
    bottom = Math.max(bottom, y + h);
  };
  if (kind === 'GridLayout') {
    for (const item of spec.items ?? []) {
      const { x = 0, y = 0, width = 12, height = 8 } = item.spec ?? {};
      if (item.kind === 'GridLayoutRow') {
        const inner = place({ kind: 'GridLayout', spec: { items: item.spec.elements } }, elements, top + y + 1);
        bottom = Math.max(bottom, row(panels, item.spec, inner, top + y));
      } else add(item, x, top + y, width, height);
    }
  } else if (kind === 'AutoGridLayout' || kind === 'ResponsiveGridLayout') {
    const w = Math.max(autoWidths[spec.columnWidthMode] ?? 8, Math.floor(24 / Math.max(1, spec.maxColumnCount ?? 3)));
    const h = autoHeights[spec.rowHeightMode] ?? 8;
    const columns = Math.max(1, Math.floor(24 / w));
    (spec.items ?? []).forEach((item: Json, i: number) => {
      add(item, (i % columns) * w, top + Math.floor(i / columns) * h, w, h, true);
    });
  } else if (kind === 'RowsLayout' || kind === 'TabsLayout') {
    // Tabs are shown as rows: one page with everything on it.
    for (const part of spec.rows ?? spec.tabs ?? []) {
      const inner = place(part.spec?.layout, elements, bottom + 1);
      bottom = row(panels, part.spec, inner, bottom);
    }
  }
  return { panels, bottom };
}

function row(into: Json[], spec: Json, inner: { panels: Json[]; bottom: number }, y: number): number {
  const collapsed = Boolean(spec?.collapse ?? spec?.collapsed);
  const header = {
    type: 'row',
    title: spec?.title ?? '',
    collapsed,
    ...repeatOf(spec),
    gridPos: { x: 0, y, w: 24, h: 1 },
  };
  into.push({ ...header, panels: collapsed ? inner.panels : [] });
  if (!collapsed) into.push(...inner.panels);
  return collapsed ? y + 1 : inner.bottom;
}

function variable({ kind, spec, group, datasource }: Json): Json {
  const type = String(kind)
    .replace(/Variable$/, '')
    .toLowerCase();
  const result: Json = {
    ...spec,
    type,
    hide: hides[spec.hide] ?? spec.hide ?? 0,
    sort: typeof spec.sort === 'string' ? Math.max(0, sorts.indexOf(spec.sort)) : spec.sort,
    refresh: typeof spec.refresh === 'string' ? Math.max(0, refreshes.indexOf(spec.refresh)) : spec.refresh,
  };
  if (type === 'query') {
    const inner = spec.query?.spec ?? spec.query;
    result.query = inner?.__legacyStringValue ?? inner;
    result.datasource = spec.datasource ?? datasourceOf(spec.query);
  }
  if (type === 'datasource') result.query = spec.pluginId;
  if (type === 'adhoc' || type === 'groupby') {
    result.datasource = spec.datasource ?? { uid: datasource?.name, type: group };
  }
  return result;
}

function annotation({ spec }: Json): Json {
  const { query } = spec;
  return {
    ...spec.legacyOptions,
    ...query?.spec,
    ...spec,
    target: query?.spec,
    query: undefined,
    builtIn: spec.builtIn ? 1 : 0,
    datasource: datasourceOf(query, spec),
  };
}

/** Schema v2 as schema v1, which everything behind knows. */
export function fromV2(raw: Json): Json {
  const spec = raw.spec ?? raw;
  const time = spec.timeSettings ?? {};
  return {
    uid: raw.metadata?.name ?? spec.uid,
    title: spec.title,
    description: spec.description,
    tags: spec.tags,
    links: spec.links,
    panels: place(spec.layout, spec.elements, 0).panels,
    templating: { list: (spec.variables ?? []).map(variable) },
    annotations: { list: (spec.annotations ?? []).map(annotation) },
    time: { from: time.from, to: time.to },
    refresh: time.autoRefresh,
    timezone: time.timezone,
    weekStart: time.weekStart,
    timepicker: { hidden: time.hideTimepicker, refresh_intervals: time.autoRefreshIntervals },
    graphTooltip: Math.max(0, tooltips.indexOf(spec.cursorSync)),
  };
}
