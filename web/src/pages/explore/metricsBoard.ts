/** The queries of the page as a dashboard: a graph of all, and below it what they are now, as a table for each. */
export function metricsBoard(queries: string[], datasource: string, step: string): object {
  const asked = queries
    .map((expr, i) => ({ refId: String.fromCharCode(65 + (i % 26)), expr: expr.trim() }))
    .filter(({ expr }) => expr);
  const source = { type: 'prometheus', uid: datasource };
  const graph = {
    id: 1,
    type: 'timeseries',
    title: 'Graph',
    datasource: source,
    interval: step || undefined,
    gridPos: { x: 0, y: 0, w: 24, h: 12 },
    targets: asked.map((target) => ({ ...target, range: true, legendFormat: '__auto' })),
    fieldConfig: { defaults: { custom: { fillOpacity: 5, lineWidth: 1, showPoints: 'auto' } }, overrides: [] },
    options: {
      legend: {
        showLegend: true,
        displayMode: 'table',
        placement: 'bottom',
        calcs: ['lastNotNull', 'min', 'max', 'mean'],
      },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  };
  const tables = asked.map((target, i) => ({
    id: 2 + i,
    type: 'table',
    title: asked.length > 1 ? `Now: ${target.expr}` : 'Now',
    datasource: source,
    gridPos: { x: 0, y: 12 + i * 9, w: 24, h: 9 },
    targets: [{ ...target, instant: true, format: 'table' }],
    transformations: [{ id: 'organize', options: { excludeByName: { Time: true } } }],
    fieldConfig: { defaults: { custom: { filterable: true } }, overrides: [] },
    options: { showHeader: true },
  }));
  return {
    uid: '',
    title: 'Metrics',
    schemaVersion: 42,
    panels: asked.length ? [graph, ...tables] : [],
    time: { from: 'now-1h', to: 'now' },
    graphTooltip: 1,
  };
}
