import { type DataFrame, type Field, FieldType } from '@grafana/data';

/** A field of the type that its values have. */
export function fieldOf(name: string, values: unknown[], extra: Partial<Field> = {}): Field {
  const first = values.find((value) => value !== null && value !== undefined);
  const types: Record<string, FieldType> = {
    number: FieldType.number,
    boolean: FieldType.boolean,
    string: FieldType.string,
  };
  return { name, type: types[typeof first] ?? FieldType.other, config: {}, values, ...extra };
}

/** A frame of fields of equal length. */
export function frameOf(fields: Field[], extra: Partial<DataFrame> = {}): DataFrame {
  return { fields, length: fields[0]?.values.length ?? 0, ...extra };
}
