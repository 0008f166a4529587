import type { DataLink, FieldConfigSource } from '@grafana/data';
import type { VariableModel } from '../variables/types';

/** A data source as dashboards refer to it. Old ones have only a name. */
export type DataSourceRef = { type?: string; uid?: string } | string | null;

export interface Target {
  refId: string;
  datasource?: DataSourceRef;
  hide?: boolean;
  expr?: string;
  query?: unknown;
  format?: string;
  instant?: boolean;
  range?: boolean;
  interval?: string;
  intervalFactor?: number;
  legendFormat?: string;
  queryType?: string;
  maxLines?: number;
  rawSql?: string;
  panelId?: number;
  [key: string]: unknown;
}

export interface Transformation {
  id: string;
  disabled?: boolean;
  options?: unknown;
  filter?: { id: string; options?: unknown };
  topic?: string;
}

export interface GridPos {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface Panel {
  /** Unique in the dashboard, also among those that are repeated. */
  key: string;
  id: number;
  type: string;
  title?: string;
  description?: string;
  transparent?: boolean;
  gridPos: GridPos;
  datasource?: DataSourceRef;
  targets: Target[];
  transformations?: Transformation[];
  fieldConfig: FieldConfigSource;
  // Each kind of panel knows its own.
  // biome-ignore lint/suspicious/noExplicitAny: it is others' JSON, and read with defaults.
  options: Record<string, any>;
  links?: DataLink[];
  repeat?: string;
  repeatDirection?: 'h' | 'v';
  maxPerRow?: number;
  /** One of those that are put side by side as they come, repeated ones too. */
  flow?: boolean;
  interval?: string;
  maxDataPoints?: number;
  timeFrom?: string | null;
  timeShift?: string | null;
  hideTimeOverride?: boolean;
  /** Of rows. */
  collapsed?: boolean;
  panels?: Panel[];
  /** What this one of a repetition stands for: variable → value. */
  scoped?: Record<string, { text: string; value: string }>;
  /** Why it can't be shown as it is, if something is wrong with its definition. */
  notice?: string;
}

export interface AnnotationQuery {
  name: string;
  enable?: boolean;
  hide?: boolean;
  iconColor?: string;
  datasource?: DataSourceRef;
  expr?: string;
  titleFormat?: string;
  textFormat?: string;
  tagKeys?: string;
  step?: string;
  useValueForTime?: boolean | string;
  target?: Target;
  builtIn?: number;
  type?: string;
  filter?: { exclude?: boolean; ids?: number[] };
}

export interface DashboardLink {
  title?: string;
  type?: 'link' | 'dashboards';
  url?: string;
  tags?: string[];
  tooltip?: string;
  icon?: string;
  asDropdown?: boolean;
  includeVars?: boolean;
  keepTime?: boolean;
  targetBlank?: boolean;
}

export interface Dashboard {
  uid: string;
  title: string;
  description?: string;
  tags: string[];
  panels: Panel[];
  templating: { list: VariableModel[] };
  annotations: { list: AnnotationQuery[] };
  links: DashboardLink[];
  time: { from: string; to: string };
  timezone?: string;
  refresh?: string;
  graphTooltip: number;
  weekStart?: string;
  timepicker?: { hidden?: boolean; refresh_intervals?: string[]; nowDelay?: string };
}
