import { describe, expect, it } from 'vitest';
import type { Alert } from '../src/pages/alerts/api';
import { commonMatchers, grouped, here, matches, rank, safeLink } from '../src/pages/alerts/grouping';
import { ago, spoken } from '../src/pages/common/times';
import { builtIn, placeAt, ranked, taken } from '../src/pages/explore/completion';
import { ownPageOf, rangeParams, startHash } from '../src/pages/explore/embedded';
import { groupedTargets, type Target } from '../src/pages/targets/grouping';

describe('completion', () => {
  const at = (text: string) => placeAt(text.replace('|', ''), text.indexOf('|'));
  it.each([
    ['no|', { kind: 'name', word: 'no', start: 0 }],
    ['n|', undefined],
    ['rate(node_c|', { kind: 'name', word: 'node_c', start: 5 }],
    ['up{|', { kind: 'label', word: '', start: 3, metric: 'up' }],
    ['up{job="a",in|', { kind: 'label', word: 'in', start: 11, metric: 'up' }],
    ['up{job="no|"}', { kind: 'value', label: 'job', word: 'no', start: 8, metric: 'up' }],
    ['up{job=~"a\\"b|', { kind: 'value', label: 'job', word: 'a\\"b', start: 9, metric: 'up' }],
    ['sum by (jo|) (up)', { kind: 'label', word: 'jo', start: 8 }],
    ['label_set(up, "x|', undefined],
    ['up{job="a"} + no|', { kind: 'name', word: 'no', start: 14 }],
  ])('%s', (text, place) => expect(at(text)).toEqual(place));

  it('puts those first that begin with the word', () => {
    const names = ['node_up', 'up', 'up_total', 'x:up'].map((text) => ({ text, note: 'metric' as const }));
    expect(ranked(names, 'up_').map(({ text }) => text)).toEqual(['up_total']);
    expect(ranked(names, 'u').map(({ text }) => text)).toEqual(['up', 'up_total', 'x:up', 'node_up']);
  });

  it('takes a function with its bracket, and replaces the rest of the word', () => {
    const rate = builtIn.find(({ text }) => text === 'rate')!;
    expect(taken('rat', 3, placeAt('rat', 3)!, rate)).toEqual({ text: 'rate(', caret: 5 });
    expect(taken('ra (x)', 2, placeAt('ra (x)', 2)!, rate)).toEqual({ text: 'rate (x)', caret: 4 });
    const value = { text: 'node', note: 'value' as const };
    expect(taken('up{job="noXX"}', 10, placeAt('up{job="noXX"}', 10)!, value).text).toBe('up{job="node"}');
  });
});

const alert = (labels: Record<string, string>, silenced = false, startsAt = '2026-01-01T00:00:00Z'): Alert => ({
  fingerprint: JSON.stringify(labels),
  labels,
  annotations: { summary: `about ${labels.ins}` },
  startsAt,
  endsAt: startsAt,
  status: { state: silenced ? 'suppressed' : 'active', silencedBy: silenced ? ['x'] : [], inhibitedBy: [] },
});

describe('alerts', () => {
  it('are grouped by name and severity, the worst and loudest first', () => {
    const groups = grouped([
      alert({ alertname: 'A', severity: 'INFO' }),
      alert({ alertname: 'B', severity: 'WARN', ins: '1' }),
      alert({ alertname: 'C', severity: 'CRIT' }, true),
      alert({ alertname: 'B', severity: 'WARN', ins: '2' }),
    ]);
    expect(groups.map(({ name, alerts }) => [name, alerts.length])).toEqual([
      ['B', 2],
      ['A', 1],
      ['C', 1],
    ]);
    expect(rank('CRIT')).toBeLessThan(rank('never heard of'));
  });

  it('are found by labels and texts', () => {
    const one = alert({ alertname: 'A', ins: 'pg-test-1' });
    expect(matches(one, 'ins=pg-test about')).toBe(true);
    expect(matches(one, 'ins=other')).toBe(false);
  });

  it('are silenced by what they have in common', () => {
    const common = commonMatchers([
      alert({ alertname: 'A', ins: '1', job: 'x' }),
      alert({ alertname: 'A', ins: '2', job: 'x' }),
    ]);
    expect(common.map(({ name, value }) => `${name}=${value}`)).toEqual(['alertname=A', 'job=x']);
    expect(commonMatchers([])).toEqual([]);
  });

  it('have links that lead somewhere, on this portal if they can', () => {
    expect(safeLink('javascript:alert(1)')).toBeUndefined();
    expect(safeLink('/runbooks/x.html')).toBe('/runbooks/x.html');
    expect(here('https://i.staddle/ui/d/x?var-a=b', 'https://localhost:8443')).toBe('/ui/d/x?var-a=b');
    expect(here('https://wiki.example/x', 'https://localhost:8443')).toBe('https://wiki.example/x');
  });
});

describe('pages of the stores', () => {
  it('get our range', () => {
    expect(rangeParams('now-6h', 'now')).toEqual({ 'g0.range_input': '6h' });
    expect(rangeParams('1767225600000', '1767229200000')).toEqual({
      'g0.range_input': '3600s',
      'g0.end_input': '2026-01-01T01:00:00',
      'g0.relative_time': 'none',
    });
    expect(rangeParams('', '')).toEqual({});
  });

  it('begin with what our address says', () => {
    const params = new URLSearchParams({ query: 'a b', from: 'now-1h', to: 'now' });
    expect(startHash('logs', params, '')).toBe('#/?g0.range_input=1h&query=a+b');
    expect(startHash('logs', params, '#/?query=x')).toBe('#/?query=x');
    expect(startHash('traces', new URLSearchParams({ query: 'ABCDEF0123456789' }), '')).toBe(
      '#/trace/abcdef0123456789?',
    );
    expect(startHash('traces', new URLSearchParams(), '')).toBe('');
  });

  it('lead to each other within ours', () => {
    const stores = { logs: '/vlogs', traces: '/vtraces' };
    expect(ownPageOf(new URL('https://x/vtraces/select/vmui/#/trace/1'), stores)).toBe('/explore/traces#/trace/1');
    expect(ownPageOf(new URL('https://x/'), stores)).toBeUndefined();
  });
});

describe('targets', () => {
  const target = (job: string, health: string, scrapeUrl: string): Target => ({
    scrapePool: job,
    scrapeUrl,
    labels: { job },
    health,
    lastError: health === 'down' ? 'connection refused' : '',
    lastScrape: '',
    lastScrapeDuration: 0,
  });
  const all = [target('a', 'up', 'x'), target('b', 'up', 'y'), target('b', 'down', 'z')];
  it('are grouped, what is down first', () => {
    const groups = groupedTargets(all, 'job', '', false);
    expect(groups.map(({ name, all: count, sick }) => [name, count, sick])).toEqual([
      ['b', 2, 1],
      ['a', 1, 0],
    ]);
    expect(groups[0]!.targets[0]!.health).toBe('down');
  });
  it('are filtered', () => {
    expect(groupedTargets(all, 'job', 'refused', false).map(({ name }) => name)).toEqual(['b']);
    expect(groupedTargets(all, 'job', '', true)[0]!.targets).toHaveLength(1);
    expect(groupedTargets(all, 'cls', 'job=a', false).map(({ name }) => name)).toEqual(['(no cls)']);
  });
});

it('times are spoken', () => {
  expect([0.0021, 5, 61, 3600 * 25, 86_400 * 12].map(spoken)).toEqual(['2ms', '5s', '1m 1s', '1d 1h', '12d']);
  expect(ago('0001-01-01T00:00:00Z')).toBe('never');
  expect(ago('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:00:05Z'))).toBe('5s ago');
});
