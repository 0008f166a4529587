// One scale for what programs call their levels, so that an error looks like an error wherever it comes from.

const FIELDS = ["level", "severity", "severity_text", "log.level", "loglevel", "lvl", "error_severity", "PRIORITY", "priority"];
const NUMBERS = ["crit", "crit", "crit", "error", "warn", "info", "info", "debug"];

/** Most to least severe; also the order in which bars are stacked, so that trouble stands on the base line. */
export const RANKS = ["crit", "error", "warn", "info", "debug", "none"];

/** crit, error, warn, info, debug, or none for what isn't known. */
export function rank(text) {
  const low = String(text ?? "").trim().toLowerCase();
  if (/^[0-7]$/.test(low)) return NUMBERS[Number(low)];
  if (/^(emerg|alert|panic|crit|fatal)/.test(low)) return "crit";
  if (/^(err|severe|fail)/.test(low)) return "error";
  if (/^warn/.test(low)) return "warn";
  if (/^(info|notice|log|statement|detail|hint|ok|success)/.test(low)) return "info";
  if (/^(debug|trace|verbose|fine)/.test(low)) return "debug";
  return "none";
}

export const isLevelField = (name) => FIELDS.includes(name);

/** The field that most likely is the level, among the names there are. */
export const levelField = (names) => FIELDS.find((field) => names.includes(field)) ?? null;

/** The level of a row: {field, value, rank}. */
export function levelOf(row) {
  for (const field of FIELDS) if (row[field] !== undefined) return { field, value: row[field], rank: rank(row[field]) };
  return { field: null, value: "", rank: "none" };
}
