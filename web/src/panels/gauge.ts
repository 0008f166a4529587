import { type ThresholdsConfig, ThresholdsMode } from '@grafana/data';

/** How far round the dial goes. */
const sweep = 1.3 * Math.PI;
const begin = 1.15 * Math.PI;

/** Where a value is between the least and the greatest: 0 to 1. */
export function fractionOf(value: number, min: number, max: number): number {
  if (!Number.isFinite(value) || max <= min) return 0;
  return Math.min(1, Math.max(0, (value - min) / (max - min)));
}

/** A part of the dial, as the path of a line. */
export function arcPath(cx: number, cy: number, radius: number, from: number, to: number): string {
  const at = (fraction: number) => {
    const angle = begin - sweep * fraction;
    return `${(cx + radius * Math.cos(angle)).toFixed(2)} ${(cy - radius * Math.sin(angle)).toFixed(2)}`;
  };
  const large = (to - from) * sweep > Math.PI ? 1 : 0;
  return `M${at(from)}A${radius.toFixed(2)} ${radius.toFixed(2)} 0 ${large} 1 ${at(Math.max(to, from + 0.001))}`;
}

export interface ColoredArc {
  from: number;
  to: number;
  color: string;
}

/** The parts of the dial that thresholds colour. */
export function thresholdArcs(thresholds: ThresholdsConfig | undefined, min: number, max: number): ColoredArc[] {
  const steps = thresholds?.steps ?? [];
  const percent = thresholds?.mode === ThresholdsMode.Percentage;
  const at = (value: number | null) => {
    if (value === null || value === -Infinity) return 0;
    return percent ? fractionOf(value, 0, 100) : fractionOf(value, min, max);
  };
  return steps
    .map(({ value, color }, i) => ({ from: at(value), to: i + 1 < steps.length ? at(steps[i + 1]!.value) : 1, color }))
    .filter(({ from, to }) => to > from);
}
