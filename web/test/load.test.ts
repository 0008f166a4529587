import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadDashboard } from '../src/dashboard/load';
import type { Panel } from '../src/dashboard/model';
import { newMappings } from '../src/dashboard/oldMappings';
import { withSharedQueries } from '../src/dashboard/sharedQueries';
import { samePanel } from '../src/dashboard/useStablePanel';
import { resolveDataSource } from '../src/data/datasources';

const folder = join(import.meta.dirname, 'dashboards');
const files = readdirSync(folder);
const sources = [
  { uid: 'vmetrics', name: 'vmetrics', type: 'prometheus', isDefault: true },
  { uid: 'vmetrics-2', name: 'vmetrics-2', type: 'prometheus' },
  { uid: 'vlogs', name: 'vlogs', type: 'victoriametrics-logs-datasource' },
];
const load = (name: string) => loadDashboard(JSON.parse(readFileSync(join(folder, name), 'utf8')), sources, name);
const every = (panels: Panel[]): Panel[] => panels.flatMap((panel) => [panel, ...every(panel.panels ?? [])]);
const byTitle = (name: string, title: string) =>
  every(load(`${name}.json`).panels).find((panel) => panel.title === title)!;
const property = (panel: Panel, matched: string, id: string) =>
  panel.fieldConfig.overrides
    .find((rule) => rule.matcher.options === matched)
    ?.properties.find((each) => each.id === id)?.value;

describe.each(files)('%s', (name) => {
  it('is a dashboard with panels, each with a place, a key of its own, and no input left open', () => {
    const dashboard = load(name);
    const panels = every(dashboard.panels);
    expect(dashboard.title).not.toBe('');
    expect(panels.length).toBeGreaterThan(1);
    expect(new Set(panels.map((panel) => panel.key)).size).toBe(panels.length);
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    expect(JSON.stringify(panels)).not.toMatch(/\$\{(DS|VAR)_/);
    expect(panels.map((panel) => panel.type)).not.toContain('graph');
  });
});

describe('a panel that only moved', () => {
  const [panel] = load('kinds.json').panels;

  it('is the same as before', () => {
    expect(samePanel(panel!, { ...panel!, gridPos: { x: 5, y: 5, w: 5, h: 5 } })).toBe(true);
    expect(
      samePanel(
        { ...panel!, scoped: { a: { text: 'x', value: 'x' } } },
        { ...panel!, scoped: { a: { text: 'x', value: 'x' } } },
      ),
    ).toBe(true);
  });

  it('is another one if it stands for another value, or asks for something else', () => {
    expect(samePanel(panel!, { ...panel!, scoped: { a: { text: 'x', value: 'x' } } })).toBe(false);
    expect(samePanel(panel!, { ...panel!, targets: [] })).toBe(false);
  });
});

describe('old rows', () => {
  const { panels } = load('rows-schema-14.json');

  it('are rows of the grid, closed ones with their panels in them', () => {
    expect(
      panels.filter((panel) => panel.type === 'row').map((row) => [row.title, row.collapsed, row.panels!.length]),
    ).toEqual([
      ['Numbers', false, 0],
      ['Graphs of $node', false, 0],
      ['Closed', true, 1],
    ]);
  });

  it('have panels as wide as their span', () => {
    const cpu = panels.find((panel) => panel.title === 'CPU')!;
    expect(cpu.gridPos).toEqual({ x: 0, y: 6, w: 12, h: 7 });
  });
});

describe('graphs', () => {
  it('are time series', () => {
    const { type, fieldConfig, options } = byTitle('rows-schema-14', 'CPU');
    expect(type).toBe('timeseries');
    expect(fieldConfig.defaults).toMatchObject({
      unit: 'percentunit',
      min: 0,
      max: 1,
      custom: { stacking: { mode: 'percent' }, fillOpacity: 50, lineWidth: 0 },
    });
    expect(options.legend).toMatchObject({
      displayMode: 'table',
      placement: 'right',
      calcs: ['max', 'mean', 'lastNotNull'],
    });
    expect(options.tooltip).toEqual({ mode: 'multi', sort: 'desc' });
  });

  it('of the first years have their formats and limits', () => {
    const old = {
      id: 1,
      type: 'graph',
      title: 'Old',
      y_formats: ['bytes', 'short'],
      grid: { leftMin: 0, leftMax: null },
    };
    const [panel] = loadDashboard({ title: 'T', rows: [{ panels: [old] }] }, sources).panels;
    expect(panel!.fieldConfig.defaults).toMatchObject({ unit: 'bytes', min: 0, max: undefined });
  });

  it('keep what single series have of their own', () => {
    const network = byTitle('rows-schema-14', 'Network');
    expect(property(network, '/.*out.*/', 'custom.transform')).toBe('negative-Y');
    expect(property(network, '/lo/', 'custom.lineStyle')).toEqual({ fill: 'dash', dash: [10, 10] });
    expect(network.fieldConfig.defaults.thresholds!.steps).toEqual([
      { value: -Infinity, color: 'transparent' },
      { value: 1000000, color: 'orange' },
    ]);
    expect(network.fieldConfig.defaults.custom.thresholdsStyle).toEqual({ mode: 'line+area' });
  });

  it('are something else where their x axis is not time', () => {
    expect(byTitle('graphs-schema-18', 'By series').type).toBe('bargauge');
    expect(byTitle('version-7', 'Histogram').type).toBe('histogram');
  });
});

describe('single numbers', () => {
  it('are stats, or gauges', () => {
    const uptime = byTitle('rows-schema-14', 'Uptime');
    expect(uptime.type).toBe('stat');
    expect(uptime.options).toMatchObject({ colorMode: 'value', reduceOptions: { calcs: ['lastNotNull'] } });
    expect(uptime.fieldConfig.defaults.thresholds!.steps.map((step) => step.value)).toEqual([-Infinity, 300, 3600]);
    expect(uptime.fieldConfig.defaults.mappings).toEqual([
      { type: 'special', options: { match: 'null', result: { text: 'N/A', color: undefined, index: 0 } } },
    ]);
    const memory = byTitle('rows-schema-14', 'Memory');
    expect([memory.type, memory.fieldConfig.defaults.min, memory.fieldConfig.defaults.max]).toEqual(['gauge', 0, 100]);
  });
});

describe('tables', () => {
  it('of before version 7 have overrides for styles', () => {
    const targets = byTitle('graphs-schema-18', 'Targets');
    expect(property(targets, 'Value', 'custom.cellOptions')).toEqual({ type: 'color-background' });
    expect(property(targets, '__name__', 'custom.hideFrom.viz')).toBe(true);
    expect(property(targets, '/ip|job/', 'links')[0].url).toBe('/d/x?var-ip=${__value.raw}');
    expect(targets.transformations!.map((each) => each.id)).toEqual(['merge']);
  });

  it('of version 7 have cells as they are told now', () => {
    const cells = byTitle('version-7', 'Cells');
    expect(cells.fieldConfig.defaults.custom.cellOptions).toEqual({ type: 'color-background', mode: 'gradient' });
    expect(property(cells, 'Value', 'custom.cellOptions')).toEqual({ type: 'gauge', mode: 'lcd' });
  });
});

it('takes the settings of old heat maps', () => {
  const { options } = byTitle('graphs-schema-18', 'Old heatmap');
  expect(options).toMatchObject({ calculate: true, color: { mode: 'scheme', scheme: 'Oranges' } });
});

it('puts value mappings together', () => {
  expect(
    newMappings([
      { type: 1, value: '1', text: 'UP' },
      { type: 2, from: '2', to: '9', text: 'MANY' },
      { type: 1, value: '0', text: 'DOWN' },
    ]),
  ).toEqual([
    { type: 'value', options: { 1: { text: 'UP', index: 0 }, 0: { text: 'DOWN', index: 2 } } },
    { type: 'range', options: { from: 2, to: 9, result: { text: 'MANY', index: 1 } } },
  ]);
});

describe('schema v2', () => {
  const dashboard = load('v2-rows.json');

  it('has its variables, time and links', () => {
    expect(dashboard).toMatchObject({
      uid: 'v2-rows',
      title: 'Schema v2',
      refresh: '10s',
      graphTooltip: 1,
      time: { from: 'now-30m', to: 'now' },
    });
    expect(
      dashboard.templating.list.map(({ name, type, query, hide, sort, refresh }) => [
        name,
        type,
        query,
        hide,
        sort,
        refresh,
      ]),
    ).toEqual([
      ['job', 'query', 'label_values(up, job)', 0, 1, 1],
      ['calc', 'custom', 'avg,max', 0, undefined, undefined],
    ]);
  });

  it('has its panels in rows', () => {
    expect(dashboard.panels.map(({ type, title, gridPos: { x, y, w, h } }) => [type, title, x, y, w, h])).toEqual([
      ['row', 'Overview', 0, 0, 24, 1],
      ['stat', 'Up', 0, 1, 6, 6],
      ['timeseries', 'Durations', 6, 1, 18, 6],
      ['row', 'By itself', 0, 7, 24, 1],
      ['gauge', 'Load', 0, 8, 12, 6],
      ['stat', 'Job $job', 12, 8, 12, 6],
      ['row', 'Closed', 0, 14, 24, 1],
    ]);
    const [up] = dashboard.panels.filter((panel) => panel.title === 'Up');
    expect(up!.targets[0]).toMatchObject({
      refId: 'A',
      expr: 'sum(up{job=~"$job"})',
      datasource: { uid: 'vmetrics', type: 'prometheus' },
    });
    expect(dashboard.panels.find((panel) => panel.title === 'Job $job')!.repeat).toBe('job');
  });
});

describe('data sources', () => {
  it.each([
    [undefined, 'vmetrics'],
    [null, 'vmetrics'],
    ['vmetrics-2', 'vmetrics-2'],
    [{ type: 'prometheus', uid: 'vmetrics-2' }, 'vmetrics-2'],
    [{ type: 'prometheus', uid: 'of-elsewhere' }, 'vmetrics'],
    [{ type: 'victoriametrics-metrics-datasource', uid: 'x' }, 'vmetrics'],
    [{ type: 'victoriametrics-logs-datasource', uid: 'x' }, 'vlogs'],
    ['Prometheus of old', 'vmetrics'],
    [{ type: 'influxdb', uid: 'x' }, undefined],
    [{ uid: '-- Grafana --' }, '-- Grafana --'],
  ])('%j is %s', (reference, expected) => {
    expect(resolveDataSource(reference, sources)?.uid).toBe(expected);
  });
});

it('gives a panel the queries of the one whose data it shows', () => {
  const { panels } = load('resource-v1.json');
  const shown = withSharedQueries(panels.find((panel) => panel.title === 'Same data')!, panels);
  expect(shown.targets.map((target) => target.expr)).toEqual(['node_load1', 'node_load5']);
});

it('puts library panels that come along where they belong', () => {
  const model = { type: 'stat', title: 'Shared', targets: [{ expr: 'up', refId: 'A' }] };
  const place = { id: 7, gridPos: { x: 3, y: 0, w: 5, h: 5 }, libraryPanel: { uid: 'l', name: 'Shared' } };
  const { panels } = loadDashboard(
    { title: 'T', __elements: { l: { uid: 'l', kind: 1, model } }, panels: [place] },
    sources,
  );
  expect(panels[0]).toMatchObject({ ...model, id: 7, gridPos: place.gridPos });
});

it('says so if it is no dashboard', () => {
  expect(() => loadDashboard('text', sources)).toThrow('not a dashboard');
});
