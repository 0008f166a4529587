/** The value that stands for all of them. */
export const ALL = '$__all';

export interface Option {
  text: string;
  value: string;
}

/** A filter that its user adds to all queries of a data source: label, operator, value. */
export interface AdhocFilter {
  key: string;
  operator: string;
  value: string;
}

/** A variable as dashboards have it (`templating.list[]`). */
export interface VariableModel {
  name: string;
  type: string;
  label?: string | null;
  description?: string | null;
  hide?: number;
  multi?: boolean;
  includeAll?: boolean;
  allValue?: string | null;
  query?: unknown;
  definition?: string;
  regex?: string;
  sort?: number;
  refresh?: number;
  skipUrlSync?: boolean;
  datasource?: { type?: string; uid?: string } | string | null;
  current?: { text?: unknown; value?: unknown };
  options?: { text?: unknown; value?: unknown }[];
  auto?: boolean;
  auto_count?: number;
  auto_min?: string;
  filters?: AdhocFilter[];
  baseFilters?: AdhocFilter[];
  allowCustomValue?: boolean;
}

/** A variable with what can be chosen, and what is. */
export interface Variable {
  model: VariableModel;
  name: string;
  options: Option[];
  /** What is chosen: several if the variable allows it, `[ALL]` for all. */
  value: string[];
  /** Of ad-hoc variables. */
  filters: AdhocFilter[];
  error?: string;
}

export type Variables = ReadonlyMap<string, Variable>;

export const isAll = (variable: Variable): boolean => variable.value.length === 1 && variable.value[0] === ALL;

/** What a variable stands for: the values, or all of them. `custom` if "all" has a text of its own. */
export function valuesOf(variable: Variable): { values: string[]; custom: boolean } {
  if (!isAll(variable)) return { values: variable.value, custom: false };
  if (variable.model.allValue) return { values: [variable.model.allValue], custom: true };
  return { values: variable.options.map((option) => option.value), custom: false };
}

/** The texts that belong to the values. */
export function textsOf(variable: Variable): string[] {
  if (isAll(variable)) return ['All'];
  const texts = new Map(variable.options.map((option) => [option.value, option.text]));
  return variable.value.map((value) => texts.get(value) ?? value);
}

/** Whether queries have to take it as a pattern. */
export const takesMany = (variable: Variable): boolean =>
  Boolean(variable.model.multi || variable.model.includeAll || variable.value.length > 1);
