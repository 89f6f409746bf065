/** Every error a caller can get, with its HTTP status and whether the same request may work later. */
export const errorCodes = {
  invalid_request: { status: 400, retryable: false },
  unauthenticated: { status: 401, retryable: false },
  forbidden: { status: 403, retryable: false },
  not_found: { status: 404, retryable: false },
  method_not_allowed: { status: 405, retryable: false },
  conflict: { status: 409, retryable: false },
  payload_too_large: { status: 413, retryable: false },
  unsupported_media_type: { status: 415, retryable: false },
  range_not_satisfiable: { status: 416, retryable: false },
  nothing_accepted: { status: 422, retryable: false },
  stamp_out_of_range: { status: 422, retryable: false },
  incomplete_binding: { status: 422, retryable: false },
  rate_limited: { status: 429, retryable: true },
  internal: { status: 500, retryable: true },
  unavailable: { status: 503, retryable: true },
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** An error whose message may be shown to the caller: what was expected, what came, what to do. */
export class AppError extends Error {
  readonly code: ErrorCode;
  /** Seconds after which a retry makes sense; sent as `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.retryAfterSeconds = options.retryAfterSeconds ?? (errorCodes[code].retryable ? 5 : undefined);
  }
}

/** A stored form that another version wrote: nothing may be written over it, and whoever needs it must wait. */
export class UnknownVersion extends AppError {
  constructor(detail: string) {
    super('unavailable', 'Another version of Sluice wrote this; it must be deployed again.', {
      cause: new Error(detail),
    });
    this.name = 'UnknownVersion';
  }
}

/** The message of whatever was thrown, for logs, and behind one that is shown to callers its cause's. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const hasCause = error instanceof AppError && error.cause !== undefined;
  return hasCause ? `${error.message} (${messageOf(error.cause)})` : error.message;
}
