/** A page of a store, within ours: its path, and its part of our URL. */
export interface EmbeddedPage {
  /** Where its store is, as `/vlogs`. */
  store: string;
  title: string;
}

const page = '/select/vmui/';

export const pagePath = (store: string): string => `${store.replace(/\/$/, '')}${page}`;

/** `now-6h` as the length `6h`; nothing for other forms. */
const lengthOf = (from: string): string | undefined => /^now-(\d+[smhdw])$/.exec(from)?.[1];

const isoSecond = (milliseconds: number): string => new Date(milliseconds).toISOString().slice(0, 19);

/** A range of ours as the pages of the stores have it in their addresses. */
export function rangeParams(from: string, to: string): Record<string, string> {
  const length = lengthOf(from);
  if (length && (to === 'now' || !to)) return { 'g0.range_input': length };
  const [start, end] = [Number(from), Number(to)];
  if (!(end > start)) return {};
  const seconds = Math.max(1, Math.ceil((end - start) / 1000));
  return {
    'g0.range_input': `${seconds}s`,
    'g0.end_input': isoSecond(Math.ceil(end / 1000) * 1000),
    'g0.relative_time': 'none',
  };
}

/** The hash to open a store's page with: what stood in our own hash, else what our parameters ask for. */
export function startHash(kind: 'logs' | 'traces', params: URLSearchParams, hash: string): string {
  if (/^#\/.+/.test(hash)) return hash;
  const wanted = new URLSearchParams(rangeParams(params.get('from') ?? '', params.get('to') ?? 'now'));
  const query = params.get('query') ?? '';
  if (kind === 'logs') {
    if (query) wanted.set('query', query);
  } else if (/^[0-9a-f]{16,32}$/i.test(query.trim())) {
    return `#/trace/${query.trim().toLowerCase()}?${wanted}`;
  } else {
    for (const name of ['service', 'operation', 'tags', 'min', 'max'])
      if (params.get(name)) wanted.set(name, params.get(name)!);
    if (query && !wanted.has('service')) wanted.set('service', query);
  }
  return wanted.size ? `#/?${wanted}` : '';
}

/** Where a link within an embedded page leads: one of our pages, or (nothing) somewhere else. */
export function ownPageOf(url: URL, stores: { logs?: string; traces?: string }): string | undefined {
  for (const [kind, store] of Object.entries(stores)) {
    if (store && url.pathname.startsWith(pagePath(store))) return `/explore/${kind}${url.hash}`;
  }
  return undefined;
}
