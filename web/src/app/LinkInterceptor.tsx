import { type MouseEvent, type ReactNode, useCallback } from 'react';
import { useNavigate } from 'react-router';
import { base } from '../boot/base';

/**
 * The page of ours that a URL of this origin means, or nothing. Dashboards are linked as `/ui/d/…`, which may be another
 * program here, and as `/d/…` by what others wrote: whoever is in the console stays in it.
 */
export function ownPath(url: URL, ownBase = base, origin = location.origin): string | undefined {
  if (url.origin !== origin) return undefined;
  const rest = url.search + url.hash;
  for (const prefix of [ownBase, '/ui/', '/console/', '/']) {
    if (!url.pathname.startsWith(prefix)) continue;
    const path = `/${url.pathname.slice(prefix.length)}`;
    if (prefix === ownBase || path.startsWith('/d/')) return path + rest;
  }
  return undefined;
}

/** Follows links to our own pages without loading the application again. */
export function LinkInterceptor({ children }: { children: ReactNode }) {
  const navigate = useNavigate();
  const follow = useCallback(
    (event: MouseEvent) => {
      if (event.defaultPrevented || event.button !== 0) return;
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      const link = (event.target as Element).closest?.('a[href]');
      if (!(link instanceof HTMLAnchorElement)) return;
      if ((link.target && link.target !== '_self') || link.hasAttribute('download')) return;
      const path = ownPath(new URL(link.href));
      if (path === undefined) return;
      event.preventDefault();
      navigate(path);
    },
    [navigate],
  );
  // biome-ignore lint/a11y/noStaticElementInteractions: it only watches what happens on the links inside.
  // biome-ignore lint/a11y/useKeyWithClickEvents: Enter on a link is a click, too.
  return <div onClick={follow}>{children}</div>;
}
