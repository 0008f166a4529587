import type { JaegerTrace } from '../data/queryTraces';
import TablePanel from './TablePanel';
import { TraceView } from './TraceView';
import type { PanelViewProps } from './types';

/** A trace as its spans over time; a search's result as a table. */
export default function TracesPanel(props: PanelViewProps) {
  const field = props.data.flatMap((frame) => frame.fields).find((each) => each.name === 'trace');
  const trace = field?.values[0] as JaegerTrace | undefined;
  if (!trace) return <TablePanel {...props} />;
  return <TraceView trace={trace} height={props.height} />;
}
