import {
  type FieldConfigSource,
  type FieldDisplay,
  type GrafanaTheme2,
  getFieldDisplayValues,
  ReducerID,
} from '@grafana/data';
import { withDefaults } from '../transform/panelDefaults';
import type { PanelViewProps } from './types';

/** One value for each field (or row), as the panel's reduce options say, formatted and coloured. */
export function displayValues(
  { panel, data, replaceVariables, timeZone }: PanelViewProps,
  theme: GrafanaTheme2,
  sparkline = false,
): FieldDisplay[] {
  const reduce = panel.options.reduceOptions ?? {};
  const fieldConfig: FieldConfigSource = withDefaults(panel);
  return getFieldDisplayValues({
    fieldConfig,
    reduceOptions: { ...reduce, calcs: reduce.calcs?.length ? reduce.calcs : [ReducerID.lastNotNull] },
    replaceVariables,
    theme,
    data,
    sparkline,
    timeZone,
  });
}
