import {
  type DataFrame,
  type Field,
  FieldType,
  formattedValueToString,
  getFieldDisplayName,
  type LinkModel,
} from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import { useMemo } from 'react';
import { displayValues } from './displayValues';
import { treemap } from './treemap';
import type { PanelViewProps } from './types';

interface Item {
  name: string;
  size: number;
  text: string;
  color: string;
  href?: LinkModel['href'];
}

const named = (frame: DataFrame, name: string | undefined, type: FieldType): Field | undefined =>
  frame.fields.find((field) => name && getFieldDisplayName(field, frame) === name) ??
  frame.fields.find((field) => field.type === type);

/** One item for each row of a table: the fields that hold name, size and colour are the panel's options. */
function fromTable(frame: DataFrame, options: Record<string, string | undefined>): Item[] {
  const size = named(frame, options.sizeByField, FieldType.number);
  const label = named(frame, options.textField ?? options.labelByField, FieldType.string);
  if (!size) return [];
  const color = named(frame, options.colorByField, FieldType.number) ?? size;
  return size.values.map((value, row) => ({
    name: String(label?.values[row] ?? ''),
    size: Number(value),
    text: formattedValueToString(size.display!(value)),
    color: color.display!(color.values[row]).color ?? '',
    href: (label?.getLinks ?? size.getLinks)?.({ valueRowIndex: row })[0]?.href,
  }));
}

/** Values as areas. */
export default function TreemapPanel(props: PanelViewProps) {
  const { data, panel, width, height } = props;
  const theme = useTheme2();
  const items = useMemo(() => {
    const table = data.find((frame) => frame.fields.some((field) => field.type === FieldType.string));
    if (table) return fromTable(table, panel.options);
    return displayValues(props, theme).map(({ display, getLinks }) => ({
      name: display.title ?? '',
      size: display.numeric,
      text: formattedValueToString(display),
      color: display.color ?? '',
      href: getLinks?.()[0]?.href,
    }));
  }, [data, panel.options, props, theme]);
  const tiles = useMemo(() => treemap(items, (item) => item.size, width, height), [items, width, height]);
  return (
    <svg width={width} height={height} fontSize={12} role="img" aria-label={panel.title}>
      {tiles.map(({ item, ...box }, i) => {
        const fits = box.width > 40 && box.height > 18;
        const ink = theme.colors.getContrastText(item.color || '#000');
        const most = Math.floor(box.width / 7);
        const body = (
          <g key={i}>
            <rect {...box} fill={item.color} stroke={theme.colors.background.primary} />
            {fits && (
              <text x={box.x + 6} y={box.y + 15} fill={ink}>
                {item.name.slice(0, most)}
              </text>
            )}
            {fits && box.height > 34 && (
              <text x={box.x + 6} y={box.y + 30} fill={ink} opacity={0.8}>
                {item.text.slice(0, most)}
              </text>
            )}
            <title>{`${item.name}: ${item.text}`}</title>
          </g>
        );
        return item.href ? (
          <a key={i} href={item.href}>
            {body}
          </a>
        ) : (
          body
        );
      })}
    </svg>
  );
}
