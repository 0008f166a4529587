import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';

interface Props {
  labels: Record<string, string>;
  /** Not shown: what is said elsewhere. */
  without?: string[];
  onPick?: (name: string, value: string) => void;
}

/** Labels as `name=value`. With `onPick`, each is a button. */
export function Labels({ labels, without = [], onPick }: Props) {
  const styles = useStyles2(getStyles);
  const shown = Object.entries(labels).filter(([name]) => !without.includes(name));
  return (
    <span className={styles.all}>
      {shown.map(([name, value]) =>
        onPick ? (
          <button
            key={name}
            type="button"
            className={styles.one}
            onClick={() => onPick(name, value)}
            title={`Only ${name}=${value}`}
          >
            <b>{name}</b>={value}
          </button>
        ) : (
          <span key={name} className={styles.one}>
            <b>{name}</b>={value}
          </span>
        ),
      )}
    </span>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  all: css({ display: 'inline-flex', flexWrap: 'wrap', gap: theme.spacing(0.5), minWidth: 0 }),
  one: css({
    display: 'inline-block',
    maxWidth: '100%',
    padding: theme.spacing(0, 0.75),
    border: 0,
    borderRadius: theme.shape.radius.default,
    background: theme.colors.background.secondary,
    color: theme.colors.text.primary,
    fontFamily: theme.typography.fontFamilyMonospace,
    fontSize: theme.typography.bodySmall.fontSize,
    lineHeight: 1.6,
    overflowWrap: 'anywhere',
    textAlign: 'left',
    '& b': { color: theme.colors.text.secondary, fontWeight: 'normal' },
    'button&:hover': { background: theme.colors.action.hover },
  }),
});
