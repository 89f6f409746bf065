/** The base of all errors of this package. */
export class SluiceError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An address, key or option that cannot work. */
export class ConfigurationError extends SluiceError {}

/** The outbox did not take the event, or cannot be opened. The event is not known to be kept. */
export class OutboxError extends SluiceError {}

interface UnavailableDetails {
  status?: number | undefined;
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** Sluice cannot be reached, or not now: nothing is known to be kept, and the same call may work later. */
export class Unavailable extends SluiceError {
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, { status, retryAfterMs, cause }: UnavailableDetails = {}) {
    super(message, { cause });
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Sluice answered with an error that the same request will get again. */
export class ApiError extends SluiceError {
  readonly status: number;
  readonly code: string | undefined;
  /** The reason in words. */
  readonly detail: string;

  constructor(status: number, code: string | undefined, detail: string) {
    super(`${code ?? status}: ${detail}`);
    this.status = status;
    this.code = code;
    this.detail = detail;
  }
}

/** There is no such task, file or lease. */
export class NotFound extends ApiError {}

/** The key or the address is wrong: no request will work before it is put right. */
export class Blocked extends ApiError {}

/** Sluice refused an event for good; only thrown without an outbox, which keeps such events aside. */
export class Refused extends SluiceError {
  readonly code: string;

  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

/** The state of an upload that was interrupted, from which it goes on; may be kept as JSON. */
export interface Ticket {
  file_id: string;
  size: number;
  url?: string | undefined;
  headers: Record<string, string>;
  expires_at?: string | undefined;
}

/** An upload that did not come to its end; `uploadFile(…, { resume: ticket })` goes on where it stopped. */
export class UploadInterrupted extends Unavailable {
  readonly ticket: Ticket;

  constructor(message: string, ticket: Ticket, cause?: unknown) {
    super(message, { cause });
    this.ticket = ticket;
  }
}

/** The file that arrived is not of the declared size or hash, and was removed. */
export class UploadFailed extends SluiceError {}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // `fetch` says no more than that it failed; its cause says why.
  const isWhole = error instanceof SluiceError || !(error.cause instanceof Error);
  return isWhole ? error.message : `${error.message}: ${messageOf(error.cause)}`;
}
