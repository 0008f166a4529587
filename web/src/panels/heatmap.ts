import { type DataFrame, FieldType, getFieldDisplayName } from '@grafana/data';

export interface Heatmap {
  /** Where each column begins, in milliseconds, and how wide it is. */
  times: number[];
  step: number;
  /** From below to above. */
  rows: { label: string; from?: number; to?: number; counts: (number | null)[] }[];
}

const order = (label: string): number => {
  const number = Number(label.replace('+Inf', 'Infinity').replace(/^.*?(-?\d+(\.\d+)?([eE][+-]?\d+)?).*$/, '$1'));
  return Number.isNaN(number) ? Number.POSITIVE_INFINITY : number;
};

function stepOf(times: number[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 1; i < times.length; i++) least = Math.min(least, times[i]! - times[i - 1]!);
  return Number.isFinite(least) && least > 0 ? least : 60_000;
}

/** Series whose names are buckets. */
export function fromBuckets(frames: DataFrame[]): Heatmap | undefined {
  const all = new Map<number, number>();
  const rows: { label: string; values: Map<number, number> }[] = [];
  for (const frame of frames) {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    if (!time) continue;
    for (const at of time.values) all.set(at, 0);
    for (const field of frame.fields.filter((each) => each.type === FieldType.number)) {
      const values = new Map<number, number>();
      time.values.forEach((at: number, i: number) => {
        values.set(at, field.values[i]);
      });
      rows.push({ label: getFieldDisplayName(field, frame, frames), values });
    }
  }
  if (!rows.length) return undefined;
  const times = [...all.keys()].sort((a, b) => a - b);
  rows.sort((a, b) => order(a.label) - order(b.label));
  return {
    times,
    step: stepOf(times),
    rows: rows.map(({ label, values }) => ({ label, counts: times.map((at) => values.get(at) ?? null) })),
  };
}

/** Even bounds around the values, at round numbers. */
export function bounds(min: number, max: number, count: number): number[] {
  const raw = (max - min || 1) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const size = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= raw)!;
  const first = Math.floor(min / size) * size;
  const result: number[] = [];
  for (let i = 0; first + i * size <= max + size; i++) result.push(Number((first + i * size).toPrecision(12)));
  return result;
}

/** Counts how many values are in each box of time and size. */
export function fromValues(frames: DataFrame[], columns: number, lines: number): Heatmap | undefined {
  const points: [number, number][] = [];
  for (const frame of frames) {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    for (const field of frame.fields.filter((each) => each.type === FieldType.number)) {
      time?.values.forEach((at: number, i: number) => {
        const value = field.values[i];
        if (Number.isFinite(value)) points.push([at, value]);
      });
    }
  }
  if (!points.length) return undefined;
  const ats = points.map(([at]) => at);
  const values = points.map(([, value]) => value);
  const low = (numbers: number[]) => numbers.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = (numbers: number[]) => numbers.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const [start, end] = [low(ats), high(ats)];
  const step = Math.max(1, Math.ceil((end - start + 1) / columns));
  const limits = bounds(low(values), high(values), lines);
  const size = limits[1]! - limits[0]!;
  const count = Math.floor((end - start) / step) + 1;
  const rows = limits.slice(0, -1).map((from, i) => ({
    label: String(from),
    from,
    to: limits[i + 1]!,
    counts: new Array<number | null>(count).fill(null),
  }));
  for (const [at, value] of points) {
    const row = rows[Math.min(rows.length - 1, Math.max(0, Math.floor((value - limits[0]!) / size + 1e-9)))]!;
    const column = Math.floor((at - start) / step);
    row.counts[column] = (row.counts[column] ?? 0) + 1;
  }
  return { times: Array.from({ length: count }, (_, i) => start + i * step), step, rows };
}

/** Colours from few to many, by the name of a scheme. */
const schemes: Record<string, string[]> = {
  Oranges: ['#fff5eb', '#fdd0a2', '#fd8d3c', '#d94801', '#7f2704'],
  Blues: ['#f7fbff', '#c6dbef', '#6baed6', '#2171b5', '#08306b'],
  Greens: ['#f7fcf5', '#c7e9c0', '#74c476', '#238b45', '#00441b'],
  Reds: ['#fff5f0', '#fcbba1', '#fb6a4a', '#cb181d', '#67000d'],
  Purples: ['#fcfbfd', '#dadaeb', '#9e9ac8', '#6a51a3', '#3f007d'],
  Greys: ['#ffffff', '#d9d9d9', '#969696', '#525252', '#000000'],
  Turbo: ['#30123b', '#28bceb', '#a4fc3c', '#fb7e21', '#7a0403'],
  Viridis: ['#440154', '#3b528b', '#21918c', '#5ec962', '#fde725'],
  Magma: ['#000004', '#51127c', '#b73779', '#fc8961', '#fcfdbf'],
  Inferno: ['#000004', '#57106e', '#bc3754', '#f98e09', '#fcffa4'],
  Plasma: ['#0d0887', '#7e03a8', '#cc4778', '#f89540', '#f0f921'],
  Spectral: ['#9e0142', '#f46d43', '#ffffbf', '#66c2a5', '#5e4fa2'],
  RdYlGn: ['#a50026', '#f46d43', '#ffffbf', '#66bd63', '#006837'],
  YlOrRd: ['#ffffcc', '#fed976', '#fd8d3c', '#e31a1c', '#800026'],
};

const channels = (hex: string): number[] => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));

/** As many colours as wanted, from few to many. In the dark what is rare is dark. */
export function palette(scheme: string | undefined, steps: number, reverse: boolean, dark: boolean): string[] {
  let stops = schemes[scheme ?? 'Oranges'] ?? schemes.Oranges!;
  const fromLight = channels(stops[0]!).reduce((a, b) => a + b, 0) > channels(stops.at(-1)!).reduce((a, b) => a + b, 0);
  if (reverse !== (dark && fromLight && scheme !== 'Spectral')) stops = [...stops].reverse();
  return Array.from({ length: steps }, (_, i) => {
    const at = (i / Math.max(1, steps - 1)) * (stops.length - 1);
    const below = Math.min(stops.length - 2, Math.floor(at));
    const [a, b] = [channels(stops[below]!), channels(stops[below + 1]!)];
    return `rgb(${a.map((channel, k) => Math.round(channel + (b[k]! - channel) * (at - below))).join(',')})`;
  });
}
