/** An answer other than success, in the shape of the JSON API. */
export class StorageError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly #xmlCode: string;

  /** `xmlCode` is the XML API's name of it; by default the reason's. */
  constructor(status: number, reason: string, message: string, xmlCode = xmlCodeOf(reason)) {
    super(message);
    this.name = 'StorageError';
    this.status = status;
    this.reason = reason;
    this.#xmlCode = xmlCode;
  }

  /** https://cloud.google.com/storage/docs/json_api/v1/status-codes */
  toJson(): object {
    const { status: code, reason, message } = this;
    return { error: { code, message, errors: [{ message, domain: 'global', reason }] } };
  }

  /** https://cloud.google.com/storage/docs/xml-api/reference-status */
  toXml(): string {
    const message = this.message.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`);
    return `<?xml version='1.0' encoding='UTF-8'?><Error><Code>${this.#xmlCode}</Code><Message>${message}</Message></Error>`;
  }
}

const xmlCodes = new Map([
  ['invalid', 'InvalidArgument'],
  ['conditionNotMet', 'PreconditionFailed'],
  ['requestedRangeNotSatisfiable', 'InvalidRange'],
]);

function xmlCodeOf(reason: string): string {
  return xmlCodes.get(reason) ?? `${reason.charAt(0).toUpperCase()}${reason.slice(1)}`;
}

/** The answer to a request for what this simulator lacks: never to be taken for one of the service. */
export function notImplemented(what: string): StorageError {
  return new StorageError(501, 'notImplemented', `Not part of the local Cloud Storage: ${what}.`);
}

export function invalid(message: string): StorageError {
  return new StorageError(400, 'invalid', message);
}

export function notFound(what: string): StorageError {
  return new StorageError(404, 'notFound', `No such object: ${what}`, 'NoSuchKey');
}

export function conditionNotMet(): StorageError {
  const message = 'At least one of the pre-conditions you specified did not hold.';
  return new StorageError(412, 'conditionNotMet', message);
}
