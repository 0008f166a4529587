// Requests to the APIs behind this portal. Every failure becomes an ApiError with a sentence that a person can act on.

export class ApiError extends Error {
  /** `kind`: unreachable (nothing behind the route answers), timeout, or refused (it answered with an error). */
  constructor(kind, message, detail = "") {
    super(message);
    this.kind = kind;
    this.detail = detail;
  }
}

const NAMES = { vmetrics: "VictoriaMetrics", vmalert: "vmalert", alertmgr: "Alertmanager", _staddle: "The portal" };

/** JSON of `path`. `form` and `json` make it a POST; `seconds` is how long to wait. */
export async function request(path, { form, json, method, seconds = 10, signal } = {}) {
  const who = NAMES[path.split("/")[1]] ?? "The portal";
  const options = { method: method ?? (form || json ? "POST" : "GET"), headers: { Accept: "application/json" } };
  options.signal = signal ? AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]) : AbortSignal.timeout(seconds * 1000);
  if (form) options.body = new URLSearchParams(form);
  if (json) {
    options.body = JSON.stringify(json);
    options.headers["Content-Type"] = "application/json";
  }
  let response;
  let text;
  try {
    response = await fetch(path, options);
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    if (error.name === "TimeoutError") throw new ApiError("timeout", `${who} didn’t answer within ${seconds} s.`);
    throw new ApiError("unreachable", "The portal itself can’t be reached.", "nginx is down, or the network between it and this browser.");
  }
  if ([502, 503, 504].includes(response.status) && !text.startsWith("{"))
    throw new ApiError("unreachable", `${who} can’t be reached.`, `The portal answered ${response.status} for it. “staddle status” on the admin node says more.`);
  let data;
  try {
    data = text === "" ? null : JSON.parse(text);
  } catch {
    if (response.ok) throw new ApiError("refused", `${who} answered something that isn’t JSON.`, text.slice(0, 300));
  }
  if (!response.ok || data?.status === "error") {
    const said = data?.error ?? data?.message ?? (typeof data === "string" ? data : text.slice(0, 600));
    throw new ApiError("refused", `${who} refused the request (${response.status}).`, said);
  }
  return data;
}

/** The `data` of a Prometheus-style answer. */
export async function prometheus(path, options) {
  const answer = await request(path, options);
  if (answer?.data === undefined) throw new ApiError("refused", "The answer has no data.");
  return answer;
}

/**
 * Call `work` now and every `seconds` after it ended, but not while the page is hidden. `work` must not throw.
 * Returns a function that asks at once.
 */
export function poll(work, seconds) {
  let timer;
  let running = false;
  let again = false;
  const turn = async () => {
    clearTimeout(timer);
    if (running) {
      again = true;
      return;
    }
    running = true;
    await work();
    running = false;
    if (again) {
      again = false;
      turn();
    } else if (!document.hidden) timer = setTimeout(turn, seconds * 1000);
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : turn()));
  turn();
  return turn;
}
