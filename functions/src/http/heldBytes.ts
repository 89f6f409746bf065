import { AppError } from '../platform/errors.ts';

/** The bytes of one body. */
interface Held {
  /** Counts more of them, as they come. @throws AppError `unavailable` where they do not fit beside other bodies. */
  add(bytes: number): void;
  /** Frees all bytes of the request. */
  end(): void;
}

/** Counts the bytes of the bodies that are being read and handled, before any buffer behind the routes does. */
export class HeldBytes {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** A body that begins; one alone may be as large as it likes. */
  begin(): Held {
    let own = 0;
    return {
      add: (bytes) => {
        if (this.#bytes > own && this.#bytes + bytes > this.#maxBytes) {
          throw new AppError('unavailable', 'Too much is being handled at the moment; send it again.', {
            retryAfterSeconds: 1,
          });
        }
        own += bytes;
        this.#bytes += bytes;
      },
      end: () => {
        this.#bytes -= own;
        own = 0;
      },
    };
  }
}
