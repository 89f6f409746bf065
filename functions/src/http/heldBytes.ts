import { AppError } from '../platform/errors.ts';

/** Counts the bytes of the bodies that are being handled, before any buffer behind the routes does. */
export class HeldBytes {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Does the work for a body of this size.
   * @throws AppError `unavailable` where the body does not fit beside the others; one alone always does.
   */
  async during<Result>(bytes: number, work: () => Promise<Result>): Promise<Result> {
    if (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes) {
      throw new AppError('unavailable', 'Too much is being handled at the moment; send it again.', {
        retryAfterSeconds: 1,
      });
    }
    this.#bytes += bytes;
    try {
      return await work();
    } finally {
      this.#bytes -= bytes;
    }
  }
}
