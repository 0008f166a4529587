import { describe, expect, it } from 'vitest';
import { compact, layout } from '../src/dashboard/layout';
import { loadDashboard } from '../src/dashboard/load';
import { variable, variables } from './scope';

const panel = (id: number, x: number, y: number, w: number, h: number, more: object = {}) => ({
  id,
  type: 'stat',
  gridPos: { x, y, w, h },
  ...more,
});
const row = (id: number, y: number, more: object = {}) => ({
  id,
  type: 'row',
  title: `row ${id}`,
  gridPos: { x: 0, y, w: 24, h: 1 },
  ...more,
});
const load = (...panels: object[]) => loadDashboard({ title: 'T', panels }, []).panels;
const none = new Map();
const places = (items: ReturnType<typeof layout>['items']) =>
  items.map(({ key, gridPos: { x, y, w, h } }) => [key, x, y, w, h]);

describe('rows', () => {
  const panels = load(
    panel(1, 0, 0, 24, 4),
    row(2, 4, { collapsed: true, panels: [panel(3, 0, 5, 12, 6)] }),
    row(4, 5),
    panel(5, 0, 6, 12, 3),
  );

  it('that are closed take one line', () => {
    expect(places(layout(panels, none, none).items)).toEqual([
      ['1', 0, 0, 24, 4],
      ['2', 0, 4, 24, 1],
      ['4', 0, 5, 24, 1],
      ['5', 0, 6, 12, 3],
    ]);
  });

  it('push down what follows when they are opened', () => {
    const { items, height } = layout(panels, none, new Map([['2', true]]));
    expect(places(items)).toEqual([
      ['1', 0, 0, 24, 4],
      ['2', 0, 4, 24, 1],
      ['3', 0, 5, 12, 6],
      ['4', 0, 11, 24, 1],
      ['5', 0, 12, 12, 3],
    ]);
    expect(height).toBe(15);
  });

  it('pull it up when they are closed', () => {
    expect(places(layout(panels, none, new Map([['4', false]])).items).at(-1)).toEqual(['4', 0, 5, 24, 1]);
  });
});

describe('repeating', () => {
  const ins = variables(variable('ins', ['a', 'b', 'c'], { multi: true }));

  it('panels side by side, and what is below moves down', () => {
    const panels = load(panel(1, 0, 0, 6, 4, { repeat: 'ins', maxPerRow: 2 }), panel(2, 0, 4, 24, 2));
    const { items } = layout(panels, ins, none);
    expect(places(items)).toEqual([
      ['1', 0, 0, 12, 4],
      ['1-b', 12, 0, 12, 4],
      ['1-c', 0, 4, 12, 4],
      ['2', 0, 8, 24, 2],
    ]);
    expect(items[1]!.scoped).toEqual({ ins: { text: 'b', value: 'b' } });
  });

  it('panels one below the other', () => {
    const panels = load(panel(1, 6, 0, 6, 4, { repeat: 'ins', repeatDirection: 'v' }));
    expect(places(layout(panels, ins, none).items)).toEqual([
      ['1', 6, 0, 6, 4],
      ['1-b', 6, 4, 6, 4],
      ['1-c', 6, 8, 6, 4],
    ]);
  });

  it('rows with all that is in them', () => {
    const panels = load(row(1, 0, { repeat: 'ins' }), panel(2, 0, 1, 12, 3));
    const { items } = layout(panels, ins, none);
    expect(places(items)).toEqual([
      ['1', 0, 0, 24, 1],
      ['2', 0, 1, 12, 3],
      ['1-b', 0, 4, 24, 1],
      ['2-b', 0, 5, 12, 3],
      ['1-c', 0, 8, 24, 1],
      ['2-c', 0, 9, 12, 3],
    ]);
    expect(items.at(-1)!.scoped).toEqual({ ins: { text: 'c', value: 'c' } });
  });

  it('panels of a grid that flows where there is room', () => {
    const panels = load(panel(1, 0, 0, 8, 4, { flow: true }), panel(2, 8, 0, 8, 4, { flow: true, repeat: 'ins' }));
    expect(places(layout(panels, ins, none).items)).toEqual([
      ['1', 0, 0, 8, 4],
      ['2', 8, 0, 8, 4],
      ['2-b', 16, 0, 8, 4],
      ['2-c', 0, 4, 8, 4],
    ]);
  });

  it('for all values where all are chosen, and once without any', () => {
    const panels = load(panel(1, 0, 0, 6, 4, { repeat: 'ins' }));
    const everything = variables(variable('ins', ['$__all'], { includeAll: true }, ['a', 'b']));
    expect(layout(panels, everything, none).items).toHaveLength(2);
    expect(layout(panels, variables(), none).items).toHaveLength(1);
  });
});

it('leaves no empty lines, and nothing outside', () => {
  const placed = compact(load(panel(1, 0, 5, 12, 2), panel(2, 20, 9, 12, 2)));
  expect(placed.map((each) => each.gridPos)).toEqual([
    { x: 0, y: 0, w: 12, h: 2 },
    { x: 20, y: 0, w: 4, h: 2 },
  ]);
});

it('puts panels below each other on a phone', () => {
  const panels = load(panel(1, 0, 0, 4, 3), panel(2, 4, 0, 4, 3), panel(3, 8, 0, 16, 8, { type: 'timeseries' }));
  expect(places(layout(panels, none, none, true).items)).toEqual([
    ['1', 0, 0, 12, 3],
    ['2', 12, 0, 12, 3],
    ['3', 0, 3, 24, 8],
  ]);
});
