import { isAll, type Option, textsOf, type Variables, valuesOf } from '../variables/types';
import type { Panel } from './model';

/** A row and what is below it until the next; the first may be without a header. */
export interface Section {
  row?: Panel;
  panels: Panel[];
}

const byPosition = (a: Panel, b: Panel) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x;

/** Panels by the row that they belong to: those of collapsed rows are in the row, others follow it. */
export function sectionsOf(panels: Panel[]): Section[] {
  const sections: Section[] = [{ panels: [] }];
  for (const panel of [...panels].sort(byPosition)) {
    if (panel.type === 'row') sections.push({ row: panel, panels: [...(panel.panels ?? [])] });
    else sections.at(-1)!.panels.push(panel);
  }
  return sections.filter((section) => section.row || section.panels.length);
}

function choices(name: string, variables: Variables): Option[] {
  const variable = variables.get(name);
  if (!variable) return [];
  if (isAll(variable)) {
    if (variable.options.length) return variable.options;
    return valuesOf(variable).values.map((value) => ({ value, text: value }));
  }
  const texts = textsOf(variable);
  return variable.value.map((value, i) => ({ value, text: texts[i] ?? value }));
}

const copy = (panel: Panel, suffix: string, scoped: Panel['scoped'], gridPos = panel.gridPos): Panel => ({
  ...panel,
  key: suffix ? `${panel.key}-${suffix}` : panel.key,
  gridPos,
  scoped: { ...panel.scoped, ...scoped },
  panels: panel.panels?.map((inner) => copy(inner, suffix, scoped)),
});

/** Panels with those that are to be repeated for each value of a variable; what is below moves down. */
function repeatPanels(panels: Panel[], variables: Variables): Panel[] {
  const result: Panel[] = [];
  let moved = 0;
  for (const panel of [...panels].sort(byPosition)) {
    const { gridPos } = panel;
    const values = panel.repeat && !panel.scoped?.[panel.repeat] ? choices(panel.repeat, variables) : [];
    if (!values.length) {
      result.push({ ...panel, gridPos: { ...gridPos, y: gridPos.y + moved } });
      continue;
    }
    if (panel.flow) {
      values.forEach((option, i) => {
        result.push(copy(panel, i ? option.value : '', { [panel.repeat!]: option }));
      });
      continue;
    }
    const vertical = panel.repeatDirection === 'v';
    const perLine = vertical ? 1 : Math.max(1, Math.min(values.length, panel.maxPerRow || 4));
    const w = vertical ? gridPos.w : Math.floor(24 / perLine);
    values.forEach((option, i) => {
      const line = Math.floor(i / perLine);
      const x = vertical ? gridPos.x : (i % perLine) * w;
      const position = { ...gridPos, w, x, y: gridPos.y + moved + line * gridPos.h };
      result.push(copy(panel, i ? option.value : '', { [panel.repeat!]: option }, position));
    });
    moved += (Math.ceil(values.length / perLine) - 1) * gridPos.h;
  }
  return result.some((panel) => panel.flow) ? flow(result) : result;
}

/** Side by side as they come, and on the next line where there is no more room. */
function flow(panels: Panel[]): Panel[] {
  let [x, y, line] = [0, 0, 0];
  return panels.map((panel) => {
    const { w, h } = panel.gridPos;
    if (x + w > 24) [x, y, line] = [0, y + line, 0];
    const gridPos = { x, y, w, h };
    x += w;
    line = Math.max(line, h);
    return { ...panel, gridPos };
  });
}

function repeatSections(sections: Section[], variables: Variables): Section[] {
  return sections.flatMap((section) => {
    const { row } = section;
    const values = row?.repeat ? choices(row.repeat, variables) : [];
    if (!row || !values.length) return [section];
    return values.map((option, i) => {
      const scoped = { [row.repeat!]: option };
      const suffix = i ? option.value : '';
      return { row: copy(row, suffix, scoped), panels: section.panels.map((panel) => copy(panel, suffix, scoped)) };
    });
  });
}

/** Moves panels up until they touch what is above them, so that no line is empty. */
export function compact(panels: Panel[]): Panel[] {
  const skyline = new Array<number>(24).fill(0);
  return [...panels].sort(byPosition).map((panel) => {
    const x = Math.min(Math.max(0, panel.gridPos.x), 23);
    const w = Math.min(panel.gridPos.w, 24 - x);
    const y = Math.max(...skyline.slice(x, x + w));
    skyline.fill(y + panel.gridPos.h, x, x + w);
    return { ...panel, gridPos: { x, w, y, h: panel.gridPos.h } };
  });
}

export interface Layout {
  /** Rows and panels, where they are drawn; those of closed rows are left out. */
  items: Panel[];
  /** Lines of the grid in all. */
  height: number;
}

/** Whether a row is open: as its user left it, or as it was made. */
export const isOpen = (row: Panel, toggled: ReadonlyMap<string, boolean>): boolean =>
  toggled.get(row.key) ?? !row.collapsed;

/**
 * Where everything goes, with repetitions made and rows open or closed.
 *
 * @param narrow one panel per line, as for a phone.
 */
export function layout(
  panels: Panel[],
  variables: Variables,
  toggled: ReadonlyMap<string, boolean>,
  narrow = false,
): Layout {
  const items: Panel[] = [];
  let top = 0;
  for (const section of repeatSections(sectionsOf(panels), variables)) {
    if (section.row) {
      items.push({ ...section.row, gridPos: { x: 0, y: top, w: 24, h: 1 }, panels: section.panels });
      top += 1;
      if (!isOpen(section.row, toggled)) continue;
    }
    let placed = compact(repeatPanels(section.panels, variables));
    if (narrow) placed = stack(placed);
    for (const panel of placed) {
      items.push({ ...panel, gridPos: { ...panel.gridPos, y: panel.gridPos.y + top } });
    }
    top += Math.max(0, ...placed.map((panel) => panel.gridPos.y + panel.gridPos.h));
  }
  return { items, height: top };
}

/** One below the other; the small ones two in a line. */
function stack(panels: Panel[]): Panel[] {
  const small = (panel: Panel) => panel.gridPos.w <= 6 && ['stat', 'gauge'].includes(panel.type);
  return flow(panels.map((panel) => ({ ...panel, gridPos: { ...panel.gridPos, w: small(panel) ? 12 : 24 } })));
}
