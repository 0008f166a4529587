import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Alert, Button, Checkbox, Field, Input, Modal, RadioButtonGroup, TextArea, useStyles2 } from '@grafana/ui';
import { type FormEvent, useState } from 'react';
import { type Matcher, silence } from './api';
import { matcherText } from './grouping';

interface Props {
  alertmanager: string;
  /** What can be silenced: any of these may be left out. */
  matchers: Matcher[];
  user?: string;
  onClose: (done: boolean) => void;
}

const lengths = [
  ['30m', 1800],
  ['1h', 3600],
  ['2h', 7200],
  ['8h', 28_800],
  ['1d', 86_400],
  ['1w', 604_800],
] as const;

const authorKey = 'staddle.console.author';
/** Labels that change from alert to alert of the same kind of trouble, or that say nothing about what it is. */
const usual = new Set(['alertname', 'cls', 'ins', 'ip', 'job']);

/** Asks how long and why, and silences. */
export function SilenceForm({ alertmanager, matchers, user, onClose }: Props) {
  const styles = useStyles2(getStyles);
  const [chosen, setChosen] = useState(
    () => new Set(matchers.filter(({ name }) => usual.has(name)).map(({ name }) => name)),
  );
  const [seconds, setSeconds] = useState<number>(7200);
  const [author, setAuthor] = useState(user ?? localStorage.getItem(authorKey) ?? '');
  const [comment, setComment] = useState('');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);

  const save = async (event: FormEvent) => {
    event.preventDefault();
    const kept = matchers.filter(({ name }) => chosen.has(name));
    if (!kept.length) return setError('Choose at least one label: without any, everything would be silent.');
    setBusy(true);
    localStorage.setItem(authorKey, author);
    const now = Date.now();
    try {
      await silence(alertmanager, {
        matchers: kept,
        startsAt: new Date(now).toISOString(),
        endsAt: new Date(now + seconds * 1000).toISOString(),
        createdBy: author,
        comment,
      });
      onClose(true);
    } catch (reason) {
      setBusy(false);
      setError(reason instanceof Error ? reason.message : String(reason));
    }
  };
  return (
    <Modal title="Silence" isOpen onDismiss={() => onClose(false)}>
      <form onSubmit={save}>
        {error && <Alert title="Not silenced">{error}</Alert>}
        <Field label="Alerts with all of these labels" noMargin>
          <div className={styles.labels}>
            {matchers.map((matcher) => (
              <Checkbox
                key={matcher.name}
                label={matcherText(matcher)}
                value={chosen.has(matcher.name)}
                onChange={({ currentTarget: { checked } }) =>
                  setChosen(
                    (old) =>
                      new Set(checked ? [...old, matcher.name] : [...old].filter((name) => name !== matcher.name)),
                  )
                }
              />
            ))}
          </div>
        </Field>
        <Field label="For how long" className={styles.field}>
          <RadioButtonGroup
            aria-label="For how long"
            options={lengths.map(([label, value]) => ({ label, value: value as number }))}
            value={seconds}
            onChange={setSeconds}
          />
        </Field>
        <Field label="Your name" htmlFor="silence-author">
          <Input
            id="silence-author"
            required
            value={author}
            onChange={(event) => setAuthor(event.currentTarget.value)}
            autoComplete="username"
          />
        </Field>
        <Field label="Comment" htmlFor="silence-comment">
          <TextArea
            id="silence-comment"
            required
            rows={2}
            placeholder="Why, and until what is done"
            value={comment}
            onChange={(event) => setComment(event.currentTarget.value)}
          />
        </Field>
        <Modal.ButtonRow>
          <Button variant="secondary" type="button" onClick={() => onClose(false)}>
            Cancel
          </Button>
          <Button type="submit" disabled={busy} icon="bell-slash">
            Silence
          </Button>
        </Modal.ButtonRow>
      </form>
    </Modal>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  labels: css({
    display: 'grid',
    gap: theme.spacing(0.5),
    fontFamily: theme.typography.fontFamilyMonospace,
    overflowWrap: 'anywhere',
  }),
  field: css({ marginTop: theme.spacing(2) }),
});
