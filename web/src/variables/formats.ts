import { dateTime } from '@grafana/data';

/** How several values become one text: `${name:format}`. */
export type Formatter = (values: string[], name: string, argument?: string) => string;

export const escapeRegex = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/** Percent-encoded so that it fits anywhere in a URL; slashes and colons stay readable. */
export const encodeUrl = (text: string): string =>
  encodeURIComponent(text)
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%2F/g, '/')
    .replace(/%3A/g, ':');

const strict = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

const one = (values: string[], many: (values: string[]) => string): string =>
  values.length === 1 ? values[0]! : many(values);

/** A text within double quotes of PromQL and LogsQL. */
export const escapeQuoted = (text: string): string => text.replace(/\\/g, '\\\\').replace(/"/g, '\\"');

/** A pattern within double quotes: escaped as a pattern, and then as a text. */
const escapePattern = (text: string): string =>
  text
    .replace(/\\/g, '\\\\\\\\')
    .replace(/[$^*{}[\]'+?.()|]/g, '\\\\$&')
    .replace(/"/g, '\\"');

/** As data sources that speak PromQL want values of a variable that may have several. */
export const prometheusPattern = (values: string[]): string =>
  values.length === 1 ? escapePattern(values[0]!) : `(${values.map(escapePattern).join('|')})`;

function date(value: string, format = 'iso'): string {
  const time = dateTime(Number(value));
  if (format === 'iso') return time.toISOString();
  if (format === 'seconds') return String(Math.round(time.valueOf() / 1000));
  return time.format(format);
}

const quotedBy = (quote: string, escaped: string) => (values: string[]) =>
  values.map((value) => `${quote}${value.replaceAll(quote, escaped)}${quote}`).join(',');

export const formats: Record<string, Formatter> = {
  glob: (values) => one(values, (all) => `{${all.join(',')}}`),
  csv: (values) => values.join(','),
  raw: (values) => values.join(','),
  text: (values) => values.join(' + '),
  pipe: (values) => values.join('|'),
  regex: (values) => (values.length === 1 ? escapeRegex(values[0]!) : `(${values.map(escapeRegex).join('|')})`),
  json: (values) => JSON.stringify(values.length === 1 ? values[0] : values),
  singlequote: quotedBy("'", "\\'"),
  doublequote: quotedBy('"', '\\"'),
  sqlstring: quotedBy("'", "''"),
  percentencode: (values) => strict(formats.glob!(values, '')),
  uriencode: (values) => encodeUrl(formats.glob!(values, '')),
  lucene: (values) => {
    const quoted = values.map((value) => `"${escapeQuoted(value)}"`);
    return values.length === 1
      ? values[0]!.replace(/[+\-=&|><!(){}[\]^"~*?:\\/ ]/g, '\\$&')
      : `(${quoted.join(' OR ')})`;
  },
  distributed: (values, name) => values.map((value, i) => (i ? `${name}=${value}` : value)).join(','),
  queryparam: (values, name) => values.map((value) => `var-${name}=${strict(value)}`).join('&'),
  customqueryparam: (values, name, argument) =>
    values.map((value) => `${argument?.split(':')[0] || name}=${strict(value)}`).join('&'),
  join: (values, _name, argument) => values.join(argument ?? ','),
  date: (values, _name, argument) => date(values[0] ?? '', argument),
  prometheus: prometheusPattern,
};

/** Formats as `${name:format:argument}` asks. Unknown formats are as none. */
export function format(values: string[], name: string, wanted: string): string {
  const [id, ...rest] = wanted.split(':');
  const formatter = formats[id!] ?? formats.glob!;
  return formatter(values, name, rest.length ? rest.join(':') : undefined);
}
