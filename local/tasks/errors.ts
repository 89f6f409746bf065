import { status } from '@grpc/grpc-js';

/** An answer other than OK. `code` is the gRPC status number. */
export class TasksError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'TasksError';
    this.code = code;
  }
}

export function invalidArgument(message: string): TasksError {
  return new TasksError(status.INVALID_ARGUMENT, message);
}

export function notFound(what: string): TasksError {
  return new TasksError(status.NOT_FOUND, `${what} does not exist.`);
}
