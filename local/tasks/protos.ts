import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { invalidArgument } from './errors.ts';

/** The protos that the official client ships, so that both speak the same version. */
const protosUrl = new URL('protos.json', import.meta.resolve('@google-cloud/tasks/build/protos'));
/** Protos of the services that all of Google's APIs share come with the client's library. */
const sharedFile = join(createRequire(protosUrl).resolve('google-gax'), '../../protos/locations.json');
const roots = [protosUrl, sharedFile].map((file) =>
  protobuf.Root.fromJSON(JSON.parse(readFileSync(file, 'utf8'))),
);

/** A request and its size as sent, which is what is billed. */
export interface Received {
  /** The message, decoded late: the transport would call bytes that are none a failure of the server's. */
  decode(): object;
  bytes: number;
  /** The caller whose address it came by, see `callerPort` of `LocalTasks`. */
  caller?: string | undefined;
}

/** A service of the protos in the form that a gRPC server takes. */
export function serviceDefinition(fullName: string): ServiceDefinition {
  const service = roots
    .map((root) => root.lookup(fullName))
    .find((found) => found instanceof protobuf.Service);
  if (service === undefined) throw new Error(`The official client has no service ${fullName}.`);
  const methods: Record<string, MethodDefinition<object, object>> = {};
  for (const method of service.methodsArray) {
    method.resolve();
    const { resolvedRequestType, resolvedResponseType } = method;
    if (resolvedRequestType === null || resolvedResponseType === null) continue;
    methods[method.name] = {
      path: `/${fullName}/${method.name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: (message) => Buffer.from(resolvedRequestType.encode(message).finish()),
      requestDeserialize: (bytes): Received => ({
        decode: () => decodeMessage(resolvedRequestType, bytes),
        bytes: bytes.length,
      }),
      responseSerialize: (message) => Buffer.from(resolvedResponseType.encode(message).finish()),
      responseDeserialize: (bytes) => resolvedResponseType.decode(bytes),
    };
  }
  return methods;
}

function decodeMessage(type: protobuf.Type, bytes: Uint8Array): object {
  try {
    return type.decode(bytes);
  } catch (error) {
    throw invalidArgument(
      `The request is no ${type.name}: ${error instanceof Error ? error.message : error}`,
    );
  }
}
