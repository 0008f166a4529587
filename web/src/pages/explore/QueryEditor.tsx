import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { type KeyboardEvent, useEffect, useId, useLayoutEffect, useRef, useState } from 'react';
import { taken } from './completion';
import { useSuggestions } from './useSuggestions';

interface Props {
  label: string;
  value: string;
  /** Where the store answers that knows names and values. */
  url: string;
  onChange: (text: string) => void;
  onRun: () => void;
  autoFocus?: boolean;
}

/**
 * A query with completion: arrows and Enter (or Tab) take what is offered, Escape closes the list, Ctrl+Space opens it. Enter
 * runs the query when nothing is chosen, Shift+Enter begins a line.
 */
export function QueryEditor({ label, value, url, onChange, onRun, autoFocus }: Props) {
  const styles = useStyles2(getStyles);
  const area = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  const [caret, setCaret] = useState<number | null>(null);
  const [chosen, setChosen] = useState(-1);
  const next = useRef<number>(undefined);
  const offer = useSuggestions(value, caret, url);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another list begins from its start.
  useEffect(() => setChosen(-1), [offer]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: its height follows the text.
  useLayoutEffect(() => {
    const element = area.current!;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight + 2}px`;
    if (next.current === undefined) return;
    element.setSelectionRange(next.current, next.current);
    next.current = undefined;
  }, [value]);
  useEffect(() => {
    if (chosen >= 0) document.getElementById(`${id}-${chosen}`)?.scrollIntoView({ block: 'nearest' });
  }, [chosen, id]);

  const take = (index: number) => {
    const change = taken(value, area.current!.selectionStart, offer!.place, offer!.list[index]!);
    next.current = change.caret;
    setCaret(null);
    onChange(change.text);
    area.current!.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const list = offer?.list;
    if (event.key === ' ' && event.ctrlKey) setCaret(area.current!.selectionStart);
    else if (event.key === 'Enter' && !event.shiftKey && !(list && chosen >= 0)) {
      setCaret(null);
      onRun();
    } else if (!list) return;
    else if (event.key === 'ArrowDown') setChosen((chosen + 1) % list.length);
    else if (event.key === 'ArrowUp') setChosen((chosen <= 0 ? list.length : chosen) - 1);
    else if (event.key === 'Escape') setCaret(null);
    else if (event.key === 'Tab' && !event.shiftKey) take(Math.max(chosen, 0));
    else if (event.key === 'Enter' && !event.shiftKey) take(chosen);
    else return;
    event.preventDefault();
  };
  return (
    <div className={styles.box}>
      <textarea
        ref={area}
        className={styles.area}
        aria-label={label}
        role="combobox"
        aria-autocomplete="list"
        aria-expanded={offer !== undefined}
        aria-controls={`${id}-list`}
        aria-activedescendant={offer && chosen >= 0 ? `${id}-${chosen}` : undefined}
        rows={1}
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        // biome-ignore lint/a11y/noAutofocus: the page is there to type a query.
        autoFocus={autoFocus}
        placeholder="A metric, or any PromQL or MetricsQL expression"
        value={value}
        onChange={(event) => {
          onChange(event.target.value);
          setCaret(event.target.selectionStart);
        }}
        onKeyDown={onKeyDown}
        onBlur={() => setCaret(null)}
      />
      {offer && (
        <div className={styles.list} role="listbox" id={`${id}-list`} aria-label="Suggestions">
          {offer.list.map((each, i) => (
            <div
              key={`${each.note} ${each.text}`}
              id={`${id}-${i}`}
              role="option"
              tabIndex={-1}
              aria-selected={i === chosen}
              className={styles.option}
              onPointerDown={(event) => {
                event.preventDefault();
                take(i);
              }}
            >
              {each.text} <small>{each.note}</small>
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  box: css({ position: 'relative', flex: 1, minWidth: 0 }),
  area: css({
    display: 'block',
    width: '100%',
    minHeight: 32,
    padding: theme.spacing(0.5, 1),
    resize: 'none',
    overflow: 'hidden',
    background: theme.components.input.background,
    color: theme.components.input.text,
    border: `1px solid ${theme.components.input.borderColor}`,
    borderRadius: theme.shape.radius.default,
    fontFamily: theme.typography.fontFamilyMonospace,
    fontSize: theme.typography.fontSize,
    lineHeight: 1.5,
    '&:focus': { outline: `2px solid ${theme.colors.primary.main}`, outlineOffset: 1 },
  }),
  list: css({
    position: 'absolute',
    zIndex: theme.zIndex.dropdown,
    top: '100%',
    left: 0,
    minWidth: 'min(320px, 100%)',
    maxWidth: '100%',
    maxHeight: 260,
    overflowY: 'auto',
    background: theme.colors.background.elevated,
    border: `1px solid ${theme.colors.border.medium}`,
    borderRadius: theme.shape.radius.default,
    boxShadow: theme.shadows.z3,
  }),
  option: css({
    display: 'flex',
    justifyContent: 'space-between',
    gap: theme.spacing(2),
    padding: theme.spacing(0.25, 1),
    cursor: 'pointer',
    fontFamily: theme.typography.fontFamilyMonospace,
    fontSize: theme.typography.bodySmall.fontSize,
    overflowWrap: 'anywhere',
    '& small': { color: theme.colors.text.secondary, fontFamily: theme.typography.fontFamily },
    '&:hover, &[aria-selected="true"]': { background: theme.colors.action.focus },
  }),
});
