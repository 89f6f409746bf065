import { readFileSync } from 'node:fs';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

/** The protos that the official client ships, so that both speak the same version. */
const protosUrl = new URL('protos.json', import.meta.resolve('@google-cloud/tasks/build/protos'));
const root = protobuf.Root.fromJSON(JSON.parse(readFileSync(protosUrl, 'utf8')));

/** A decoded request and its size as sent, which is what is billed. */
export interface Received {
  message: object;
  bytes: number;
}

/** A service of the protos in the form that a gRPC server takes. */
export function serviceDefinition(fullName: string): ServiceDefinition {
  const service = root.lookupService(fullName);
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
        message: resolvedRequestType.decode(bytes),
        bytes: bytes.length,
      }),
      responseSerialize: (message) => Buffer.from(resolvedResponseType.encode(message).finish()),
      responseDeserialize: (bytes) => resolvedResponseType.decode(bytes),
    };
  }
  return methods;
}
