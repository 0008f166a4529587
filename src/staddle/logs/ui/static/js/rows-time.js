// How the time of a row is written.

import { clock } from "./format.js";

/** Time with as much of the date as the range needs, in the chosen zone. */
export function timeText(ms, { utc = false, date = true } = {}) {
  if (!Number.isFinite(ms)) return "–";
  const shown = utc ? ms + new Date(ms).getTimezoneOffset() * 60_000 : ms;
  const text = `${clock(shown)}.${String(((ms % 1000) + 1000) % 1000).padStart(3, "0")}`;
  return date ? text : text.slice(11);
}
