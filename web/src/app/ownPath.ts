/**
 * The page of ours that a URL of this origin means, or nothing. Dashboards are linked as `/ui/d/…`, which may be another
 * program here, and as `/d/…` by what others wrote: whoever is in the console stays in it.
 */
export function ownPath(url: URL, base: string, origin: string): string | undefined {
  if (url.origin !== origin) return undefined;
  const rest = url.search + url.hash;
  for (const prefix of [base, '/ui/', '/console/', '/']) {
    if (!url.pathname.startsWith(prefix)) continue;
    const path = `/${url.pathname.slice(prefix.length)}`;
    if (prefix === base || path.startsWith('/d/')) return path + rest;
  }
  return undefined;
}
