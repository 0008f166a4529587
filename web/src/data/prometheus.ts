import { type DataFrame, type Field, FieldType, renderLegendFormat } from '@grafana/data';
import { fieldOf, frameOf } from './frames';

export type Labels = Record<string, string>;
type Sample = [number, string];

export interface Series {
  metric: Labels;
  values?: Sample[];
  value?: Sample;
  histogram?: unknown;
}

/** `data` of an answer of Prometheus' API. */
export type PrometheusData =
  | { resultType: 'matrix'; result: Series[] }
  | { resultType: 'vector'; result: Series[] }
  | { resultType: 'scalar'; result: Sample }
  | { resultType: 'string'; result: Sample };

export interface PrometheusAnswer {
  status: string;
  data: PrometheusData;
  error?: string;
  warnings?: string[];
  isPartial?: boolean;
}

/** What of a query decides how its answer is shown. */
export interface Shape {
  refId: string;
  expr: string;
  format?: string;
  legendFormat?: string;
  /** Asked for one moment. */
  instant: boolean;
  /** The first and last moment that was asked for, and the step, in seconds. */
  start: number;
  end: number;
  step: number;
  /** Whether the panel has several queries, whose values have to be told apart. */
  several: boolean;
}

export function numberOf(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  return Number(text);
}

export function seriesName({ __name__: name = '', ...labels }: Labels): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  return pairs.length ? `${name}{${pairs.join(', ')}}` : name;
}

/** The name in the legend: as the query says; by itself the labels that are not the same for all, or the query. */
function legendName(metric: Labels, shape: Shape, varying: Set<string> | undefined): string {
  const { legendFormat, expr } = shape;
  if (legendFormat && legendFormat !== '__auto') return renderLegendFormat(legendFormat, metric);
  if (legendFormat === '__auto' && varying) {
    if (!varying.size) return seriesName(metric) || expr;
    const some = [...varying].filter((key) => metric[key] !== undefined);
    if (some.length === 1) return metric[some[0]!]!;
    if (some.length) return seriesName(Object.fromEntries(some.map((key) => [key, metric[key]!])));
  }
  return seriesName(metric) || expr;
}

function varyingLabels(series: Series[]): Set<string> {
  const keys = new Set(series.flatMap((each) => Object.keys(each.metric)));
  return new Set([...keys].filter((key) => new Set(series.map((each) => each.metric[key])).size > 1));
}

/** Values on every step of the range; null where there is none, so that gaps are drawn as gaps. */
function onGrid(values: Sample[], { start, end, step }: Shape): { times: number[]; numbers: (number | null)[] } {
  const length = Math.max(0, Math.floor((end - start) / step + 1e-6)) + 1;
  const times = new Array<number>(length);
  const numbers = new Array<number | null>(length).fill(null);
  for (let i = 0; i < length; i++) times[i] = Math.round((start + i * step) * 1000);
  for (const [time, text] of values) {
    const i = Math.round((time - start) / step);
    if (i >= 0 && i < length) numbers[i] = numberOf(text);
  }
  return { times, numbers };
}

const timeField = (values: number[], step?: number): Field => ({
  name: 'Time',
  type: FieldType.time,
  config: step ? { interval: step * 1000 } : {},
  values,
});

function seriesFrame(series: Series, shape: Shape, varying: Set<string> | undefined): DataFrame {
  const name = legendName(series.metric, shape, varying);
  const { times, numbers } = shape.instant
    ? {
        times: samples(series).map(([time]) => time * 1000),
        numbers: samples(series).map(([, text]) => numberOf(text)),
      }
    : onGrid(samples(series), shape);
  const value: Field = {
    name: 'Value',
    type: FieldType.number,
    labels: series.metric,
    config: { displayNameFromDS: name },
    values: numbers,
  };
  return frameOf([timeField(times, shape.instant ? undefined : shape.step), value], { refId: shape.refId, name });
}

const samples = (series: Series): Sample[] => series.values ?? (series.value ? [series.value] : []);

/** One row for each value, with a column for each label. */
function tableFrame(series: Series[], shape: Shape): DataFrame {
  const keys = [...new Set(series.flatMap((each) => Object.keys(each.metric)))].sort();
  const rows = series.flatMap((each) => samples(each).map((sample) => ({ metric: each.metric, sample })));
  const valueName = shape.several ? `Value #${shape.refId}` : 'Value';
  return frameOf(
    [
      timeField(rows.map(({ sample }) => sample[0] * 1000)),
      ...keys.map((key) => ({
        name: key,
        type: FieldType.string,
        config: { filterable: true },
        values: rows.map(({ metric }) => metric[key] ?? ''),
      })),
      fieldOf(
        valueName,
        rows.map(({ sample }) => numberOf(sample[1])),
        { type: FieldType.number },
      ),
    ],
    { refId: shape.refId, meta: { preferredVisualisationType: 'table' } },
  );
}

const bound = (series: Series): number => numberOf(series.metric.le ?? 'NaN');

/** Buckets of a histogram, which count everything below their bound, as what is between two bounds. */
function heatmapFrame(series: Series[], shape: Shape): DataFrame {
  const sorted = [...series].sort((a, b) => bound(a) - bound(b));
  const grids = sorted.map((each) => onGrid(samples(each), shape));
  const times = grids[0]?.times ?? [];
  const fields = sorted.map((each, i) => {
    const below = i ? grids[i - 1]!.numbers : undefined;
    const values = grids[i]!.numbers.map((value, k) =>
      value === null ? null : Math.max(0, value - (below?.[k] ?? 0)),
    );
    const name = legendFor(each, shape);
    return { name, type: FieldType.number, labels: each.metric, config: { displayNameFromDS: name }, values };
  });
  return frameOf([timeField(times, shape.step), ...fields], {
    refId: shape.refId,
    meta: { type: 'heatmap-rows' as never },
  });
}

const legendFor = (series: Series, shape: Shape): string =>
  shape.legendFormat && shape.legendFormat !== '__auto'
    ? renderLegendFormat(shape.legendFormat, series.metric)
    : (series.metric.le ?? seriesName(series.metric));

/** The answer of Prometheus as frames: a frame for each series, a table, or the buckets of a histogram. */
export function toFrames(data: PrometheusData, shape: Shape): DataFrame[] {
  if (data.resultType === 'scalar' || data.resultType === 'string') {
    return toFrames({ resultType: 'vector', result: [{ metric: {}, value: data.result }] }, shape);
  }
  const series = data.result;
  if (shape.format === 'table') return series.length ? [tableFrame(series, shape)] : [];
  if (shape.format === 'heatmap') return series.length ? [heatmapFrame(series, shape)] : [];
  const varying = shape.legendFormat === '__auto' ? varyingLabels(series) : undefined;
  return series.map((each) => seriesFrame(each, shape, varying));
}
