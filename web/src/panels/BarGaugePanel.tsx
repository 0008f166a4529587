import {
  type DisplayValueAlignmentFactors,
  type FieldDisplay,
  getDisplayValueAlignmentFactors,
  VizOrientation,
} from '@grafana/data';
import { BarGaugeDisplayMode, BarGaugeNamePlacement, BarGaugeSizing } from '@grafana/schema';
import { BarGauge, useTheme2, VizRepeater, type VizRepeaterRenderValueProps } from '@grafana/ui';
import { useCallback } from 'react';
import { displayValues } from './displayValues';
import type { PanelViewProps } from './types';
import { ValueLinks } from './ValueLinks';

/** Values as bars, one below the other or side by side. */
export default function BarGaugePanel(props: PanelViewProps) {
  const theme = useTheme2();
  const { options } = props.panel;
  const { width, height, data } = props;
  const getValues = useCallback(() => displayValues(props, theme), [props, theme]);
  const chosen = options.orientation ?? VizOrientation.Auto;
  const orientation =
    chosen === VizOrientation.Auto ? (width > height ? VizOrientation.Vertical : VizOrientation.Horizontal) : chosen;
  const manual = options.sizing === BarGaugeSizing.Manual;

  const render = (item: VizRepeaterRenderValueProps<FieldDisplay, DisplayValueAlignmentFactors>) => {
    const { value } = item;
    return (
      <ValueLinks value={value}>
        {(menu) => (
          <BarGauge
            value={value.display}
            field={value.field}
            display={value.view?.getFieldDisplayProcessor(value.colIndex ?? 0)}
            width={item.width}
            height={item.height}
            orientation={item.orientation}
            displayMode={options.displayMode ?? BarGaugeDisplayMode.Gradient}
            valueDisplayMode={options.valueMode}
            namePlacement={options.namePlacement ?? BarGaugeNamePlacement.Auto}
            showUnfilled={options.showUnfilled ?? true}
            alignmentFactors={item.alignmentFactors}
            text={options.text}
            itemSpacing={8}
            lcdCellWidth={12}
            theme={theme}
            onClick={menu?.openMenu}
            className={menu?.targetClassName}
          />
        )}
      </ValueLinks>
    );
  };
  return (
    <VizRepeater
      source={data}
      getValues={getValues}
      getAlignmentFactors={getDisplayValueAlignmentFactors as never}
      orientation={orientation}
      width={width}
      height={height}
      itemSpacing={8}
      minVizWidth={manual ? options.minVizWidth : 8}
      minVizHeight={manual ? options.minVizHeight : 16}
      maxVizHeight={manual ? options.maxVizHeight : 300}
      renderCounter={0}
      renderValue={render}
    />
  );
}
