import type { DataSource } from '../app/config';
import { byType } from '../data/datasources';

interface Input {
  name: string;
  type: string;
  pluginId?: string;
  value?: string;
}

function proposed(input: Input, datasources: DataSource[]): string {
  if (input.type === 'datasource') return byType(input.pluginId, datasources)?.uid ?? input.name;
  return input.value ?? '';
}

/**
 * Replaces what an export leaves open (`__inputs`: `${DS_PROMETHEUS}`, `${VAR_X}`) by data sources that are here, and by the
 * values that the export proposes.
 */
export function resolveInputs<T>(dashboard: T, datasources: DataSource[]): T {
  const inputs = (dashboard as { __inputs?: Input[] }).__inputs ?? [];
  const values = new Map(inputs.map((input) => [input.name, proposed(input, datasources)]));
  if (!values.size) return dashboard;

  const replace = (node: unknown): unknown => {
    if (typeof node === 'string') return node.replace(/\$\{(\w+)\}/g, (match, name) => values.get(name) ?? match);
    if (Array.isArray(node)) return node.map(replace);
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(
      Object.entries(node).map(([key, value]) => [key, key === '__inputs' ? value : replace(value)]),
    );
  };
  return replace(dashboard) as T;
}
