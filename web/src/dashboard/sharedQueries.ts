import type { Panel } from './model';

const all = (panels: Panel[]): Panel[] => panels.flatMap((panel) => [panel, ...all(panel.panels ?? [])]);

/** A panel that shows another one's data (`-- Dashboard --`), with that one's queries. */
export function withSharedQueries(panel: Panel, panels: Panel[]): Panel {
  const shared = panel.targets.find((target) => typeof target.panelId === 'number' && !target.expr);
  if (!shared) return panel;
  const source = all(panels).find((each) => each.id === shared.panelId);
  if (!source || source === panel) return panel;
  const before = shared.withTransforms ? (source.transformations ?? []) : [];
  return {
    ...panel,
    datasource: source.datasource,
    targets: source.targets,
    interval: panel.interval ?? source.interval,
    maxDataPoints: panel.maxDataPoints ?? source.maxDataPoints,
    transformations: [...before, ...(panel.transformations ?? [])],
  };
}
