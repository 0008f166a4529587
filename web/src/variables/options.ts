import type { Option, VariableModel } from './types';

const natural = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });
const firstNumber = (text: string): number => Number(/\d+(\.\d+)?/.exec(text)?.[0] ?? Number.NEGATIVE_INFINITY);
const plain = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Sorts as the dashboard says: its codes come in pairs, up and down. */
export function sortOptions(options: Option[], code = 0): Option[] {
  const compare: Record<number, (a: Option, b: Option) => number> = {
    1: (a, b) => plain(a.text, b.text),
    3: (a, b) => firstNumber(a.text) - firstNumber(b.text),
    5: (a, b) => plain(a.text.toLowerCase(), b.text.toLowerCase()),
    7: (a, b) => natural.compare(a.text, b.text),
  };
  const down = code > 0 && code % 2 === 0;
  const by = compare[down ? code - 1 : code];
  if (!by) return options;
  const sorted = [...options].sort(by);
  return down ? sorted.reverse() : sorted;
}

function pattern(regex: string): RegExp | undefined {
  const [, body, flags] = /^\/(.*)\/(\w*)$/s.exec(regex) ?? [null, regex, ''];
  try {
    return new RegExp(body!, flags!.includes('g') ? flags : `${flags}g`);
  } catch {
    return undefined;
  }
}

/** Keeps what the pattern matches: its groups `text` and `value`, its first group (each time it matches), or all of the option. */
export function filterOptions(options: Option[], regex: string | undefined): Option[] {
  const matching = regex ? pattern(regex) : undefined;
  if (!matching) return options;
  return options.flatMap((option) => {
    const matches = [...option.text.matchAll(matching)];
    if (!matches.length) return [];
    const groups = matches.map((match) => match.groups ?? {});
    const text = groups.find((each) => each.text !== undefined)?.text;
    const value = groups.find((each) => each.value !== undefined)?.value;
    if (text !== undefined || value !== undefined) return [{ text: (text ?? value)!, value: (value ?? text)! }];
    const wanted = /^\/.*\/\w*g\w*$/s.test(regex!) ? matches : matches.slice(0, 1);
    const found = wanted.map((match) => match[1]).filter((each) => each !== undefined);
    if (!found.length) return [option];
    // Names of data sources are shortened; what they stand for stays.
    return found.map((each) => ({ text: each, value: option.text === option.value ? each : option.value }));
  });
}

export function unique(options: Option[]): Option[] {
  const seen = new Set<string>();
  return options.filter((option) => option.value !== '' && !seen.has(option.value) && seen.add(option.value));
}

/** `a,b : c,d\,e` as options: text and value, commas escaped. */
export function customOptions(query: string): Option[] {
  const trimmed = query.trim();
  if (trimmed.startsWith('[')) {
    try {
      const parsed: unknown[] = JSON.parse(trimmed);
      return parsed.map((each) => {
        const item = typeof each === 'object' && each !== null ? (each as Partial<Option>) : { value: String(each) };
        return { text: String(item.text ?? item.value), value: String(item.value ?? item.text) };
      });
    } catch {
      // It only looked like JSON.
    }
  }
  return (query.match(/(?:\\,|[^,])+/g) ?? []).map((part) => {
    const text = part.replace(/\\,/g, ',').trim();
    const pair = /^\s*(.+)\s:\s(.+)$/.exec(text);
    return pair ? { text: pair[1]!.trim(), value: pair[2]!.trim() } : { text, value: text };
  });
}

export const plainOptions = (values: string[]): Option[] => values.map((value) => ({ text: value, value }));

/** All that was asked for, as the variable wants it: filtered, each once, sorted. */
export const arrange = (options: Option[], model: VariableModel): Option[] =>
  sortOptions(unique(filterOptions(options, model.regex)), model.sort);
