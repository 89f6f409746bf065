/**
 * The parts of google-gax that a Cloud Tasks client over gRPC calls, in place of the whole: its index also loads the
 * messages of three other services and the transport over HTTP/1 (150 ms). Only for the bundle; whatever a client
 * misses here fails the build.
 */
import * as grpc from '@grpc/grpc-js';
import { GrpcClient as FileLoadingGrpcClient } from 'google-gax/build/src/grpc.js';
import protobuf from 'protobufjs';

export { createApiCall } from 'google-gax/build/src/createApiCall.js';
export { PageDescriptor } from 'google-gax/build/src/paginationCalls/pageDescriptor.js';
export { PathTemplate } from 'google-gax/build/src/pathTemplate.js';
export * as routingHeader from 'google-gax/build/src/routingHeader.js';
export { decodeAnyProtosInArray } from 'google-gax/build/src/util.js';
export { warn } from 'google-gax/build/src/warnings.js';
export { version } from 'google-gax/package.json';
export * as loggingUtils from 'google-logging-utils';
export { grpc, protobuf };

/** Every client makes one; Sluice asks no locations. */
export class LocationsClient {
  async close() {}
}

/**
 * How google-gax wants messages: https://github.com/googleapis/google-cloud-node, core/packages/gax, `defaultOptions`.
 */
const asObjects = { longs: String, enums: String, defaults: true, oneofs: true };

export class GrpcClient extends FileLoadingGrpcClient {
  /**
   * Makes codecs when a call needs them; @grpc/proto-loader would first describe every message for reflection (60 ms).
   */
  loadProtoJSON(json) {
    return packageOf(protobuf.Root.fromJSON(json));
  }
}

function packageOf(namespace) {
  const members = {};
  for (const member of namespace.nestedArray) {
    if (member instanceof protobuf.Service) members[member.name] = stubOf(member);
    else if (member.constructor === protobuf.Namespace) members[member.name] = packageOf(member);
  }
  return members;
}

function stubOf(service) {
  const methods = service.methodsArray.map((method) => [
    method.name,
    definitionOf(service, method.resolve()),
  ]);
  return grpc.makeGenericClientConstructor(Object.fromEntries(methods), service.name);
}

function definitionOf(service, { name, requestStream, responseStream, ...types }) {
  const request = codecOf(types.resolvedRequestType);
  const response = codecOf(types.resolvedResponseType);
  return {
    path: `/${service.fullName.slice(1)}/${name}`,
    originalName: name.charAt(0).toLowerCase() + name.slice(1),
    requestStream: requestStream === true,
    responseStream: responseStream === true,
    requestSerialize: request.encode,
    requestDeserialize: request.decode,
    responseSerialize: response.encode,
    responseDeserialize: response.decode,
  };
}

function codecOf(type) {
  return {
    encode: (value) => type.encode(type.fromObject(value)).finish(),
    decode: (bytes) => type.toObject(type.decode(bytes), asObjects),
  };
}
