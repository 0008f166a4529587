import { cacheFieldDisplayNames, type DataFrame, getFieldDisplayName, outerJoinDataFrames } from '@grafana/data';

/** All frames as one table, with a line for each time; the first one if they can't be joined. */
export function joined(frames: DataFrame[]): DataFrame | undefined {
  if (frames.length < 2) return frames[0];
  const table = outerJoinDataFrames({ frames: frames.map(named(frames)) }) ?? frames[0]!;
  cacheFieldDisplayNames([table]);
  return table;
}

/** Names that are told apart by what is beside them would all be "Value" in one table. */
const named =
  (frames: DataFrame[]) =>
  (frame: DataFrame): DataFrame => ({
    ...frame,
    fields: frame.fields.map((field) => {
      const name = getFieldDisplayName(field, frame, frames);
      return {
        ...field,
        name,
        labels: undefined,
        config: { ...field.config, displayName: name },
        state: { ...field.state, displayName: undefined },
      };
    }),
  });
