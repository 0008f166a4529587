/** A request that was answered with an error, or not at all. */
export class RequestError extends Error {
  constructor(
    message: string,
    readonly status?: number,
  ) {
    super(message);
    this.name = 'RequestError';
  }
}

/** What servers say went wrong: Prometheus and VictoriaMetrics in JSON, others in text. */
async function explain(response: Response): Promise<string> {
  const text = (await response.text()).trim();
  try {
    const answer = JSON.parse(text);
    const told = answer.error ?? answer.message ?? answer.errors?.[0]?.msg;
    if (told) return typeof told === 'string' ? told : (told.message ?? JSON.stringify(told));
  } catch {
    // It was text.
  }
  const readable = text && !text.startsWith('<') ? text.slice(0, 500) : response.statusText;
  return readable || 'the server did not say why';
}

/** Fetches from this origin. Paths without a slash in front are the console's own (`api/…`). */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const url = new URL(path, document.baseURI);
  let response: Response;
  try {
    response = await fetch(url, { credentials: 'same-origin', ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new RequestError(`${url.pathname} can't be reached: ${error instanceof Error ? error.message : error}`);
  }
  if (!response.ok) throw new RequestError(`${response.status}: ${await explain(response)}`, response.status);
  return response;
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await request(path, { signal })).json();
}

/** Queries go in the body: they get longer than what servers take in a URL. */
export async function postForm<T>(path: string, form: URLSearchParams, signal?: AbortSignal): Promise<T> {
  return (await request(path, { method: 'POST', body: form, signal })).json();
}

export async function postJson<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const headers = { 'Content-Type': 'application/json' };
  return (await request(path, { method: 'POST', headers, body: JSON.stringify(body), signal })).json();
}

/** Whether it failed only because nobody wants the answer any more. */
export const isAbort = (error: unknown): boolean => error instanceof DOMException && error.name === 'AbortError';
