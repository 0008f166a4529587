import { css } from '@emotion/css';
import { type GrafanaTheme2, rangeUtil } from '@grafana/data';
import { InlineSwitch, RefreshPicker, TimeRangePicker, ToolbarButton, useStyles2 } from '@grafana/ui';
import { useSearchParams } from 'react-router';
import { useDashboard } from './context';
import { DashboardLinks } from './DashboardLinks';
import type { AnnotationQuery } from './model';
import { rangeTexts, shifted, widened } from './time';
import { VariableBar } from './VariableBar';

interface Props {
  annotations: AnnotationQuery[];
  enabled: ReadonlySet<string>;
  onToggleAnnotation: (name: string) => void;
}

/** Title, variables, links and time: all that is chosen for a dashboard as a whole. */
export function Toolbar({ annotations, enabled, onToggleAnnotation }: Props) {
  const styles = useStyles2(getStyles);
  const { dashboard, range, timeZone, setRange, refresh } = useDashboard();
  const [params, setParams] = useSearchParams();
  const kiosk = params.has('kiosk');
  const interval = params.get('refresh') ?? dashboard.refresh ?? '';
  const move = ({ from, to }: { from: string; to: string }) => setRange(from, to);
  const set = (key: string, value: string | undefined) =>
    setParams((old) => {
      const next = new URLSearchParams(old);
      if (value === undefined) next.delete(key);
      else next.set(key, value);
      return next;
    });
  const shownAnnotations = annotations.filter((each) => !each.hide && !each.builtIn);
  return (
    <div className={styles.toolbar} role="toolbar" aria-label="Dashboard">
      <h1 className={styles.title} title={dashboard.description}>
        {dashboard.title}
      </h1>
      <div className={styles.space} />
      {!dashboard.timepicker?.hidden && (
        <div className={styles.time}>
          <TimeRangePicker
            value={range}
            timeZone={timeZone}
            onChange={(next) => {
              const { from, to } = rangeTexts(next);
              setRange(from, to);
            }}
            onChangeTimeZone={(zone) => set('timezone', zone)}
            onMoveBackward={() => move(shifted(range, -0.5))}
            onMoveForward={() => move(shifted(range, 0.5))}
            onZoom={() => move(widened(range))}
            isOnCanvas
          />
          <RefreshPicker
            value={interval}
            intervals={dashboard.timepicker?.refresh_intervals ?? ['5s', '10s', '30s', '1m', '5m', '15m', '1h']}
            onIntervalChanged={(next) => set('refresh', next && rangeUtil.intervalToMs(next) ? next : '')}
            onRefresh={refresh}
            tooltip="Refresh"
            isOnCanvas
          />
        </div>
      )}
      <ToolbarButton
        icon={kiosk ? 'times' : 'monitor'}
        variant="canvas"
        tooltip={kiosk ? 'Leave full screen (d k)' : 'Only the dashboard (d k)'}
        aria-label={kiosk ? 'Leave full screen' : 'Only the dashboard'}
        onClick={() => set('kiosk', kiosk ? undefined : '')}
      />
      <div className={styles.choices}>
        <VariableBar />
        {shownAnnotations.map(({ name }) => (
          <InlineSwitch
            key={name}
            label={name}
            showLabel
            transparent
            value={enabled.has(name)}
            onChange={() => onToggleAnnotation(name)}
          />
        ))}
        <div className={styles.space} />
        <DashboardLinks />
      </div>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  toolbar: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: theme.spacing(1),
    marginBottom: theme.spacing(1.5),
  }),
  title: css({ fontSize: theme.typography.h4.fontSize, margin: theme.spacing(0, 1, 0, 0) }),
  space: css({ flex: 1 }),
  choices: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: theme.spacing(1),
    width: '100%',
    '&:empty': { display: 'none' },
  }),
  time: css({ display: 'flex', gap: theme.spacing(1), flexWrap: 'wrap' }),
});
