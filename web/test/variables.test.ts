import { afterEach, describe, expect, it, vi } from 'vitest';
import { addMatchers } from '../src/variables/adhoc';
import { arrange, customOptions, filterOptions, plainOptions, sortOptions } from '../src/variables/options';
import { resolveVariables } from '../src/variables/resolve';
import type { VariableModel } from '../src/variables/types';
import { hour } from './scope';

const texts = (options: { text: string }[]) => options.map((each) => each.text);

describe('options', () => {
  it.each([
    [0, ['b10', 'a2', 'B1']],
    [1, ['B1', 'a2', 'b10']],
    [2, ['b10', 'a2', 'B1']],
    [3, ['B1', 'a2', 'b10']],
    [4, ['b10', 'a2', 'B1']],
    [5, ['a2', 'B1', 'b10']],
    [7, ['a2', 'B1', 'b10']],
  ])('sorts as code %i', (code, expected) => {
    expect(texts(sortOptions(plainOptions(['b10', 'a2', 'B1']), code))).toEqual(expected);
  });

  it.each([
    ['/pg-(.*)/', ['test-1', 'test-2']],
    ['/test-1/', ['pg-test-1']],
    ['/^(?!pg-test-2)/', ['pg-test-1']],
    ['/PG-TEST-2/i', ['pg-test-2']],
    ['/nothing/', []],
    ['(unclosed', ['pg-test-1', 'pg-test-2']],
  ])('filters by %s', (regex, expected) => {
    expect(texts(filterOptions(plainOptions(['pg-test-1', 'pg-test-2']), regex))).toEqual(expected);
  });

  it('takes text and value from named groups', () => {
    const series = plainOptions(['node_uname_info{instance="10.0.0.1:9100", nodename="web"} 1 1000']);
    const regex = '/instance="(?<value>[^"]+)|nodename="(?<text>[^"]+)/g';
    expect(filterOptions(series, regex)).toEqual([{ text: 'web', value: '10.0.0.1:9100' }]);
  });

  it('reads custom lists', () => {
    expect(customOptions('1m, five : 5m,a\\,b')).toEqual([
      { text: '1m', value: '1m' },
      { text: 'five', value: '5m' },
      { text: 'a,b', value: 'a,b' },
    ]);
  });

  it('lists each once', () => {
    expect(texts(arrange(plainOptions(['b', 'a', 'b', '']), { name: 'x', type: 'query', sort: 1 }))).toEqual([
      'a',
      'b',
    ]);
  });
});

describe('resolving', () => {
  const answers: Record<string, string[]> = {
    cls: ['pg-meta', 'pg-test'],
    'ins pg-meta': ['pg-meta-1'],
    'ins pg-test': ['pg-test-1', 'pg-test-2'],
  };
  const asked: string[] = [];
  const stub = (url: URL) => {
    asked.push(url.search);
    const label = /label\/(\w+)\/values/.exec(url.pathname)![1]!;
    const cls = /cls="([^"]*)"/.exec(url.searchParams.get('match[]') ?? '')?.[1];
    return Promise.resolve(
      new Response(JSON.stringify({ data: answers[[label, cls].filter(Boolean).join(' ')] ?? [] })),
    );
  };
  afterEach(() => vi.unstubAllGlobals());

  const models: VariableModel[] = [
    { name: 'ins', type: 'query', query: 'label_values(up{cls="$cls"}, ins)', multi: true, includeAll: true, sort: 1 },
    { name: 'cls', type: 'query', query: { query: 'label_values(cls)', refId: 'x' } },
    { name: 'step', type: 'interval', query: '1m,5m', auto: true, auto_count: 60 },
    { name: 'note', type: 'textbox', query: 'hello $cls' },
    { name: 'ds', type: 'datasource', query: 'prometheus', regex: '/nowhere/' },
    { name: 'db', type: 'datasource', query: 'postgres', regex: '/^pg-$cls$/' },
    { name: 'filters', type: 'adhoc' },
  ];
  const resolve = async (query: string) => {
    vi.stubGlobal('document', { baseURI: 'http://here/console/' });
    vi.stubGlobal('fetch', stub);
    const datasources = [
      { uid: 'vmetrics', name: 'vmetrics', type: 'prometheus', url: '/vmetrics', isDefault: true },
      ...['pg-other', 'pg-pg-test'].map((uid) => ({ uid, name: uid, type: 'postgres' })),
    ];
    const found = await resolveVariables(
      models,
      new URLSearchParams(query),
      { range: hour, dashboard: { uid: 'd', title: 'D' } },
      { datasources, cache: new Map() },
    );
    return Object.fromEntries([...found].map(([name, each]) => [name, each.value]));
  };

  it('takes the first of all where the URL says nothing, and asks in order', async () => {
    expect(await resolve('')).toEqual({
      ins: ['$__all'],
      cls: ['pg-meta'],
      step: ['1m'],
      note: ['hello pg-meta'],
      ds: ['vmetrics'],
      db: [],
      filters: [],
    });
  });

  it('takes what the URL says', async () => {
    const found = await resolve('var-cls=pg-test&var-ins=pg-test-2&var-step=5m&var-note=x');
    expect(found).toMatchObject({ cls: ['pg-test'], ins: ['pg-test-2'], step: ['5m'], note: ['x'] });
  });

  it('takes the data source that a pattern says by what was chosen, and no other', async () => {
    expect(await resolve('var-cls=pg-test')).toMatchObject({ db: ['pg-pg-test'] });
    expect(await resolve('var-cls=pg-meta')).toMatchObject({ db: [] });
  });

  it('drops what can not be chosen any more', async () => {
    expect(await resolve('var-cls=pg-meta&var-ins=pg-test-2')).toMatchObject({ cls: ['pg-meta'], ins: ['$__all'] });
    expect(await resolve('var-cls=gone')).toMatchObject({ cls: ['pg-meta'] });
  });
});

describe('ad-hoc filters', () => {
  it.each([
    ['up', 'up{a="b"}'],
    ['rate(x_total{c="d"}[5m])', 'rate(x_total{c="d", a="b"}[5m])'],
    [
      'sum by (ins, cls) (x) / on (ins) group_left (ip) y',
      'sum by (ins, cls) (x{a="b"}) / on (ins) group_left (ip) y{a="b"}',
    ],
    ['sum(x) without (job) > bool 5', 'sum(x{a="b"}) without (job) > bool 5'],
    ['pg:db:xacts_rate1m offset 5m', 'pg:db:xacts_rate1m{a="b"} offset 5m'],
    ['{__name__=~"up|down"}', '{__name__=~"up|down", a="b"}'],
    ['count(x{l="}"}) or vector(0)', 'count(x{l="}", a="b"}) or vector(0)'],
    ['x unless y and 1e9', 'x{a="b"} unless y{a="b"} and 1e9'],
  ])('%s → %s', (expr, expected) => {
    expect(addMatchers(expr, 'a="b"')).toBe(expected);
  });
});
