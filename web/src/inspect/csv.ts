import { type DataFrame, outerJoinDataFrames } from '@grafana/data';

/** All frames as one table, with a line for each time; the first one if they can't be joined. */
export const joined = (frames: DataFrame[]): DataFrame | undefined =>
  frames.length > 1 ? (outerJoinDataFrames({ frames }) ?? frames[0]) : frames[0];
