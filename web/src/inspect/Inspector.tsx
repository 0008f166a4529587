import { css } from '@emotion/css';
import {
  type DataFrame,
  type GrafanaTheme2,
  getFrameDisplayName,
  getRawDisplayProcessor,
  LoadingState,
  type SelectableValue,
  toCSV,
} from '@grafana/data';
import { Button, Drawer, InlineField, Select, Switch, Tab, TabsBar, useStyles2 } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { useLayoutEffect, useRef, useState } from 'react';
import { useDashboard } from '../dashboard/context';
import { exploreUrl } from '../dashboard/explore';
import type { Panel } from '../dashboard/model';
import { usePanelData } from '../dashboard/usePanelData';
import { interpolate } from '../variables/interpolate';
import { joined } from './csv';

type Part = 'data' | 'query' | 'json';

const parts: [Part, string][] = [
  ['data', 'Data'],
  ['query', 'Query'],
  ['json', 'JSON'],
];

function save(text: string, name: string, type: string) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

const fileName = (title: string) =>
  `${title.replace(/[^\w.-]+/g, '-') || 'panel'}-${new Date().toISOString().slice(0, 19).replace(/:/g, '')}`;

function Data({ frames, title }: { frames: DataFrame[]; title: string }) {
  const styles = useStyles2(getStyles);
  const box = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [chosen, choose] = useState(frames.length > 1 ? -1 : 0);
  const [raw, setRaw] = useState(false);
  useLayoutEffect(() => {
    const element = box.current!;
    const observer = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const choices: SelectableValue<number>[] = [
    ...(frames.length > 1 ? [{ value: -1, label: 'All, joined by time' }] : []),
    ...frames.map((frame, value) => ({ value, label: getFrameDisplayName(frame, value) })),
  ];
  const frame = chosen < 0 ? joined(frames) : frames[chosen];
  const shown =
    frame && raw
      ? { ...frame, fields: frame.fields.map((field) => ({ ...field, display: getRawDisplayProcessor() })) }
      : frame;
  return (
    <div className={styles.data}>
      <div className={styles.tools}>
        <InlineField label="Frame">
          <Select
            aria-label="Frame"
            width={40}
            options={choices}
            value={chosen}
            onChange={({ value }) => choose(value ?? 0)}
          />
        </InlineField>
        <InlineField label="Unformatted" transparent>
          <Switch aria-label="Unformatted values" value={raw} onChange={() => setRaw(!raw)} />
        </InlineField>
        <Button
          icon="download-alt"
          variant="secondary"
          disabled={!frame}
          onClick={() =>
            frame && save(toCSV([frame], { useExcelHeader: false }), `${fileName(title)}.csv`, 'text/csv;charset=utf-8')
          }
        >
          Download CSV
        </Button>
      </div>
      <div ref={box} className={styles.table}>
        {shown && size.width > 0 && (
          <TableNG
            key={`${chosen} ${raw}`}
            data={shown}
            width={size.width}
            height={size.height}
            resizable
            structureRev={chosen}
          />
        )}
        {!shown && <p>No data</p>}
      </div>
    </div>
  );
}

/** A panel from inside: its data as a table, its queries as they were sent, and all of it as JSON. */
export default function Inspector({ panel, onClose }: { panel: Panel; onClose: () => void }) {
  const styles = useStyles2(getStyles);
  const { scope, range } = useDashboard();
  const [part, setPart] = useState<Part>('data');
  const { data, result, error, state } = usePanelData(panel, 1000, true);
  const title = interpolate(panel.title ?? '', { ...scope, scoped: panel.scoped }) || panel.type;
  const explore = result && exploreUrl(result.queries, range);
  const { key: _key, ...definition } = panel;
  const json = JSON.stringify(definition, null, 2);
  return (
    <Drawer
      title={title}
      size="lg"
      onClose={onClose}
      tabs={
        <TabsBar>
          {parts.map(([id, label]) => (
            <Tab key={id} label={label} active={part === id} onChangeTab={() => setPart(id)} />
          ))}
        </TabsBar>
      }
    >
      {error && <pre role="alert">{error}</pre>}
      {part === 'data' && state !== LoadingState.Loading && <Data key={state} frames={data} title={title} />}
      {part === 'query' && (
        <div className={styles.queries}>
          {result?.queries.map(({ refId, datasource, query }) => (
            <section key={refId}>
              <h3>
                {refId} <small>{datasource}</small>
              </h3>
              <pre>{query}</pre>
            </section>
          ))}
          {explore && (
            <a className={styles.link} href={explore}>
              Explore
            </a>
          )}
        </div>
      )}
      {part === 'json' && (
        <>
          <Button
            icon="download-alt"
            variant="secondary"
            onClick={() => save(json, `${fileName(title)}.json`, 'application/json')}
          >
            Download
          </Button>
          <pre>{json}</pre>
        </>
      )}
    </Drawer>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  data: css({ display: 'flex', flexDirection: 'column', height: '100%', minHeight: 400 }),
  tools: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(1), marginBottom: theme.spacing(1) }),
  table: css({ flex: 1, minHeight: 300, overflow: 'hidden' }),
  queries: css({ '& pre': { whiteSpace: 'pre-wrap' } }),
  link: css({ color: theme.colors.text.link }),
});
