import { type DataFrame, FieldType } from '@grafana/data';

export interface Row {
  time: number;
  line: string;
  labels: Record<string, string>;
  level: string;
}

const levels: [RegExp, string][] = [
  [/^(emerg|alert|crit|fatal|panic|0|1|2)/i, 'critical'],
  [/^(err|eror|3)/i, 'error'],
  [/^(warn|4)/i, 'warning'],
  [/^(info|log|notice|statement|5|6)/i, 'info'],
  [/^(debug|7)/i, 'debug'],
  [/^(trace)/i, 'trace'],
];

const written = /\b(FATAL|PANIC|CRITICAL|ERROR|WARNING|WARN|INFO|LOG|NOTICE|DEBUG)\b/;

/** The severity, by whatever field has it, or by a word in the line. */
export function levelOf(labels: Record<string, string>, line: string): string {
  const named = labels.level ?? labels.severity ?? labels.detected_level ?? labels.priority ?? labels['log.level'];
  const text = named ?? written.exec(line.slice(0, 200))?.[1] ?? '';
  return levels.find(([pattern]) => pattern.test(text))?.[1] ?? 'unknown';
}

/** Lines of log frames: those that we asked for, or anyone's with a time and a text. */
export function rowsOf(frames: DataFrame[]): Row[] {
  return frames.flatMap((frame) => {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    const line =
      frame.fields.find((field) => /^(line|body|message|_msg)$/i.test(field.name)) ??
      frame.fields.find((field) => field.type === FieldType.string);
    const labels = frame.fields.find((field) => field.name === 'labels' && field.type === FieldType.other);
    if (!line) return [];
    return line.values.map((text, i): Row => {
      const own: Record<string, string> = labels ? labels.values[i] : {};
      if (!labels) {
        for (const field of frame.fields)
          if (field !== time && field !== line) own[field.name] = String(field.values[i] ?? '');
      }
      return {
        time: time?.values[i] ?? 0,
        line: String(text ?? ''),
        labels: own,
        level: levelOf(own, String(text ?? '')),
      };
    });
  });
}

const statement = /^duration: ([\d.]+) ms /;

/**
 * What to ask the page of traces for to find a line's span: the trace that it names, or, for a statement that PostgreSQL
 * found slow, spans of its session that took as long and ended then. Nothing if it has none.
 */
export function spanOf({ line, labels, time }: Row): URLSearchParams | undefined {
  const named = [labels.trace_id, labels.traceId, labels['trace.id']].find((id) => /^[0-9a-f]{32}$/i.test(id ?? ''));
  const trace = named ?? /traceparent='?[0-9a-f]{2}-([0-9a-f]{32})-/i.exec(line)?.[1];
  if (trace) return new URLSearchParams({ query: trace, from: String(time - 3_600_000), to: String(time + 60_000) });
  const took = Number(statement.exec(line)?.[1]);
  if (!(took >= 0) || !labels.sid || !labels.cls) return undefined;
  return new URLSearchParams({
    service: labels.cls,
    tags: `postgresql.session_id=${labels.sid}`,
    min: `${Math.max(0, Math.floor(took) - 1)}ms`,
    max: `${Math.ceil(took) + 1}ms`,
    from: String(Math.floor(time - took) - 5000),
    to: String(Math.ceil(time) + 5000),
  });
}
