import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalStack } from '../../local/stack.ts';

export interface Sent {
  method?: 'POST' | 'PATCH' | 'GET';
  body?: unknown;
  /** Sent as it is, with this content type, instead of JSON. */
  text?: { type: string; content: string };
  role?: 'ingest' | 'miner' | 'read' | 'admin';
}

interface Answer {
  status: number;
  body: unknown;
}

/** Calls of the HTTP contract through Hosting, as a proxy makes them. */
export class Api {
  readonly #base: string;
  readonly #keys: Record<string, string>;

  constructor({ urls, keys }: Pick<LocalStack, 'urls' | 'keys'>) {
    this.#base = urls.hosting;
    this.#keys = keys;
  }

  /** Repeats what is answered 503, as often as a patient client, after the time that the answer says. */
  async send(path: string, sent: Sent, { tries: most = 8 } = {}): Promise<Answer> {
    for (let tries = most; ; tries -= 1) {
      const response = await this.#send(path, sent);
      const answer = { status: response.status, body: parsed(await response.text()) };
      if (answer.status !== 503 || tries === 1) return answer;
      await sleep(Number(response.headers.get('retry-after') ?? 1) * 1000);
    }
  }

  #send(path: string, { method = 'POST', body, text, role = 'ingest' }: Sent): Promise<Response> {
    const content = text?.content ?? (body === undefined ? null : JSON.stringify(body));
    return fetch(this.#base + path, {
      method,
      headers: {
        'x-api-key': this.#keys[role] ?? '',
        ...(content === null ? {} : { 'content-type': text?.type ?? 'application/json' }),
      },
      body: content,
    });
  }

  /** Does as {@link send}, and throws unless the answer is a 2xx. */
  async expect(path: string, sent: Sent): Promise<Answer> {
    const answer = await this.send(path, sent);
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw new Error(`${sent.method ?? 'POST'} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
