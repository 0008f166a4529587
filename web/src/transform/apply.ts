import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  type DataFrame,
  type GrafanaTheme2,
  type InterpolateFunction,
  type ScopedVars,
  transformDataFrame,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';
import type { Panel } from '../dashboard/model';
import { format } from '../variables/formats';
import { forUrl, interpolate, type Scope } from '../variables/interpolate';
import { fieldConfigRegistry } from './fieldConfigRegistry';
import { withDefaults } from './panelDefaults';

/** The interpolation that @grafana/data calls: it names the format that it wants, as a word or as a function. */
export function interpolateFunction(scope: Scope): InterpolateFunction {
  return (text: string, scoped?: ScopedVars, wanted?: string | Function) => {
    if (wanted === 'uriencode' || wanted === 'percentencode') return interpolate(text, scope, scoped, forUrl);
    if (typeof wanted === 'string')
      return interpolate(text, scope, scoped, (values, { name }) => format(values, name, wanted));
    if (typeof wanted === 'function')
      return interpolate(text, scope, scoped, (values, { model }) => wanted(values, model));
    return interpolate(text, scope, scoped);
  };
}

/** Frames after the panel's transformations. */
export async function transformed(frames: DataFrame[], panel: Panel, scope: Scope): Promise<DataFrame[]> {
  const steps = (panel.transformations ?? []).filter((step) => !step.disabled && step.topic !== 'annotations');
  if (!steps.length) return frames;
  const configs = steps.map(({ id, options, filter }) => ({ id, options: options ?? {}, filter }));
  return lastValueFrom(transformDataFrame(configs, frames, { interpolate: interpolateFunction(scope) }));
}

/** Frames with units, colours, mappings, links … as the panel's field configuration says. */
export function configured(
  frames: DataFrame[],
  panel: Panel,
  scope: Scope,
  theme: GrafanaTheme2,
  timeZone: string,
): DataFrame[] {
  const fieldConfig = withDefaults(panel);
  const data = applyFieldOverrides({
    data: frames,
    fieldConfig,
    fieldConfigRegistry: fieldConfigRegistry(fieldConfig),
    replaceVariables: interpolateFunction(scope),
    theme,
    timeZone,
  });
  cacheFieldDisplayNames(data);
  return data;
}
