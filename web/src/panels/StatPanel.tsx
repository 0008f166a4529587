import {
  type DisplayValueAlignmentFactors,
  type FieldDisplay,
  getDisplayValueAlignmentFactors,
  VizOrientation,
} from '@grafana/data';
import {
  BigValue,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueJustifyMode,
  BigValueTextMode,
  useTheme2,
  VizRepeater,
  type VizRepeaterRenderValueProps,
} from '@grafana/ui';
import { useCallback } from 'react';
import { displayValues } from './displayValues';
import type { PanelViewProps } from './types';
import { ValueLinks } from './ValueLinks';

/** Big numbers, with the shape of their history behind. */
export function StatPanel(props: PanelViewProps) {
  const { panel, data, width, height } = props;
  const { options } = panel;
  const theme = useTheme2();
  const graphMode = options.graphMode ?? BigValueGraphMode.Area;
  const getValues = useCallback(() => {
    const values = displayValues(props, theme, graphMode !== BigValueGraphMode.None);
    const { limit } = options.reduceOptions ?? {};
    return values.slice(0, limit || 100);
  }, [props, theme, graphMode, options]);

  const render = ({
    value,
    count,
    width,
    height,
    alignmentFactors,
  }: VizRepeaterRenderValueProps<FieldDisplay, DisplayValueAlignmentFactors>) => {
    const draw = (menu?: { openMenu?: React.MouseEventHandler<HTMLElement>; targetClassName?: string }) => (
      <BigValue
        value={value.display}
        count={count}
        sparkline={value.sparkline}
        colorMode={options.colorMode ?? BigValueColorMode.Value}
        graphMode={graphMode}
        justifyMode={options.justifyMode ?? BigValueJustifyMode.Auto}
        textMode={textMode(options.textMode, count)}
        percentChangeColorMode={options.percentChangeColorMode}
        alignmentFactors={alignmentFactors}
        text={options.text}
        width={width}
        height={height}
        theme={theme}
        onClick={menu?.openMenu}
        className={menu?.targetClassName}
        disableWideLayout={options.wideLayout === false}
      />
    );
    return <ValueLinks value={value}>{draw}</ValueLinks>;
  };
  return (
    <VizRepeater
      source={data}
      getValues={getValues}
      getAlignmentFactors={getDisplayValueAlignmentFactors as never}
      orientation={options.orientation ?? VizOrientation.Auto}
      width={width}
      height={height}
      itemSpacing={3}
      autoGrid
      renderCounter={0}
      renderValue={render}
    />
  );
}

function textMode(mode: BigValueTextMode | undefined, count: number): BigValueTextMode {
  if (mode && mode !== BigValueTextMode.Auto) return mode;
  return count > 1 ? BigValueTextMode.ValueAndName : BigValueTextMode.Value;
}
