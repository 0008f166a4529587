import {
  type FieldDisplay,
  formattedValueToString,
  type GrafanaTheme2,
  getFieldConfigWithMinMax,
  ThresholdsMode,
  VizOrientation,
} from '@grafana/data';
import { useTheme2, VizRepeater, type VizRepeaterRenderValueProps } from '@grafana/ui';
import { useCallback } from 'react';
import { displayValues } from './displayValues';
import { arcPath, fractionOf, thresholdArcs } from './gauge';
import type { PanelViewProps } from './types';
import { ValueLinks } from './ValueLinks';

interface DialProps {
  value: FieldDisplay;
  width: number;
  height: number;
  theme: GrafanaTheme2;
  withName: boolean;
  markers: boolean;
  labels: boolean;
}

function Dial({ value, width, height, theme, withName, markers, labels }: DialProps) {
  const field = getFieldConfigWithMinMax({
    config: value.field,
    values: [],
    name: '',
    type: 'number' as never,
    state: null,
  });
  const min = value.field.min ?? field.min ?? 0;
  const max =
    value.field.max ?? (value.field.thresholds?.mode === ThresholdsMode.Percentage ? 100 : (field.max ?? 100));
  const nameHeight = withName ? 22 : 0;
  const radius = Math.max(10, Math.min(width / 2, (height - nameHeight) / 1.6) - (labels ? 22 : 8));
  const cx = width / 2;
  const cy = (height - nameHeight + radius * 0.7) / 2;
  const ring = radius * 0.28;
  const marker = markers ? Math.max(3, radius * 0.05) : 0;
  const text = formattedValueToString(value.display);
  const size = Math.min(radius * 0.45, (radius * 2 * 0.9) / Math.max(3, text.length));
  const colored = thresholdArcs(value.field.thresholds, min, max);
  const inner = radius - marker - 2 - ring / 2;
  return (
    <svg width={width} height={height} role="img" aria-label={`${value.display.title ?? ''} ${text}`}>
      <path
        d={arcPath(cx, cy, inner, 0, 1)}
        stroke={theme.colors.background.secondary}
        strokeWidth={ring}
        fill="none"
      />
      <path
        d={arcPath(cx, cy, inner, 0, fractionOf(value.display.numeric, min, max))}
        stroke={value.display.color}
        strokeWidth={ring}
        fill="none"
      />
      {markers &&
        colored.map(({ from, to, color }) => (
          <path
            key={from}
            d={arcPath(cx, cy, radius - marker / 2, from, to)}
            stroke={theme.visualization.getColorByName(color)}
            strokeWidth={marker}
            fill="none"
          />
        ))}
      <text x={cx} y={cy + size * 0.2} textAnchor="middle" fontSize={size} fontWeight={500} fill={value.display.color}>
        {text}
      </text>
      {withName && (
        <text x={cx} y={height - 6} textAnchor="middle" fontSize={14} fill={theme.colors.text.primary}>
          {shortened(value.display.title ?? '', width / 8)}
        </text>
      )}
    </svg>
  );
}

const shortened = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, Math.max(1, Math.floor(most) - 1))}…` : text;

/** A value between its least and its greatest, on a dial. */
export default function GaugePanel(props: PanelViewProps) {
  const theme = useTheme2();
  const { options } = props.panel;
  const getValues = useCallback(() => displayValues(props, theme), [props, theme]);
  const render = ({ value, width, height, count }: VizRepeaterRenderValueProps<FieldDisplay>) => (
    <ValueLinks value={value}>
      {() => (
        <Dial
          value={value}
          width={width}
          height={height}
          theme={theme}
          withName={count > 1}
          markers={options.showThresholdMarkers !== false}
          labels={Boolean(options.showThresholdLabels)}
        />
      )}
    </ValueLinks>
  );
  return (
    <VizRepeater
      source={props.data}
      getValues={getValues}
      orientation={options.orientation ?? VizOrientation.Auto}
      width={props.width}
      height={props.height}
      autoGrid
      itemSpacing={8}
      renderCounter={0}
      renderValue={render}
    />
  );
}
