import { type DataFrame, type DataTransformerInfo, type Field, FieldType, getFieldDisplayName } from '@grafana/data';
import { map } from 'rxjs/operators';
import { fieldOf } from '../data/frames';

interface Options {
  source?: string;
  format?: 'auto' | 'json' | 'kvp' | 'delimiter' | 'regexp';
  delimiter?: string;
  regExp?: string;
  jsonPaths?: { path: string; alias?: string }[];
  replace?: boolean;
  keepTime?: boolean;
}

type Row = Record<string, unknown>;

function fromPairs(text: string): Row {
  const row: Row = {};
  for (const match of text.matchAll(/([^\s=,;&]+)\s*[=:]\s*("(?:[^"\\]|\\.)*"|[^\s,;&]*)/g)) {
    row[match[1]!] = match[2]!.replace(/^"(.*)"$/s, '$1');
  }
  return row;
}

function fromJson(value: unknown): Row | undefined {
  if (typeof value === 'object' && value !== null) return value as Row;
  try {
    const parsed = JSON.parse(String(value));
    return typeof parsed === 'object' && parsed !== null ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function at(row: Row, path: string): unknown {
  const keys = path.replace(/\[["']?([^"'\]]+)["']?\]/g, '.$1').split('.');
  return keys.filter(Boolean).reduce<unknown>((value, key) => (value as Row | undefined)?.[key], row);
}

function parse(value: unknown, options: Options): Row {
  if (value === null || value === undefined) return {};
  const text = String(value);
  switch (options.format) {
    case 'kvp':
      return fromPairs(text);
    case 'delimiter':
      return Object.fromEntries(text.split(options.delimiter || ',').map((part) => [part.trim(), true]));
    case 'regexp': {
      const [, body, flags] = /^\/(.*)\/(\w*)$/s.exec(options.regExp ?? '') ?? [null, options.regExp ?? '', ''];
      return { ...new RegExp(body!, flags!.replace('g', '')).exec(text)?.groups };
    }
    default: {
      const row = fromJson(value) ?? (options.format === 'json' ? {} : fromPairs(text));
      if (!options.jsonPaths?.some((each) => each.path)) return row;
      return Object.fromEntries(options.jsonPaths.map(({ path, alias }) => [alias || path, at(row, path)]));
    }
  }
}

function extract(frame: DataFrame, options: Options, frames: DataFrame[]): DataFrame {
  const source = frame.fields.find(
    (field) => field.name === options.source || getFieldDisplayName(field, frame, frames) === options.source,
  );
  if (!source) return frame;
  const rows = source.values.map((value) => parse(value, options));
  const names = new Set(rows.flatMap((row) => Object.keys(row)));
  const extracted = [...names].map((name) =>
    fieldOf(
      name,
      rows.map((row) => row[name] ?? null),
    ),
  );
  let kept: Field[] = frame.fields;
  if (options.replace) kept = options.keepTime ? kept.filter((field) => field.type === FieldType.time) : [];
  return { ...frame, fields: [...kept, ...extracted] };
}

/** Makes fields of what is in the text (or object) of one: JSON, key=value pairs, or groups of a pattern. */
export const extractFields: DataTransformerInfo<Options> = {
  id: 'extractFields',
  name: 'Extract fields',
  defaultOptions: {},
  operator: (options) => (source) =>
    source.pipe(map((frames) => frames.map((frame) => extract(frame, options, frames)))),
};
