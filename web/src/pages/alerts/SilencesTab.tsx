import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Badge, ConfirmButton, InlineSwitch, useStyles2 } from '@grafana/ui';
import { useCallback, useState } from 'react';
import { Empty, Page } from '../common/Page';
import { ago, spoken } from '../common/times';
import { usePolled } from '../common/usePolled';
import { expire, type Silence, silencesOf } from './api';
import { matcherText } from './grouping';

const order = ['active', 'pending', 'expired'];

/** What is kept quiet, by whom, why, and for how long. */
export function SilencesTab({ alertmanager }: { alertmanager: string }) {
  const styles = useStyles2(getStyles);
  const [old, setOld] = useState(false);
  const [failed, setFailed] = useState('');
  const load = useCallback((signal: AbortSignal) => silencesOf(alertmanager, signal), [alertmanager]);
  const { data, error, again } = usePolled(load, 10);
  const shown = (data ?? [])
    .filter(({ status }) => old || status.state !== 'expired')
    .sort((a, b) => order.indexOf(a.status.state) - order.indexOf(b.status.state) || b.endsAt.localeCompare(a.endsAt));
  const end = (id: string) => {
    expire(alertmanager, id).then(
      () => {
        setFailed('');
        again();
      },
      (reason: Error) => setFailed(reason.message),
    );
  };
  return (
    <Page title="Silences" error={failed || error}>
      <InlineSwitch label="Also expired" showLabel value={old} onChange={() => setOld(!old)} />
      {data && !shown.length && <Empty title="No silence">Every alert reaches its receiver.</Empty>}
      {shown.map((each) => (
        <section key={each.id} className={styles.card} aria-label={each.comment}>
          <div className={styles.text}>
            <div>
              <Badge text={each.status.state} color={each.status.state === 'active' ? 'blue' : 'darkgrey'} />{' '}
              {each.comment}
            </div>
            <code className={styles.code}>{each.matchers.map(matcherText).join(', ')}</code>
            <div className={styles.quiet}>
              by {each.createdBy}, {ends(each)}
            </div>
          </div>
          {each.status.state !== 'expired' && (
            <ConfirmButton
              confirmText="End it now"
              confirmVariant="destructive"
              onConfirm={() => end(each.id)}
              size="sm"
            >
              End
            </ConfirmButton>
          )}
        </section>
      ))}
    </Page>
  );
}

function ends({ endsAt, status }: Silence): string {
  if (status.state === 'expired') return `ended ${ago(endsAt)}`;
  return `ends in ${spoken((Date.parse(endsAt) - Date.now()) / 1000)}`;
}

const getStyles = (theme: GrafanaTheme2) => ({
  card: css({
    display: 'flex',
    flexWrap: 'wrap',
    gap: theme.spacing(1),
    alignItems: 'center',
    padding: theme.spacing(1, 1.5),
    background: theme.colors.background.primary,
    borderRadius: theme.shape.radius.default,
  }),
  text: css({ flex: '1 1 300px', display: 'grid', gap: theme.spacing(0.5), minWidth: 0 }),
  code: css({ overflowWrap: 'anywhere', whiteSpace: 'normal' }),
  quiet: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});
