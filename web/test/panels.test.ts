import { type DataFrame, FieldType, toDataFrame } from '@grafana/data';
import { lastValueFrom, of } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ownPath } from '../src/app/ownPath';
import { type AnnotationEvent, covered, regions } from '../src/dashboard/annotations';
import { panelRange, shifted, timeRange, widened } from '../src/dashboard/time';
import { logFrames, parseRows } from '../src/data/queryLogs';
import type { JaegerTrace } from '../src/data/queryTraces';
import { traceTable } from '../src/data/queryTraces';
import { joined } from '../src/inspect/csv';
import { fractionOf, thresholdArcs } from '../src/panels/gauge';
import { bounds, fromBuckets, fromValues, palette } from '../src/panels/heatmap';
import { levelOf, rowsOf, spanOf } from '../src/panels/logRows';
import { slicesOf } from '../src/panels/pie';
import { prepareTimeSeries } from '../src/panels/prepareTimeSeries';
import { lanesOf } from '../src/panels/timeline';
import { spanRows } from '../src/panels/trace';
import { treemap } from '../src/panels/treemap';
import { extractFields } from '../src/transform/extractFields';
import { hour } from './scope';

const frame = (times: number[], values: unknown[], name = 'v'): DataFrame => {
  const data = toDataFrame({
    fields: [
      { name: 'Time', type: FieldType.time, values: times, config: { interval: 10 } },
      { name, type: FieldType.number, values },
    ],
  });
  data.fields[1]!.display = (value: unknown) => ({
    text: String(value),
    numeric: Number(value),
    color: value === 1 ? 'green' : 'red',
  });
  return data;
};

describe('states over time', () => {
  it('are one bar as long as they are the same, and end at gaps', () => {
    const [lane] = lanesOf([frame([0, 10, 20, 30, 40, 50], [1, 1, 0, null, 1, 1])], 60);
    expect(lane!.segments.map(({ from, to, text }) => [from, to, text])).toEqual([
      [0, 20, '1'],
      [20, 30, '0'],
      [40, 60, '1'],
    ]);
  });

  it('are boxes of their own where they are not put together', () => {
    expect(lanesOf([frame([0, 10], [1, 1])], 20, false)[0]!.segments).toHaveLength(2);
  });
});

describe('time series', () => {
  it('are sorted, and of finite numbers', () => {
    const data = frame([20, 10], [Number.POSITIVE_INFINITY, 1]);
    const [drawn] = prepareTimeSeries([data]);
    expect(drawn!.fields.map((field) => field.values)).toEqual([
      [10, 20],
      [1, null],
    ]);
  });

  it('come from tables with a text for each, too; what has no time is left out', () => {
    const table = toDataFrame({
      fields: [
        { name: 't', type: FieldType.time, values: [1, 1, 2] },
        { name: 'who', type: FieldType.string, values: ['a', 'b', 'a'] },
        { name: 'n', type: FieldType.number, values: [5, 6, 7] },
      ],
    });
    const drawn = prepareTimeSeries([table, toDataFrame({ fields: [{ name: 'n', values: [1] }] })]);
    expect(drawn.map((each) => [each.fields[1]!.labels, each.fields[1]!.values])).toEqual([
      [{ who: 'a' }, [5, 7]],
      [{ who: 'b' }, [6]],
    ]);
  });
});

describe('heat', () => {
  it('has buckets in the order of their bounds', () => {
    const map = fromBuckets([
      frame([0, 10], [1, 2], '+Inf'),
      frame([0, 10], [3, 4], '0.5'),
      frame([0, 10], [5, null], '10'),
    ])!;
    expect(map.rows.map((row) => [row.label, row.counts])).toEqual([
      ['0.5', [3, 4]],
      ['10', [5, null]],
      ['+Inf', [1, 2]],
    ]);
  });

  it('counts values', () => {
    const map = fromValues([frame([0, 1, 2, 3], [1, 1, 9, 9])], 2, 2)!;
    expect(map.rows.map((row) => row.counts)).toEqual(
      [
        [2, null],
        [null, 2],
      ].concat(map.rows.slice(2).map(() => [null, null])) as never,
    );
  });

  it('has round bounds and as many colours as wanted', () => {
    expect(bounds(0.3, 9.7, 5)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(palette('Blues', 3, false, false)).toEqual(['rgb(247,251,255)', 'rgb(107,174,214)', 'rgb(8,48,107)']);
    expect(palette('Blues', 2, false, true)[0]).toBe('rgb(8,48,107)');
  });
});

it('tiles are as large as what they stand for, and fill everything', () => {
  const tiles = treemap([6, 6, 4, 3, 2, 2, 1, 0], (size) => size, 600, 400);
  expect(tiles).toHaveLength(7);
  for (const { item, width, height } of tiles) expect(width * height).toBeCloseTo((item / 24) * 240_000);
  expect(Math.max(...tiles.map(({ x, width }) => x + width))).toBeCloseTo(600);
});

it('slices are parts of what is shown', () => {
  const values = [1, 3, -1].map((numeric, i) => ({ numeric, text: '', title: 'abc'[i] }));
  expect(slicesOf(values, new Set()).map(({ display, from, to }) => [display.title, from, to])).toEqual([
    ['b', 0, 0.75],
    ['a', 0.75, 1],
  ]);
  expect(slicesOf(values, new Set(['b'])).map(({ to }) => to)).toEqual([1]);
});

it('dials are coloured by thresholds', () => {
  const steps = [
    { value: -Infinity, color: 'green' },
    { value: 50, color: 'red' },
    { value: 500, color: 'blue' },
  ];
  expect(thresholdArcs({ mode: 'absolute' as never, steps }, 0, 100)).toEqual([
    { from: 0, to: 0.5, color: 'green' },
    { from: 0.5, to: 1, color: 'red' },
  ]);
  expect([fractionOf(150, 0, 100), fractionOf(Number.NaN, 0, 1), fractionOf(5, 10, 10)]).toEqual([1, 0, 0]);
});

describe('logs', () => {
  const rows = parseRows(
    '{"_time":"2026-05-04T10:00:00Z","_msg":"a","level":"ERROR","ins":"x"}\n{"_time":"2026-05-04T10:00:01Z","_msg":"WARNING: b"}\n',
  );

  it('keep all fields of a line', () => {
    expect(rowsOf(logFrames(rows, 'A'))).toEqual([
      { time: 1777888800000, line: 'a', labels: { level: 'ERROR', ins: 'x' }, level: 'error' },
      { time: 1777888801000, line: 'WARNING: b', labels: {}, level: 'warning' },
    ]);
  });

  it('are tables where a pipe made something else of them', () => {
    const [table] = logFrames(
      [
        { ins: 'a', hits: '12' },
        { ins: 'b', hits: '3' },
      ],
      'A',
    );
    expect(table!.fields.map((field) => [field.name, field.type, field.values])).toEqual([
      ['ins', 'string', ['a', 'b']],
      ['hits', 'number', [12, 3]],
    ]);
  });

  it.each([
    [{ severity: 'FATAL' }, '', 'critical'],
    [{ priority: '3' }, '', 'error'],
    [{ level: 'LOG' }, 'ERROR', 'info'],
    [{}, 'nothing said', 'unknown'],
  ])('%j %s is %s', (labels, line, expected) => {
    expect(levelOf(labels as Record<string, string>, line)).toBe(expected);
  });
});

describe('the span of a log line', () => {
  const row = (line: string, labels: Record<string, string> = {}) => ({ time: 100_000, line, labels, level: 'info' });
  const id = '4bf92f3577b34da6a3ce929d0e0e4736';

  it.each([
    ['by a field', row('x', { trace_id: id })],
    [
      'by a comment in the statement',
      row(`duration: 3 ms  statement: SELECT 1 /*traceparent='00-${id}-00f067aa0ba902b7-01'*/`),
    ],
  ])('%s', (_, line) => {
    expect(spanOf(line)?.get('query')).toBe(id);
  });

  it('by session, duration and time', () => {
    const found = spanOf(row('duration: 250.6 ms  statement: SELECT 1', { sid: 'a.b', cls: 'pg-test' }));
    expect(Object.fromEntries(found!)).toEqual({
      service: 'pg-test',
      tags: 'postgresql.session_id=a.b',
      min: '249ms',
      max: '252ms',
      from: '94749',
      to: '105000',
    });
  });

  it('is nowhere for other lines', () => {
    expect(spanOf(row('connection received', { sid: 'a.b', cls: 'pg-test' }))).toBeUndefined();
    expect(spanOf(row('duration: 1 ms  statement: SELECT 1'))).toBeUndefined();
  });
});

describe('traces', () => {
  const span = (
    spanID: string,
    parent: string,
    startTime: number,
    duration: number,
    tags: JaegerTrace['spans'][0]['tags'] = [],
  ) => ({
    traceID: 't',
    spanID,
    operationName: `op ${spanID}`,
    startTime,
    duration,
    processID: 'p1',
    tags,
    references: parent ? [{ refType: 'CHILD_OF', traceID: 't', spanID: parent }] : [],
  });
  const trace: JaegerTrace = {
    traceID: 't',
    processes: { p1: { serviceName: 'shop' } },
    spans: [
      span('c', 'a', 60, 40, [{ key: 'error', value: true }]),
      span('a', '', 0, 100),
      span('b', 'a', 10, 20),
      span('d', 'c', 70, 10),
    ],
  };

  it('are trees by time', () => {
    expect(spanRows(trace).rows.map((row) => [row.span.spanID, row.depth, row.from, row.length, row.error])).toEqual([
      ['a', 0, 0, 1, false],
      ['b', 1, 0.1, 0.2, false],
      ['c', 1, 0.6, 0.4, true],
      ['d', 2, 0.7, 0.1, false],
    ]);
  });

  it('are rows of a table when they were searched', () => {
    expect(
      Object.fromEntries(traceTable([trace], 'A').fields.map((field) => [field.name, field.values[0]])),
    ).toMatchObject({
      'Trace ID': 't',
      'Trace name': 'shop: op a',
      Duration: 100,
      Spans: 4,
      Errors: 1,
    });
  });
});

describe('extracting fields', () => {
  const extract = async (values: unknown[], options: object) => {
    const source = toDataFrame({ fields: [{ name: 'line', values }] });
    const [result] = await lastValueFrom(
      of([source]).pipe(extractFields.operator({ source: 'line', ...options }, { interpolate: String })),
    );
    return Object.fromEntries(result!.fields.map((field) => [field.name, field.values]));
  };

  it.each([
    [['{"a":1,"b":{"c":"x"}}', 'no'], { format: 'json', replace: true }, { a: [1, null], b: [{ c: 'x' }, null] }],
    [
      ['{"b":{"c":"x"}}'],
      { format: 'json', replace: true, jsonPaths: [{ path: 'b.c', alias: 'see' }] },
      { see: ['x'] },
    ],
    [['a=1 b="two words"'], { format: 'kvp', replace: true }, { a: ['1'], b: ['two words'] }],
    [
      ['GET /x'],
      { format: 'regexp', regExp: '/(?<verb>\\w+) (?<path>.*)/', replace: true },
      { verb: ['GET'], path: ['/x'] },
    ],
  ])('%j by %j', async (values, options, expected) => {
    expect(await extract(values, options)).toEqual(expected);
  });
});

describe('time', () => {
  beforeEach(() => void vi.useFakeTimers({ now: hour.to.valueOf() }));
  afterEach(() => void vi.useRealTimers());

  it('reads dates, moments and what is relative', () => {
    const { from, to, raw } = timeRange('1777888800000', '2026-05-04T11:00:00Z', 'utc');
    expect([from.valueOf(), to.valueOf()]).toEqual([hour.from.valueOf(), hour.to.valueOf()]);
    expect(raw.from).not.toBe('1777888800000');
    const last = timeRange('now-15m', 'now');
    expect(last.to.valueOf() - last.from.valueOf()).toBe(900_000);
    expect(timeRange('nonsense', 'now').raw).toEqual({ from: 'now-1h', to: 'now' });
  });

  it('moves and widens', () => {
    expect(shifted(hour, 0.5)).toEqual({ from: '1777890600000', to: '1777894200000' });
    expect(widened(hour)).toEqual({ from: '1777887000000', to: '1777894200000' });
  });

  it('is another one for panels that say so', () => {
    const back = panelRange(hour, { timeShift: '1h' }, 'utc');
    expect(back.to.valueOf()).toBe(hour.from.valueOf());
    const own = panelRange(hour, { timeFrom: '5m' }, 'utc');
    expect(own.to.valueOf() - own.from.valueOf()).toBe(300_000);
  });
});

it('frames become one table, with a column for each by its name', () => {
  const both = joined([frame([1, 2], [5, 6], 'a'), frame([2, 3], [7, 8], 'b')])!;
  expect(both.fields.map((field) => [field.name, field.values])).toEqual([
    ['Time', [1, 2, 3]],
    ['a', [5, 6, undefined]],
    ['b', [undefined, 7, 8]],
  ]);
});

it('events of a series are regions of neighbours', () => {
  const values: [number, string][] = [
    [0, '1'],
    [10, '1'],
    [20, '0'],
    [30, '1'],
    [90, '1'],
  ];
  expect(regions({ metric: {}, values }, 10)).toEqual([
    [0, 10_000],
    [30_000, 30_000],
    [90_000, 90_000],
  ]);
});

it('what goes on at once covers the time once, for each colour', () => {
  const event = (time: number, timeEnd?: number, color = 'red') => ({ time, timeEnd, color }) as AnnotationEvent;
  expect(covered([event(0, 10), event(2, 5), event(4, 20, 'blue'), event(6), event(8, 12), event(30, 40)])).toEqual([
    { from: 0, to: 12, color: 'red' },
    { from: 4, to: 20, color: 'blue' },
    { from: 30, to: 40, color: 'red' },
  ]);
});

describe('links to pages of ours', () => {
  it.each([
    ['http://h/console/alerts?x=1', '/console/', '/alerts?x=1'],
    ['http://h/ui/d/node?var-a=b', '/console/', '/d/node?var-a=b'],
    ['http://h/d/node/slug', '/ui/', '/d/node/slug'],
    ['http://h/vmetrics/', '/console/', undefined],
    ['http://h/ui/explore', '/console/', undefined],
    ['http://other/console/d/x', '/console/', undefined],
  ])('%s, served at %s, is %s', (href, base, expected) => {
    expect(ownPath(new URL(href), base, 'http://h')).toBe(expected);
  });
});
