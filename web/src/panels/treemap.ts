export interface Tile<T> {
  item: T;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The worst ratio of sides in a line of tiles. */
const worst = (areas: number[], side: number): number => {
  const sum = areas.reduce((a, b) => a + b, 0);
  return Math.max(
    ...areas.map((area) => Math.max((side * side * area) / (sum * sum), (sum * sum) / (side * side * area))),
  );
};

/** Tiles with areas as the items' sizes, as square as can be ("squarified"). */
export function treemap<T>(items: T[], size: (item: T) => number, width: number, height: number): Tile<T>[] {
  const sorted = items.filter((item) => size(item) > 0).sort((a, b) => size(b) - size(a));
  const total = sorted.reduce((sum, item) => sum + size(item), 0);
  const scale = (width * height) / (total || 1);
  const tiles: Tile<T>[] = [];
  let [x, y, w, h] = [0, 0, width, height];
  let line: T[] = [];

  const place = () => {
    const areas = line.map((item) => size(item) * scale);
    const sum = areas.reduce((a, b) => a + b, 0);
    const across = w >= h;
    const thick = sum / (across ? h : w);
    let at = 0;
    line.forEach((item, i) => {
      const length = areas[i]! / thick;
      tiles.push(
        across
          ? { item, x, y: y + at, width: thick, height: length }
          : { item, x: x + at, y, width: length, height: thick },
      );
      at += length;
    });
    if (across) [x, w] = [x + thick, w - thick];
    else [y, h] = [y + thick, h - thick];
    line = [];
  };
  for (const item of sorted) {
    const side = Math.min(w, h);
    const now = line.map((each) => size(each) * scale);
    if (line.length && worst([...now, size(item) * scale], side) > worst(now, side)) place();
    line.push(item);
  }
  if (line.length) place();
  return tiles;
}
