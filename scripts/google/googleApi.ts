/** A call that one of Google's APIs refused. */
export class GoogleError extends Error {
  readonly status: number;
  /** `SERVICE_DISABLED` where the API was never switched on in the project; undefined where it says nothing. */
  readonly reason: string | undefined;

  constructor(what: string, status: number, answer: Refused) {
    super(
      `${what}: ${status} ${answer.error?.message ?? ''}`.trimEnd() +
        (status === 403 ? ` (as whoever \`npx firebase login:list\` shows)` : ''),
    );
    this.status = status;
    this.reason = answer.error?.details?.find(({ reason }) => reason !== undefined)?.reason;
  }
}

interface Refused {
  error?: { message?: string; details?: { reason?: string }[] };
}

/** Google's APIs, as whoever runs the command. */
export class GoogleApi {
  readonly #token: () => Promise<string>;
  readonly #reach: (url: string) => string;

  /** `reach` leads addresses of Google's to where they are played. */
  constructor(token: () => Promise<string>, reach = (url: string): string => url) {
    this.#token = token;
    this.#reach = reach;
  }

  /** The resource; undefined where there is none. */
  async get<Result>(url: string): Promise<Result | undefined> {
    try {
      return await this.call<Result>('GET', url);
    } catch (error) {
      if (error instanceof GoogleError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** All of a listing, of however many pages; none where there is no such resource. @throws GoogleError */
  async list<Item>(url: string, kind: string): Promise<Item[]> {
    const found: Item[] = [];
    for (let token = ''; ; ) {
      const parameters = `pageSize=100&pageToken=${encodeURIComponent(token)}`;
      const page = await this.get<Record<string, unknown>>(
        `${url}${url.includes('?') ? '&' : '?'}${parameters}`,
      );
      found.push(...((page?.[kind] as Item[] | undefined) ?? []));
      token = String(page?.['nextPageToken'] ?? '');
      if (token === '') return found;
    }
  }

  /** @throws GoogleError */
  async call<Result>(method: string, url: string, body?: object): Promise<Result> {
    const answer = await fetch(this.#reach(url), {
      method,
      headers: { authorization: `Bearer ${await this.#token()}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    // The Firebase CLI gives a token that is none where it gets no new one.
    if (answer.status === 401)
      throw new Error(
        `The login of this machine has ended (${url} answered 401): npx firebase login --reauth`,
      );
    if (!answer.ok) throw new GoogleError(`${method} ${url}`, answer.status, parsed(text));
    return (text === '' ? {} : JSON.parse(text)) as Result;
  }
}

function parsed(text: string): Refused {
  try {
    return JSON.parse(text);
  } catch {
    return { error: { message: text.slice(0, 300) } };
  }
}
