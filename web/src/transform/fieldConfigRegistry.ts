import {
  FieldConfigOptionsRegistry,
  type FieldConfigPropertyItem,
  type FieldConfigSource,
  identityOverrideProcessor,
} from '@grafana/data';

const standard = [
  'displayName',
  'displayNameFromDS',
  'unit',
  'min',
  'max',
  'fieldMinMax',
  'decimals',
  'thresholds',
  'color',
  'mappings',
  'links',
  'actions',
  'noValue',
  'filterable',
  'description',
];

/** Those of all panels together. A name that a panel doesn't know does no harm there. */
const custom = [
  'align',
  'axisBorderShow',
  'axisCenteredZero',
  'axisColorMode',
  'axisGridShow',
  'axisLabel',
  'axisPlacement',
  'axisSoftMax',
  'axisSoftMin',
  'axisWidth',
  'barAlignment',
  'barMaxWidth',
  'barWidthFactor',
  'cellOptions',
  'displayMode',
  'drawStyle',
  'fillBelowTo',
  'fillColor',
  'fillOpacity',
  'filterable',
  'footer',
  'gradientMode',
  'hidden',
  'hideFrom',
  'insertNulls',
  'inspect',
  'lineColor',
  'lineInterpolation',
  'lineStyle',
  'lineWidth',
  'minWidth',
  'pointSize',
  'scaleDistribution',
  'showPoints',
  'spanNulls',
  'stacking',
  'thresholdsStyle',
  'transform',
  'width',
  'wrapText',
];

function property(id: string, path: string, isCustom: boolean): FieldConfigPropertyItem {
  return {
    id,
    path,
    name: path,
    isCustom,
    description: '',
    editor: () => null,
    override: () => null,
    process: identityOverrideProcessor,
    shouldApply: () => true,
    settings: {},
  } as FieldConfigPropertyItem;
}

export function standardProperties(): FieldConfigPropertyItem[] {
  return standard.map((name) => property(name, name, false));
}

/** What may be set on fields: everything known, and whatever else this configuration sets. */
export function fieldConfigRegistry(source: FieldConfigSource): FieldConfigOptionsRegistry {
  const used = source.overrides.flatMap((rule) => rule.properties.map((each) => each.id));
  const named = used.filter((id) => id.startsWith('custom.')).map((id) => id.slice('custom.'.length));
  const own = new Set([...custom, ...Object.keys(source.defaults.custom ?? {}), ...named]);
  return new FieldConfigOptionsRegistry(() => [
    ...standardProperties(),
    ...[...own].map((name) => property(`custom.${name}`, name, true)),
  ]);
}
