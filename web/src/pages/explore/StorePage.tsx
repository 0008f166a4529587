import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2, useTheme2 } from '@grafana/ui';
import { useEffect, useRef, useState } from 'react';
import { useLocation, useNavigate } from 'react-router';
import { useConfig } from '../../app/config';
import { byKind } from '../../data/datasources';
import { frameStyle } from '../common/frameStyle';
import { Empty } from '../common/Page';
import { ownPageOf, pagePath, startHash } from './embedded';

interface Props {
  kind: 'logs' | 'traces';
  title: string;
}

/** The store's part of a data source's URL: `/vtraces/select/jaeger` → `/vtraces`. */
const storeOf = (url: string | undefined): string | undefined => url?.replace(/\/select\/.*$/, '').replace(/\/$/, '');

/**
 * The page that a store brings itself, without its own header. Its address stays our hash, so that ours can be passed on; where it
 * leads elsewhere, we go there.
 */
export function StorePage({ kind, title }: Props) {
  const styles = useStyles2(getStyles);
  const theme = useTheme2();
  const { datasources } = useConfig();
  const location = useLocation();
  const navigate = useNavigate();
  const frame = useRef<HTMLIFrameElement>(null);
  const stores = {
    logs: storeOf(byKind('logs', datasources)?.url),
    traces: storeOf(byKind('traces', datasources)?.url),
  };
  const store = stores[kind];
  const [start] = useState(() => startHash(kind, new URLSearchParams(location.search), location.hash));

  useEffect(() => {
    document.title = `${title} · Staddle`;
  }, [title]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the stores don't change while the page is shown.
  useEffect(() => {
    const follow = () => {
      const inner = frame.current?.contentWindow?.location;
      if (!inner || inner.protocol === 'about:' || !store) return;
      if (inner.pathname.startsWith(pagePath(store))) {
        if (inner.hash !== window.location.hash && inner.hash.length > 2) {
          window.history.replaceState(window.history.state, '', `${window.location.pathname}${inner.hash}`);
        }
        return;
      }
      const own = ownPageOf(new URL(inner.href), stores);
      if (own) navigate(own);
      else window.location.assign(inner.href);
    };
    const timer = setInterval(follow, 300);
    return () => clearInterval(timer);
  }, [store, navigate]);

  // Its theme is ours.
  useEffect(() => {
    const root = frame.current?.contentDocument?.documentElement;
    if (root) root.dataset.theme = theme.isDark ? 'dark' : 'light';
  }, [theme]);

  if (!store) return <Empty title={`No store of ${kind} is behind this portal`} />;
  return (
    <iframe
      ref={frame}
      key={store}
      className={styles.frame}
      title={title}
      src={`${pagePath(store)}${start}`}
      onLoad={() => {
        const root = frame.current?.contentDocument?.documentElement;
        if (root) root.dataset.theme = theme.isDark ? 'dark' : 'light';
      }}
    />
  );
}

const getStyles = (theme: GrafanaTheme2) => ({ frame: frameStyle(theme) });
