/** An answer other than success, in the shape of the JSON API. */
export class StorageError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.name = 'StorageError';
    this.status = status;
    this.reason = reason;
  }

  /** https://cloud.google.com/storage/docs/json_api/v1/status-codes */
  toJson(): object {
    const { status: code, reason, message } = this;
    return { error: { code, message, errors: [{ message, domain: 'global', reason }] } };
  }
}

export function invalid(message: string): StorageError {
  return new StorageError(400, 'invalid', message);
}

export function notFound(what: string): StorageError {
  return new StorageError(404, 'notFound', `No such object: ${what}`);
}

export function conditionNotMet(): StorageError {
  const message = 'At least one of the pre-conditions you specified did not hold.';
  return new StorageError(412, 'conditionNotMet', message);
}
