import type { DataSource } from '../app/config';
import { resolveInputs } from './inputs';
import { migratePanel } from './migrations';
import type { Dashboard, Panel } from './model';
import { fromRows } from './oldRows';
import { fromV2, isV2 } from './v2';

// biome-ignore lint/suspicious/noExplicitAny: anyone's JSON.
type Json = any;

/** The dashboard within what servers and exports put around it. */
function unwrap(raw: Json): Json {
  if (raw?.dashboard && typeof raw.dashboard === 'object') return unwrap(raw.dashboard);
  if (raw?.spec && typeof raw.spec === 'object' && !isV2(raw)) {
    return { uid: raw.metadata?.name, ...raw.spec };
  }
  return raw;
}

/** Library panels that an export brings along (`__elements`), in the places that refer to them. */
function withLibrary(panels: Json[], elements: Record<string, Json>): Json[] {
  return panels.map((panel) => {
    const model = elements[panel?.libraryPanel?.uid]?.model;
    const own = model ? { ...model, id: panel.id, gridPos: panel.gridPos, libraryPanel: undefined } : panel;
    return own?.panels ? { ...own, panels: withLibrary(own.panels, elements) } : own;
  });
}

function completed(raw: Json, nextId: () => number): Panel {
  const panel = migratePanel(raw);
  return {
    ...panel,
    id: typeof panel.id === 'number' ? panel.id : nextId(),
    key: '',
    gridPos: { x: 0, y: 0, w: 12, h: 8, ...panel.gridPos },
    targets: (panel.targets ?? []).map((target: Json, i: number) => ({
      ...target,
      refId: target.refId || String.fromCharCode(65 + (i % 26)),
    })),
    options: panel.options ?? {},
    fieldConfig: {
      defaults: panel.fieldConfig?.defaults ?? {},
      overrides: panel.fieldConfig?.overrides ?? [],
    },
    panels: panel.panels?.map((inner: Json) => completed(inner, nextId)),
  };
}

function highestId(panels: Json[]): number {
  return panels.reduce((most, panel) => Math.max(most, Number(panel?.id) || 0, highestId(panel?.panels ?? [])), 0);
}

/** Gives every panel a key of its own, also where ids are there twice. */
function withKeys(panels: Panel[], seen = new Set<string>()): Panel[] {
  return panels.map((panel) => {
    let key = String(panel.id);
    while (seen.has(key)) key += "'";
    seen.add(key);
    return { ...panel, key, panels: panel.panels && withKeys(panel.panels, seen) };
  });
}

/**
 * Anyone's dashboard as this console draws it: of any schema version, exported for others or not.
 *
 * @throws Error if it is none.
 */
export function loadDashboard(raw: unknown, datasources: DataSource[], uid = ''): Dashboard {
  let json = unwrap(raw as Json);
  if (isV2(json)) json = fromV2(json);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error('This is not a dashboard.');
  json = resolveInputs(structuredClone(json), datasources);

  let panels: Json[] = Array.isArray(json.panels) ? json.panels : [];
  if (!panels.length && Array.isArray(json.rows)) panels = fromRows(json.rows);
  if (json.__elements) panels = withLibrary(panels, json.__elements);
  let id = highestId(panels);
  const complete = withKeys(panels.filter(Boolean).map((panel) => completed(panel, () => ++id)));

  return {
    uid: json.uid || uid,
    title: json.title || uid,
    description: json.description,
    tags: json.tags ?? [],
    panels: complete,
    templating: { list: (json.templating?.list ?? []).filter((each: Json) => each?.name) },
    annotations: { list: json.annotations?.list ?? [] },
    links: json.links ?? [],
    time: { from: json.time?.from ?? 'now-6h', to: json.time?.to ?? 'now' },
    timezone: json.timezone || undefined,
    refresh: json.refresh || undefined,
    graphTooltip: json.graphTooltip ?? (json.sharedCrosshair ? 1 : 0),
    weekStart: json.weekStart,
    timepicker: json.timepicker,
  };
}
