/** The history as a dashboard: how many fired, which when, and for how long each did. */
export function historyBoard(watchdog: string): object {
  const datasource = { type: 'prometheus', uid: 'vmetrics' };
  const firing = `ALERTS{alertstate="firing",alertname!="${watchdog}"}`;
  const color = (mode: string, fixedColor?: string) => ({ mode, fixedColor });
  return {
    uid: '',
    title: 'Alert history',
    schemaVersion: 42,
    time: { from: 'now-24h', to: 'now' },
    graphTooltip: 1,
    panels: [
      {
        id: 1,
        type: 'timeseries',
        title: 'Alerts firing',
        datasource,
        gridPos: { x: 0, y: 0, w: 24, h: 6 },
        targets: [{ refId: 'A', expr: `count by (severity) (${firing})`, legendFormat: '{{severity}}', range: true }],
        fieldConfig: {
          defaults: {
            unit: 'short',
            decimals: 0,
            min: 0,
            custom: { fillOpacity: 30, lineWidth: 1, stacking: { mode: 'normal' }, lineInterpolation: 'stepAfter' },
          },
          overrides: ['CRIT:red', 'WARN:orange', 'INFO:blue'].map((pair) => {
            const [name, shade] = pair.split(':');
            return {
              matcher: { id: 'byName', options: name },
              properties: [{ id: 'color', value: color('fixed', shade) }],
            };
          }),
        },
        options: {
          legend: { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] },
          tooltip: { mode: 'multi' },
        },
      },
      {
        id: 2,
        type: 'state-timeline',
        title: 'Which alert fired when',
        description: 'One row for each alert and instance.',
        datasource,
        gridPos: { x: 0, y: 6, w: 24, h: 12 },
        targets: [
          {
            refId: 'A',
            expr: `max by (alertname, ins) (${firing})`,
            legendFormat: '{{alertname}} {{ins}}',
            range: true,
          },
        ],
        fieldConfig: {
          defaults: {
            color: color('fixed', 'red'),
            custom: { fillOpacity: 80, lineWidth: 0 },
            mappings: [{ type: 'value', options: { 1: { text: 'firing', color: 'red', index: 0 } } }],
          },
          overrides: [],
        },
        options: { showValue: 'never', rowHeight: 0.8, mergeValues: true, legend: { showLegend: false } },
      },
      {
        id: 3,
        type: 'table',
        title: 'How long each was firing in this time',
        datasource,
        gridPos: { x: 0, y: 18, w: 24, h: 9 },
        targets: [
          {
            refId: 'A',
            expr: `sort_desc(sum by (alertname, severity, cls, ins) (count_over_time(${firing}[$__range])))`,
            instant: true,
            format: 'table',
          },
        ],
        transformations: [
          { id: 'organize', options: { excludeByName: { Time: true }, renameByName: { Value: 'evaluations' } } },
        ],
        fieldConfig: { defaults: {}, overrides: [] },
        options: { showHeader: true },
      },
    ],
  };
}
