import type { Clock } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { ObjectFacts, ObjectStore } from '../platform/objects.ts';
import { signedUrlMs, signingPauseMs } from './limits.ts';

/** Signed addresses of objects, where this process can sign. */
export class Redirects {
  readonly #objects: Pick<ObjectStore, 'signedUrl'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #pausedUntilMs = 0;

  constructor(objects: Pick<ObjectStore, 'signedUrl'>, clock: Clock, logger: Logger) {
    this.#objects = objects;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** A short-lived address; undefined where the content must be streamed, since signing failed lately. */
  async addressOf({ name }: ObjectFacts): Promise<string | undefined> {
    const nowMs = this.#clock.now();
    if (nowMs < this.#pausedUntilMs) return undefined;
    try {
      return await this.#objects.signedUrl(name, nowMs + signedUrlMs, nowMs);
    } catch (error) {
      this.#pausedUntilMs = nowMs + signingPauseMs;
      this.#logger.warn('Addresses cannot be signed, so files are streamed (docs/operations.md, signBlob)', {
        reason: messageOf(error),
      });
      return undefined;
    }
  }
}
