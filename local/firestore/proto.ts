import { createRequire } from 'node:module';
import type { MethodDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { codecs } from './codec.ts';
import { invalidArgument, StatusError } from './errors.ts';
import { maxRequestBytes } from './limits.ts';

/** The protos that the official client speaks: its own dependency ships them. */
const requireHere = createRequire(import.meta.url);
const requireFromClient = createRequire(requireHere.resolve('@google-cloud/firestore'));
const protos: protobuf.INamespace = requireFromClient('@google-cloud/firestore-api/build/protos/protos.json');
const root = protobuf.Root.fromJSON(protos);
for (const [name, codec] of Object.entries(codecs)) Object.assign(root.lookupType(name).setup(), codec);

/** A request as it arrived. Decoded by the handler, so that what is malformed or too large gets its own answer. */
export interface RawRequest<T> {
  decode(): T;
}

function rawRequest<T>(type: protobuf.Type, bytes: Buffer): RawRequest<T> {
  return {
    decode() {
      if (bytes.length > maxRequestBytes) {
        throw invalidArgument(`Request payload size exceeds the limit: ${maxRequestBytes} bytes.`);
      }
      try {
        return type.decode(bytes) as unknown as T;
      } catch (error) {
        if (error instanceof StatusError) throw error;
        throw invalidArgument(`The request is not a valid message: ${String(error)}`);
      }
    },
  };
}

/** The gRPC definition of an RPC of `google.firestore.v1.Firestore`. */
export function defineMethod<Request, Response extends object>(
  rpc: string,
  responseType: string,
  stream: { request: boolean; response: boolean },
): MethodDefinition<RawRequest<Request>, Response> {
  const requests = root.lookupType(`google.firestore.v1.${rpc}Request`);
  const responses = root.lookupType(responseType);
  return {
    path: `/google.firestore.v1.Firestore/${rpc}`,
    requestStream: stream.request,
    responseStream: stream.response,
    requestDeserialize: (bytes) => rawRequest<Request>(requests, bytes),
    responseSerialize: (message) => Buffer.from(responses.encode(message).finish()),
    requestSerialize: notAClient,
    responseDeserialize: notAClient,
  };
}

function notAClient(): never {
  throw new Error('These definitions are for servers.');
}
