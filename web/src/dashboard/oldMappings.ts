// biome-ignore lint/suspicious/noExplicitAny: JSON of any age.
type Json = any;

/** Value mappings as they are since version 8, from those of before: one text for one value or range. */
export function newMappings(mappings: Json[]): Json[] {
  const result: Json[] = [];
  let values: Json;
  mappings.forEach((mapping, index) => {
    if (typeof mapping.type === 'string' || mapping.options) {
      result.push(mapping);
      return;
    }
    const shown = { text: mapping.text, color: mapping.color, index };
    const isRange = mapping.type === 2 || (mapping.from !== undefined && mapping.value === undefined);
    if (isRange) {
      if (mapping.from === 'null') {
        result.push({ type: 'special', options: { match: 'null', result: shown } });
        return;
      }
      result.push({ type: 'range', options: { from: Number(mapping.from), to: Number(mapping.to), result: shown } });
      return;
    }
    if (mapping.value === 'null' || mapping.value === null) {
      result.push({ type: 'special', options: { match: 'null', result: shown } });
      return;
    }
    if (!values) {
      values = { type: 'value', options: {} };
      result.push(values);
    }
    values.options[mapping.value] = shown;
  });
  return result;
}
