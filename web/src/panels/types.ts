import type { DataFrame, InterpolateFunction, TimeRange } from '@grafana/data';
import type { ComponentType } from 'react';
import type { AnnotationEvent } from '../dashboard/annotations';
import type { Panel } from '../dashboard/model';
import type { Scope } from '../variables/interpolate';

/** What the body of a panel is given. */
export interface PanelViewProps {
  panel: Panel;
  data: DataFrame[];
  /** Counts how often the fields were others, not only their values. */
  structure: number;
  width: number;
  height: number;
  scope: Scope;
  range: TimeRange;
  timeZone: string;
  replaceVariables: InterpolateFunction;
  annotations: AnnotationEvent[];
}

export type PanelView = ComponentType<PanelViewProps>;
