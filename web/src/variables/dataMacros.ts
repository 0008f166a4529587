import {
  type DataFrame,
  type DisplayValue,
  type Field,
  FieldType,
  formatLabels,
  formattedValueToString,
  getFieldDisplayName,
  type ScopedVars,
} from '@grafana/data';

/** What @grafana/data passes along when it asks for a link's text: the value that the link is of. */
interface DataContext {
  data?: DataFrame[];
  frame: DataFrame;
  field: Field;
  rowIndex?: number;
  calculatedValue?: DisplayValue;
}

const contextOf = (scoped: ScopedVars): DataContext | undefined => scoped.__dataContext?.value;

/** `a.b["c d"][0]` as its keys. */
export function keysOf(path: string): string[] {
  return [...path.matchAll(/\["([^"]*)"\]|\['([^']*)'\]|\[([^\]]*)\]|([^.[\]]+)/g)].map(
    (match) => (match[1] ?? match[2] ?? match[3] ?? match[4])!,
  );
}

const shown = (field: Field, row: number): string => {
  const value = field.values[row];
  return field.display ? formattedValueToString(field.display(value)) : String(value ?? '');
};

const text = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

function value({ frame, field, rowIndex, calculatedValue }: DataContext, key = 'text'): string {
  if (rowIndex === undefined) {
    if (!calculatedValue) return '';
    if (key === 'raw' || key === 'numeric') return text(calculatedValue.numeric);
    return key === 'text' ? formattedValueToString(calculatedValue) : '';
  }
  if (key === 'time') return text(frame.fields.find((each) => each.type === FieldType.time)?.values[rowIndex]);
  if (key === 'raw') return text(field.values[rowIndex]);
  if (key === 'numeric')
    return text(field.display ? field.display(field.values[rowIndex]).numeric : field.values[rowIndex]);
  return shown(field, rowIndex);
}

function named(field: Field, { data, frame }: DataContext, [key, label]: string[]): string {
  if (key === 'labels') return label === undefined ? formatLabels(field.labels ?? {}) : text(field.labels?.[label]);
  if (key === 'displayName' || key === 'name' || key === undefined) return getFieldDisplayName(field, frame, data);
  return '';
}

function cell(context: DataContext, [which, key = 'text']: string[]): string {
  const { data, frame, rowIndex } = context;
  if (which === undefined || rowIndex === undefined) return '';
  const field =
    frame.fields.find((each) => getFieldDisplayName(each, frame, data) === which) ??
    frame.fields.find((each) => each.name === which) ??
    frame.fields[Number(which)];
  if (!field) return '';
  if (key === 'numeric' || key === 'raw') return text(field.values[rowIndex]);
  return shown(field, rowIndex);
}

/** `__value`, `__field`, `__series`, `__data` and `__cell_n` where there is a value to speak of; else nothing. */
export function dataMacro(name: string, path: string | undefined, scoped: ScopedVars): string | undefined {
  const context = contextOf(scoped);
  if (!context) return undefined;
  const keys = keysOf(path ?? '');
  const cellNumber = /^__cell(?:_(\d+))?$/.exec(name)?.[1];
  if (cellNumber !== undefined) return cell(context, [cellNumber, 'raw']);
  switch (name) {
    case '__value':
      return value(context, keys[0]);
    case '__field':
      return named(context.field, context, keys);
    case '__series':
      return context.frame.name ?? getFieldDisplayName(context.field, context.frame, context.data);
    case '__data':
      if (keys[0] === 'fields') return cell(context, keys.slice(1));
      return text(keys[0] === 'refId' ? context.frame.refId : context.frame.name);
    default:
      return undefined;
  }
}
