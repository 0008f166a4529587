// Requests to the trace store. Where it is follows from where this page is, as nobody knows what a proxy puts before it.

/** The address of Jaeger's API for a page at `path`. */
export const baseOf = (path) => `${path.replace(/\/(select\/)?vmui(\/.*)?$/, "")}/select/jaeger/api/`;

export class TracesError extends Error {
  /** `kind`: unreachable or refused. */
  constructor(kind, message, detail = "") {
    super(message);
    Object.assign(this, { kind, detail });
  }
}

const base = baseOf(location.pathname);

/** The `data` of an answer; can be ended by an AbortSignal, which then throws its AbortError. */
export async function ask(name, params = {}, signal = undefined) {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== undefined && value !== null && value !== ""));
  let response;
  try {
    response = await fetch(`${base}${name}${query.size ? `?${query}` : ""}`, { headers: { Accept: "application/json" }, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new TracesError("unreachable", "The trace store can’t be reached.", "It is down, or the network between it and this browser is.");
  }
  if (!response.ok) {
    const text = (await response.text()).trim();
    if ([502, 503, 504].includes(response.status) && /^\s*</.test(text)) throw new TracesError("unreachable", "The trace store can’t be reached.", `What is in front of it answered ${response.status}.`);
    throw new TracesError("refused", response.status === 503 ? "The trace store gave up on this question." : `The trace store refused the question (${response.status}).`, text);
  }
  try {
    return (await response.json()).data ?? [];
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new TracesError("refused", "The trace store’s answer isn’t JSON.", String(error.message));
  }
}
