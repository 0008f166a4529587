// biome-ignore lint/suspicious/noExplicitAny: JSON of before schema version 16.
type Json = any;

const rowUnit = 38;

const heightOf = (height: unknown): number => {
  const pixels = Number.parseFloat(String(height ?? 250)) || 250;
  return Math.max(3, Math.round(pixels / rowUnit));
};

/** Panels on the grid, from rows that hold panels with spans of twelve. */
export function fromRows(rows: Json[]): Json[] {
  const panels: Json[] = [];
  const titled = rows.some((row) => row.showTitle || row.collapse || row.repeat);
  let y = 0;
  for (const row of rows) {
    const inner: Json[] = [];
    const top = titled ? y + 1 : y;
    let x = 0;
    let line = top;
    let tallest = 0;
    for (const panel of row.panels ?? []) {
      const w = Math.min(24, Math.max(1, Math.round((Number(panel.span) || 4) * 2)));
      const h = heightOf(panel.height ?? row.height);
      if (x + w > 24) {
        x = 0;
        line += tallest;
        tallest = 0;
      }
      inner.push({ ...panel, gridPos: { x, y: line, w, h } });
      x += w;
      tallest = Math.max(tallest, h);
    }
    if (titled) {
      const collapsed = Boolean(row.collapse);
      const header = {
        type: 'row',
        title: row.title ?? '',
        collapsed,
        repeat: row.repeat,
        gridPos: { x: 0, y, w: 24, h: 1 },
      };
      panels.push({ ...header, panels: collapsed ? inner : [] });
      if (!collapsed) panels.push(...inner);
      y = collapsed ? y + 1 : line + tallest;
    } else {
      panels.push(...inner);
      y = line + tallest;
    }
  }
  return panels;
}
