const key = 'staddle.console.queries';
const most = 50;

/** Queries that were run in this browser, the latest first. */
export function recentQueries(): string[] {
  try {
    const stored = JSON.parse(localStorage.getItem(key) ?? '[]');
    return Array.isArray(stored) ? stored.filter((each) => typeof each === 'string') : [];
  } catch {
    return [];
  }
}

export function remember(queries: string[]): void {
  const all = [...new Set([...queries.map((each) => each.trim()).filter(Boolean), ...recentQueries()])];
  localStorage.setItem(key, JSON.stringify(all.slice(0, most)));
}
