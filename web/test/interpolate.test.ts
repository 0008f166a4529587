import { FieldType } from '@grafana/data';
import { describe, expect, it } from 'vitest';
import { forLogsQL, forPrometheus, forUrl, interpolate, references } from '../src/variables/interpolate';
import { scope, variable } from './scope';

const one = variable('cls', ['pg-test']);
const multi = variable('ins', ['pg-test-1', 'pg-test-2'], { multi: true });
const dotted = variable('ip', ['10.0.0.1'], { multi: true });
const all = variable('job', ['$__all'], { includeAll: true, multi: true }, ['node', 'pgsql']);
const custom = variable('db', ['$__all'], { includeAll: true, allValue: '.*' }, ['a', 'b']);
const here = scope(one, multi, dotted, all, custom, variable('empty', []));

describe('texts', () => {
  it.each([
    ['$cls', 'pg-test'],
    ['${cls}', 'pg-test'],
    ['[[cls]]', 'pg-test'],
    ['$ins', '{pg-test-1,pg-test-2}'],
    ['${ins:csv}', 'pg-test-1,pg-test-2'],
    ['${ins:pipe}', 'pg-test-1|pg-test-2'],
    ['${ins:regex}', '(pg-test-1|pg-test-2)'],
    ['${ip:regex}', '10\\.0\\.0\\.1'],
    ['${ins:json}', '["pg-test-1","pg-test-2"]'],
    ['${ins:singlequote}', "'pg-test-1','pg-test-2'"],
    ['${ins:sqlstring}', "'pg-test-1','pg-test-2'"],
    ['${ins:doublequote}', '"pg-test-1","pg-test-2"'],
    ['${ins:text}', 'pg-test-1 + pg-test-2'],
    ['${ins:join: or }', 'pg-test-1 or pg-test-2'],
    ['${ins:queryparam}', 'var-ins=pg-test-1&var-ins=pg-test-2'],
    ['${ins:distributed}', 'pg-test-1,ins=pg-test-2'],
    ['${ins:percentencode}', '%7Bpg-test-1%2Cpg-test-2%7D'],
    ['${job:text}', 'All'],
    ['${job:csv}', 'node,pgsql'],
    ['${job:queryparam}', 'var-job=%24__all'],
    ['$db', '.*'],
    ['${empty}', ''],
    ['$unknown and ${unknown:csv}', '$unknown and ${unknown:csv}'],
    ['$__range $__range_s $__range_ms', '3600s 3600 3600000'],
    ['${__from} ${__to:date:seconds}', '1777888800000 1777892400'],
    ['${__from:date:YYYY-MM}', '2026-05'],
    ['${__dashboard.uid} $__dashboard', 'node-instance Node'],
    ['?$__url_time_range', '?from=1777888800000&to=1777892400000'],
    ['cost: 5$ or 3$', 'cost: 5$ or 3$'],
  ])('%s → %s', (text, expected) => {
    expect(interpolate(text, here)).toBe(expected);
  });

  it('takes what a panel is repeated for first', () => {
    const repeated = { ...here, scoped: { ins: { text: 'two', value: 'pg-test-2' } } };
    expect(interpolate('$ins ${ins:text}', repeated)).toBe('pg-test-2 two');
  });

  it('knows all variables at once', () => {
    expect(interpolate('?${__all_variables}', scope(one, multi))).toBe(
      '?var-cls=pg-test&var-ins=pg-test-1&var-ins=pg-test-2',
    );
  });
});

describe('PromQL', () => {
  it.each([
    ['up{cls="$cls"}', 'up{cls="pg-test"}'],
    ['up{ins=~"$ins"}', 'up{ins=~"(pg-test-1|pg-test-2)"}'],
    ['up{ip=~"$ip"}', 'up{ip=~"10\\\\.0\\\\.0\\\\.1"}'],
    ['up{job=~"$job"}', 'up{job=~"(node|pgsql)"}'],
    ['up{datname=~"$db"}', 'up{datname=~".*"}'],
    ['up{ins=~"${ins:pipe}"}', 'up{ins=~"pg-test-1|pg-test-2"}'],
  ])('%s → %s', (text, expected) => {
    expect(interpolate(text, here, undefined, forPrometheus)).toBe(expected);
  });

  it('keeps quotes within quotes', () => {
    expect(interpolate('a{b="$x"}', scope(variable('x', ['say "hi" \\'])), undefined, forPrometheus)).toBe(
      'a{b="say \\"hi\\" \\\\"}',
    );
  });
});

describe('LogsQL', () => {
  it.each([
    ['cls:="$cls"', 'cls:="pg-test"'],
    ['cls:$cls', 'cls:"pg-test"'],
    ['job:in($job)', 'job:in(node,pgsql)'],
    ['job:$job', 'job:(node or pgsql)'],
    ['{ins=~"$ins"}', '{ins=~"(pg-test-1|pg-test-2)"}'],
    ['{ins in (${ins:doublequote})} error', '{ins in ("pg-test-1","pg-test-2")} error'],
  ])('%s → %s', (text, expected) => {
    expect(interpolate(text, here, undefined, forLogsQL)).toBe(expected);
  });
});

describe('links', () => {
  const field = {
    name: 'Value',
    type: FieldType.number,
    config: {},
    labels: { ins: 'a/b c' },
    values: [7, 8],
    display: (value: unknown) => ({ text: `${value}`, suffix: ' ms', numeric: Number(value) }),
  };
  const names = { name: 'the query', type: FieldType.string, config: {}, values: ['x & y', 'z'] };
  const frame = { name: 'series', refId: 'A', length: 2, fields: [names, field] };
  const scoped = { __dataContext: { value: { data: [frame], frame, field, rowIndex: 0 } } };

  it.each([
    ['?v=${__value.raw}', '?v=7'],
    ['?v=${__value.text}', '?v=7%20ms'],
    ['?v=${__value.numeric}', '?v=7'],
    ['?i=${__field.labels.ins}', '?i=a/b%20c'],
    ['?i=${__field.labels["ins"]}', '?i=a/b%20c'],
    ['?f=${__field.name}', '?f=a/b%20c'],
    ['?s=${__series.name}', '?s=series'],
    ['?q=${__data.fields["the query"]}', '?q=x%20%26%20y'],
    ['?q=${__data.fields[0]}', '?q=x%20%26%20y'],
    ['?q=${__data.fields.Value.numeric}', '?q=7'],
    ['?c=$cls&${ins:queryparam}', '?c=pg-test&var-ins=pg-test-1&var-ins=pg-test-2'],
  ])('%s → %s', (text, expected) => {
    expect(interpolate(text, here, scoped, forUrl)).toBe(expected);
  });
});

it('finds what a text refers to', () => {
  expect([...references('label_values(up{cls="$cls", job=~"${job:regex}"}, [[ins]])')]).toEqual(['cls', 'job', 'ins']);
});
