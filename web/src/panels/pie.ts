import type { DisplayValue } from '@grafana/data';

export interface Slice {
  display: DisplayValue;
  value: number;
  /** Where it begins and ends, as parts of the whole. */
  from: number;
  to: number;
}

/** Positive values as parts of their sum, the greatest first if nothing else is wanted. */
export function slicesOf(
  values: DisplayValue[],
  hidden: ReadonlySet<string>,
  sort: 'asc' | 'desc' | 'none' = 'desc',
): Slice[] {
  const shown = values.filter(
    (each) => each.numeric > 0 && Number.isFinite(each.numeric) && !hidden.has(each.title ?? ''),
  );
  const total = shown.reduce((sum, each) => sum + each.numeric, 0);
  const sorted =
    sort === 'none'
      ? shown
      : [...shown].sort((a, b) => (sort === 'asc' ? a.numeric - b.numeric : b.numeric - a.numeric));
  let at = 0;
  return sorted.map((display) => {
    const from = at;
    at += display.numeric / total;
    return { display, value: display.numeric, from, to: at };
  });
}

/** The outline of a slice around 0,0: of a ring if there is an inner radius. */
export function slicePath(radius: number, inner: number, from: number, to: number): string {
  const end = Math.min(to, from + 0.99999);
  const point = (part: number, at: number) => {
    const angle = part * 2 * Math.PI - Math.PI / 2;
    return `${(at * Math.cos(angle)).toFixed(2)} ${(at * Math.sin(angle)).toFixed(2)}`;
  };
  const large = end - from > 0.5 ? 1 : 0;
  const outer = `M${point(from, radius)}A${radius} ${radius} 0 ${large} 1 ${point(end, radius)}`;
  if (!inner) return `${outer}L0 0Z`;
  return `${outer}L${point(end, inner)}A${inner} ${inner} 0 ${large} 0 ${point(from, inner)}Z`;
}
