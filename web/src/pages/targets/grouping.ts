export interface Target {
  scrapePool: string;
  scrapeUrl: string;
  labels: Record<string, string>;
  health: string;
  lastError: string;
  lastScrape: string;
  /** In seconds. */
  lastScrapeDuration: number;
  lastSamplesScraped?: number;
}

export interface TargetGroup {
  name: string;
  /** Those that the filter lets through, what is down first. */
  targets: Target[];
  /** How many there are without a filter, and how many of them are down. */
  all: number;
  sick: number;
}

const isDown = ({ health }: Target): boolean => health === 'down';

function matches(target: Target, search: string): boolean {
  const labels = Object.entries(target.labels).map(([name, value]) => `${name}=${value}`);
  const text = [...labels, target.scrapeUrl, target.lastError].join('\n').toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .every((word) => text.includes(word));
}

/** Targets by a label, the groups with something down first. Groups that the filter empties are left out. */
export function groupedTargets(targets: Target[], by: string, search: string, onlyDown: boolean): TargetGroup[] {
  const groups = new Map<string, Target[]>();
  for (const target of targets) {
    const name = target.labels[by] || `(no ${by})`;
    groups.set(name, [...(groups.get(name) ?? []), target]);
  }
  const order = (a: Target, b: Target) =>
    Number(isDown(b)) - Number(isDown(a)) || a.scrapeUrl.localeCompare(b.scrapeUrl);
  return [...groups]
    .map(([name, members]) => ({
      name,
      targets: members.filter((target) => (!onlyDown || isDown(target)) && matches(target, search)).sort(order),
      all: members.length,
      sick: members.filter(isDown).length,
    }))
    .filter((group) => group.targets.length)
    .sort((a, b) => Number(b.sick > 0) - Number(a.sick > 0) || a.name.localeCompare(b.name));
}
