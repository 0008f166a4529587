import { type MouseEvent, type ReactNode, useCallback } from 'react';
import { useNavigate } from 'react-router';
import { base } from '../boot/base';
import { ownPath } from './ownPath';

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
      const path = ownPath(new URL(link.href), base, location.origin);
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
