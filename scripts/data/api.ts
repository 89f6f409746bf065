/** An installation's API. */
export interface Installation {
  /** Its address, without a slash at the end. */
  base: string;
  /** A key of role admin, where there is one. */
  key: string | undefined;
}

/** An answer of the API that is no success. */
class ApiError extends Error {
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;

  constructor(what: string, answer: Response, text: string) {
    super(`${what} was answered ${answer.status}: ${text.slice(0, 300)}`);
    this.name = 'ApiError';
    this.status = answer.status;
    const retryAfter = answer.headers.get('retry-after');
    this.retryAfterSeconds = retryAfter === null ? undefined : Number(retryAfter);
  }
}

/** Answers with 429 or 503 are asked for again this often, each time as they say. */
const maxTries = 10;
const longestPauseSeconds = 30;

/**
 * Calls the installation's API with the admin's key; what says `Retry-After` is asked again after it.
 * @throws ApiError
 */
export async function callApi<Result>(
  { base, key }: Installation,
  method: string,
  path: string,
  body?: object,
): Promise<Result> {
  if (key === undefined) throw new Error('A key of role admin is needed: --key, or SLUICE_ADMIN_KEY.');
  for (let tries = 1; ; tries += 1) {
    const answer = await fetch(base + path, {
      method,
      headers: { 'X-API-Key': key, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (answer.ok) return (text === '' ? {} : JSON.parse(text)) as Result;
    const error = new ApiError(`${method} ${path}`, answer, text);
    const pauseSeconds = error.retryAfterSeconds ?? Number.POSITIVE_INFINITY;
    if (![429, 503].includes(answer.status) || pauseSeconds > longestPauseSeconds || tries === maxTries) {
      throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseSeconds * 1000));
  }
}
