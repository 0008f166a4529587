import { describe, expect, it } from 'vitest';
import { intervalOf, milliseconds, rateInterval } from '../src/data/intervals';
import { type PrometheusData, type Shape, toFrames } from '../src/data/prometheus';
import { hour } from './scope';

const shape: Shape = { refId: 'A', expr: 'up', instant: false, start: 100, end: 140, step: 10, several: false };
const matrix: PrometheusData = {
  resultType: 'matrix',
  result: [
    {
      metric: { __name__: 'up', ins: 'a' },
      values: [
        [100, '1'],
        [110, '2.5'],
        [130, '+Inf'],
        [140, 'NaN'],
      ],
    },
    { metric: { __name__: 'up', ins: 'b' }, values: [[120, '-3e-2']] },
  ],
};
const vector: PrometheusData = {
  resultType: 'vector',
  result: [
    { metric: { ins: 'a', cls: 'x' }, value: [140, '1'] },
    { metric: { ins: 'b' }, value: [140, '2'] },
  ],
};

describe('time series', () => {
  it('has a value for each step, and null where there is none', () => {
    const [first, second] = toFrames(matrix, shape);
    expect(first!.fields[0]!.values).toEqual([100_000, 110_000, 120_000, 130_000, 140_000]);
    expect(first!.fields[1]!.values).toEqual([1, 2.5, null, Number.POSITIVE_INFINITY, Number.NaN]);
    expect(second!.fields[1]!.values).toEqual([null, null, -0.03, null, null]);
    expect(first!.fields[1]!.labels).toEqual({ __name__: 'up', ins: 'a' });
  });

  it.each([
    [undefined, ['up{ins="a"}', 'up{ins="b"}']],
    ['{{ins}} of {{ __name__ }}', ['a of up', 'b of up']],
    ['__auto', ['a', 'b']],
  ])('is named by the legend format %s', (legendFormat, expected) => {
    expect(
      toFrames(matrix, { ...shape, legendFormat }).map((frame) => frame.fields[1]!.config.displayNameFromDS),
    ).toEqual(expected);
  });

  it('is named by the query if it has no labels', () => {
    const data: PrometheusData = { resultType: 'matrix', result: [{ metric: {}, values: [[100, '1']] }] };
    expect(toFrames(data, { ...shape, expr: 'sum(up)' })[0]!.name).toBe('sum(up)');
  });
});

describe('tables', () => {
  it('have a column for each label', () => {
    const [frame] = toFrames(vector, { ...shape, instant: true, format: 'table' });
    expect(frame!.fields.map((field) => [field.name, field.values])).toEqual([
      ['Time', [140_000, 140_000]],
      ['cls', ['x', '']],
      ['ins', ['a', 'b']],
      ['Value', [1, 2]],
    ]);
  });

  it('name the value after the query where there are several', () => {
    const [frame] = toFrames(vector, { ...shape, instant: true, format: 'table', several: true, refId: 'C' });
    expect(frame!.fields.at(-1)!.name).toBe('Value #C');
  });

  it('are nothing if there is nothing', () => {
    expect(toFrames({ resultType: 'vector', result: [] }, { ...shape, format: 'table' })).toEqual([]);
  });
});

it('takes numbers without series, too', () => {
  const [frame] = toFrames({ resultType: 'scalar', result: [140, '7'] }, { ...shape, instant: true });
  expect(frame!.fields[1]!.values).toEqual([7]);
});

it('tells buckets of a histogram apart', () => {
  const data: PrometheusData = {
    resultType: 'matrix',
    result: [
      { metric: { le: '+Inf' }, values: [[100, '10']] },
      { metric: { le: '0.5' }, values: [[100, '4']] },
      { metric: { le: '1' }, values: [[100, '9']] },
    ],
  };
  const [frame] = toFrames(data, { ...shape, format: 'heatmap', end: 100 });
  expect(frame!.fields.slice(1).map((field) => [field.name, field.values[0]])).toEqual([
    ['0.5', 4],
    ['1', 5],
    ['+Inf', 1],
  ]);
});

describe('intervals', () => {
  it.each([
    ['15s', 15_000],
    ['1h', 3_600_000],
    ['>30s', 30_000],
    ['10', 10_000],
    ['', undefined],
  ])('%s is %s ms', (text, expected) => {
    expect(milliseconds(text)).toBe(expected);
  });

  it('never ask for more points than fit, nor for what is between two values', () => {
    expect(intervalOf(hour, 100, '10s').ms).toBeGreaterThanOrEqual(36_000 * 0.8);
    expect(intervalOf(hour, 5000, '10s').ms).toBe(10_000);
  });

  it('rates see at least four values', () => {
    expect(rateInterval(10_000, '10s')).toBe(40_000);
    expect(rateInterval(120_000, '10s')).toBe(130_000);
    expect(rateInterval(15_000, undefined)).toBe(60_000);
  });
});
