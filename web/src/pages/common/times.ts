/** Seconds in words of two units at most: `3d 4h`, `12m`, `240ms`. */
export function spoken(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  if (seconds < 1) return `${Math.round(seconds * 1000)}ms`;
  const units: [string, number][] = [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ];
  const first = units.findIndex(([, length]) => seconds >= length);
  const [name, length] = units[first]!;
  const whole = Math.floor(seconds / length);
  const next = units[first + 1];
  const rest = next && Math.floor((seconds - whole * length) / next[1]);
  return rest && whole < 10 ? `${whole}${name} ${rest}${next[0]}` : `${whole}${name}`;
}

/** Since then, in words; nothing for a moment that never was (Go's zero time). */
export function ago(moment: string | undefined, now = Date.now()): string {
  const time = Date.parse(moment ?? '');
  if (!(time > 0)) return 'never';
  return now - time < 1000 ? 'just now' : `${spoken((now - time) / 1000)} ago`;
}
