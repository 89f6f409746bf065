/** The gRPC status numbers this service answers with (grpc.github.io/grpc/core/md_doc_statuscodes.html). */
export const status = {
  cancelled: 1,
  invalidArgument: 3,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** A refusal that travels to the client as a gRPC status. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** The request itself is wrong; repeating it cannot help. */
export function invalidArgument(message: string): StatusError {
  return new StatusError(status.invalidArgument, message);
}

/** Contention or an ended transaction: the client should start the transaction again. */
export function aborted(message: string): StatusError {
  return new StatusError(status.aborted, message);
}
