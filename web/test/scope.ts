import { dateTime, type TimeRange } from '@grafana/data';
import type { Scope } from '../src/variables/interpolate';
import type { Option, Variable, VariableModel, Variables } from '../src/variables/types';

export const range = (from: string | number, to: string | number): TimeRange => {
  const [start, end] = [dateTime(from), dateTime(to)];
  return { from: start, to: end, raw: { from: start, to: end } };
};

/** An hour of a day in May. */
export const hour = range('2026-05-04T10:00:00Z', '2026-05-04T11:00:00Z');

export function variable(
  name: string,
  value: string[],
  model: Partial<VariableModel> = {},
  options: string[] = value,
): Variable {
  const all: Option[] = options.map((each) => ({ text: each, value: each }));
  return { name, value, options: all, filters: model.filters ?? [], model: { name, type: 'query', ...model } };
}

export const variables = (...all: Variable[]): Variables => new Map(all.map((each) => [each.name, each]));

export const scope = (...all: Variable[]): Scope => ({
  variables: variables(...all),
  range: hour,
  dashboard: { uid: 'node-instance', title: 'Node' },
});
