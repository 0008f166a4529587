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
