// Requests to the log store. Where it is follows from where this page is, as nobody knows what a proxy puts before it.

/** The address of the query API for a page at `path`. */
export const baseOf = (path) => `${path.replace(/\/(select\/)?vmui(\/.*)?$/, "")}/select/logsql/`;

export class LogsError extends Error {
  /** `kind`: unreachable or refused; `end`: how far the query was understood (characters), or null. */
  constructor(kind, message, detail = "", end = null) {
    super(message);
    Object.assign(this, { kind, detail, end });
  }
}

/**
 * What the store says about a query it doesn't understand → {message, end}. It says
 * `cannot parse query [<all>]: <message>; context: [<up to the mistake, or "..." and the last 50 characters of that>]`.
 */
export function locate(said, query) {
  const text = said.trim();
  const at = text.lastIndexOf("; context: [");
  const prefix = `cannot parse query [${query}]: `;
  const message = (at < 0 ? text : text.slice(0, at)).replace(prefix, "");
  if (at < 0) return { message, end: null };
  let tail = text.slice(at + 12).replace(/\]$/, "");
  if (tail.startsWith("...") && !query.startsWith(tail)) tail = tail.slice(3);
  else if (query.startsWith(tail)) return { message, end: tail.length };
  const found = query.indexOf(tail);
  return { message, end: found < 0 ? null : found + tail.length };
}

async function refusal(response, query) {
  const text = (await response.text()).trim();
  if ([502, 503, 504].includes(response.status) && /^\s*</.test(text))
    return new LogsError("unreachable", "The log store can’t be reached.", `What is in front of it answered ${response.status}.`);
  let said = text;
  try {
    said = JSON.parse(text).error ?? text;
  } catch {
    // Most errors are plain text.
  }
  const { message, end } = locate(said, query ?? "");
  if (response.status === 503) return new LogsError("busy", "The log store gave up on this query.", message);
  return new LogsError("refused", end === null ? `The log store refused the query (${response.status}).` : "This isn’t LogsQL.", message, end);
}

/** Asks for one tenant; every call can be ended by an AbortSignal, which then throws its AbortError. */
export class Store {
  constructor(path = location.pathname) {
    this.base = baseOf(path);
    this.tenant = { account: 0, project: 0 };
  }

  async fetch(name, params, signal, accept = "application/json") {
    const headers = { Accept: accept };
    if (this.tenant.account || this.tenant.project) Object.assign(headers, { AccountID: this.tenant.account, ProjectID: this.tenant.project });
    const body = new URLSearchParams();
    for (const [key, value] of Object.entries(params)) if (value !== undefined && value !== null && value !== "") body.set(key, value);
    let response;
    try {
      response = await fetch(this.base + name, { method: "POST", body, headers, signal });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new LogsError("unreachable", "The log store can’t be reached.", "It is down, or the network between it and this browser is.");
    }
    if (!response.ok) throw await refusal(response, params.query);
    return response;
  }

  async json(name, params, signal) {
    const response = await this.fetch(name, params, signal);
    try {
      return await response.json();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new LogsError("refused", "The log store’s answer isn’t JSON.", String(error.message));
    }
  }

  /** Rows as they come: `onrows(rows)` gets them in pieces, `onopen` is called when the answer has begun. */
  async rows(name, params, signal, onrows, onopen) {
    const response = await this.fetch(name, params, signal, "application/stream+json");
    onopen?.();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let said = "";
    const take = (lines) => {
      const found = [];
      for (const line of lines) {
        if (line === "") continue;
        try {
          found.push(JSON.parse(line));
        } catch {
          // A failure in the middle of an answer is told as a line of text, after which the answer breaks off.
          said = line;
        }
      }
      if (found.length > 0) onrows(found);
    };
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        take(lines);
      }
    } catch (error) {
      if (signal?.aborted) throw error;
      take([rest]);
      throw new LogsError("refused", "The answer broke off.", said || "The log store or the network ended it.");
    }
    take([rest]);
    if (said) throw new LogsError("refused", "The answer broke off.", said);
  }
}
