import { type DataFrame, FieldType, getFieldDisplayName } from '@grafana/data';
import { SeriesVisibilityChangeMode } from '@grafana/ui';
import { useCallback, useMemo, useState } from 'react';

/** Which series a click on the legend leaves visible. `undefined` for all of them. */
export function nextVisible(
  visible: ReadonlySet<string> | undefined,
  all: string[],
  label: string,
  mode: SeriesVisibilityChangeMode,
): ReadonlySet<string> | undefined {
  if (mode === SeriesVisibilityChangeMode.ToggleSelection) {
    const alone = visible?.size === 1 && visible.has(label);
    return alone ? undefined : new Set([label]);
  }
  const next = new Set(visible ?? all);
  if (!next.delete(label)) next.add(label);
  return next.size === all.length ? undefined : next;
}

/** Frames in which those series are hidden that a click on the legend hid. */
export function useSeriesVisibility(data: DataFrame[]) {
  const [visible, setVisible] = useState<ReadonlySet<string>>();

  const onToggle = useCallback(
    (label: string | string[] | null, mode: SeriesVisibilityChangeMode) => {
      const names = data.flatMap((frame) =>
        frame.fields
          .filter((field) => field.type !== FieldType.time)
          .map((field) => getFieldDisplayName(field, frame, data)),
      );
      const [first] = Array.isArray(label) ? label : [label];
      if (first) setVisible((old) => nextVisible(old, names, first, mode));
    },
    [data],
  );

  const shown = useMemo(() => {
    if (!visible) return data;
    return data.map((frame) => ({
      ...frame,
      fields: frame.fields.map((field) => {
        if (field.type === FieldType.time || visible.has(getFieldDisplayName(field, frame, data))) return field;
        const hideFrom = { legend: false, tooltip: true, ...field.config.custom?.hideFrom, viz: true };
        return { ...field, config: { ...field.config, custom: { ...field.config.custom, hideFrom } } };
      }),
    }));
  }, [data, visible]);
  return { shown, onToggle, key: visible ? [...visible].join('\n') : '' };
}
