/** A call of one of Google's REST APIs. */
export interface Call {
  host: string;
  method: string;
  /** Decoded, without the query. */
  path: string;
  /** The path's parts. */
  parts: string[];
  query: Record<string, string>;
  /** JSON or a form, parsed; undefined for other bodies. */
  body: unknown;
  bytes: Buffer;
}

export interface Answer {
  status: number;
  body: object;
  headers?: Record<string, string>;
}

/** An answer that is an error in Google's form. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }

  answer(): Answer {
    const { status, code, message } = this;
    const reason = code === 'SERVICE_DISABLED' ? code : undefined;
    const details = reason && [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason }];
    const shown = reason ? 'PERMISSION_DENIED' : code;
    return { status, body: { error: { code: status, message, status: shown, ...(details && { details }) } } };
  }
}

export function ok(body: object): Answer {
  return { status: 200, body };
}

export function notFound(what: string): Refusal {
  return new Refusal(404, 'NOT_FOUND', `${what} was not found.`);
}

export function invalid(message: string): Refusal {
  return new Refusal(400, 'INVALID_ARGUMENT', message);
}

/** `verb` of `…/name:verb`, and the name without it. */
export function verbOf(path: string): { name: string; verb: string | undefined } {
  const at = path.indexOf(':', path.lastIndexOf('/'));
  return at === -1 ? { name: path, verb: undefined } : { name: path.slice(0, at), verb: path.slice(at + 1) };
}

/** A resource's name: the path without the API's version. */
export function resourceOf(path: string): string {
  return path.replace(/^\/v\w+\//, '');
}
