import { css } from '@emotion/css';
import { LoadingState } from '@grafana/data';
import { ErrorBoundary, PanelChrome } from '@grafana/ui';
import { memo, useEffect, useMemo, useRef, useState } from 'react';
import { panelView } from '../panels/registry';
import { interpolateFunction } from '../transform/apply';
import { interpolate } from '../variables/interpolate';
import { annotationsFor } from './annotations';
import { useDashboard } from './context';
import type { Panel } from './model';
import { PanelLinks } from './PanelLinks';
import { PanelMenu } from './PanelMenu';
import { PanelMessage } from './PanelMessage';
import { usePanelData, withoutData } from './usePanelData';

interface Props {
  panel: Panel;
  left: number;
  top: number;
  width: number;
  height: number;
  /** Shown alone, in place of the dashboard. */
  alone?: boolean;
}

/** Whether it is in view or nearly so, and whether it ever was. */
function useInView(ref: React.RefObject<Element | null>): { near: boolean; seen: boolean } {
  const [near, setNear] = useState(false);
  const seen = useRef(false);
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => setNear(entry!.isIntersecting), { rootMargin: '300px 0px' });
    observer.observe(ref.current!);
    return () => observer.disconnect();
  }, [ref]);
  if (near) seen.current = true;
  return { near, seen: seen.current };
}

/** A panel: its frame with title, links and menu, and what it shows once it comes into view. */
export const PanelFrame = memo(function PanelFrame({ panel, left, top, width, height, alone }: Props) {
  const ref = useRef<HTMLElement>(null);
  const dashboard = useDashboard();
  const { near, seen } = useInView(ref);
  const state = usePanelData(panel, width, near);
  const { scope, range, data } = state;
  const replaceVariables = useMemo(() => interpolateFunction(scope), [scope]);
  const annotations = useMemo(() => annotationsFor(dashboard.annotations, panel), [dashboard.annotations, panel]);
  const titleScope = { ...dashboard.scope, scoped: panel.scoped };
  const title = interpolate(panel.title ?? '', titleScope);
  const View = panelView(panel.type);
  const waiting =
    !withoutData.has(panel.type) &&
    (state.state === LoadingState.NotStarted || (state.state === LoadingState.Loading && !state.result));
  const empty = !waiting && !withoutData.has(panel.type) && !data.some((frame) => frame.length > 0);

  return (
    <section
      ref={ref}
      className={place}
      style={{ left, top, width, height }}
      aria-label={title || panel.type}
      data-testid="panel"
      data-panel-id={panel.key}
      data-panel-type={panel.type}
      data-state={
        state.error
          ? 'Error'
          : withoutData.has(panel.type)
            ? 'Done'
            : empty && state.state === 'Done'
              ? 'Empty'
              : state.state
      }
      // biome-ignore lint/a11y/noNoninteractiveTabindex: shortcuts (view, inspect) are for the panel that has the focus.
      tabIndex={0}
    >
      <PanelChrome
        title={title}
        description={panel.description ? () => describe(interpolate(panel.description!, titleScope)) : undefined}
        width={width}
        height={height}
        displayMode={panel.transparent ? 'transparent' : 'default'}
        padding={['table', 'logs', 'traces'].includes(panel.type) ? 'none' : 'md'}
        loadingState={state.state === LoadingState.Loading ? LoadingState.Loading : LoadingState.Done}
        statusMessage={state.error}
        statusMessageOnClick={() => dashboard.inspect(panel)}
        titleItems={<PanelLinks panel={panel} scope={scope} />}
        menu={() => <PanelMenu panel={panel} state={state} alone={alone} />}
        hoverHeader={!title && !panel.description && !panel.links?.length}
      >
        {(innerWidth, innerHeight) => {
          if (!seen || innerWidth <= 0 || innerHeight <= 0) return null;
          if (!View) return <PanelMessage kind="unknown" panel={panel} />;
          if (waiting) return null;
          if (empty)
            return (
              <PanelMessage
                kind={state.error ? 'error' : 'empty'}
                panel={panel}
                text={state.error ?? panel.fieldConfig.defaults.noValue}
              />
            );
          return (
            <ErrorBoundary
              dependencies={[data, View]}
              errorLogger={(error) => console.error(`panel “${title}”:`, error)}
            >
              {({ error }) =>
                error ? (
                  <PanelMessage kind="error" panel={panel} text={error.message} />
                ) : (
                  <View
                    panel={panel}
                    data={data}
                    structure={state.structure}
                    width={innerWidth}
                    height={innerHeight}
                    scope={scope}
                    range={range}
                    timeZone={dashboard.timeZone}
                    replaceVariables={replaceVariables}
                    annotations={annotations}
                  />
                )
              }
            </ErrorBoundary>
          );
        }}
      </PanelChrome>
    </section>
  );
});

/** Descriptions are Markdown; their tooltip takes text. */
const describe = (markdown: string): string =>
  markdown.replace(/\[([^\]]+)\]\([^)]*\)/g, '$1').replace(/[*_`]{1,3}([^*_`]+)[*_`]{1,3}/g, '$1');

const place = css({ position: 'absolute', contain: 'layout style', '&:focus-visible': { outlineOffset: 1 } });
