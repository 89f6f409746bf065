import protobuf from 'protobufjs';
import { invalidArgument } from './errors.ts';
import { fromProtoTime, type Micros, type ProtoTime, toProtoTime } from './times.ts';
import { type Fields, nullValue, type Value } from './values.ts';

type Reader = protobuf.Reader;
type Writer = protobuf.Writer;

/** A document as it travels. Times are absent in what a client writes. */
export interface WireDocument {
  name: string;
  fields: Fields;
  createTime?: Micros;
  updateTime?: Micros;
}

/** Deeper than any value that may be stored, and shallow enough for the stack. */
const maxWireDepth = 64;

/**
 * Calls `field` with the number and wire type of each field up to the message's end; it must read or skip the field.
 */
function readMessage(reader: Reader, bytes: number, field: (id: number, wireType: number) => void): void {
  const end = reader.pos + bytes;
  while (reader.pos < end) {
    const tag = reader.uint32();
    field(tag >>> 3, tag & 7);
  }
  if (reader.pos !== end) throw invalidArgument('The request is not a valid message.');
}

/** Exact up to 2^53, which is far beyond the last valid time. */
function readInt64(reader: Reader): number {
  const { high, low } = reader.int64();
  return high * 2 ** 32 + (low >>> 0);
}

function readBigInt(reader: Reader): bigint {
  const { high, low } = reader.int64();
  if ((high === 0 && low >= 0) || (high === -1 && low < 0)) return BigInt(low);
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

function writeBigInt(writer: Writer, value: bigint): Writer {
  return writer.int64(
    new protobuf.util.Long(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))),
  );
}

function readTime(reader: Reader, bytes: number): ProtoTime {
  let seconds = 0;
  let nanos = 0;
  readMessage(reader, bytes, (id, wireType) => {
    if (id === 1) seconds = readInt64(reader);
    else if (id === 2) nanos = reader.int32();
    else reader.skipType(wireType);
  });
  return { seconds, nanos };
}

function writeTime(writer: Writer, { seconds, nanos }: ProtoTime): Writer {
  if (seconds !== 0) writer.uint32(8).int64(seconds);
  if (nanos !== 0) writer.uint32(16).int32(nanos);
  return writer;
}

function readGeoPoint(reader: Reader, bytes: number): Value {
  let latitude = 0;
  let longitude = 0;
  readMessage(reader, bytes, (id, wireType) => {
    if (id === 1) latitude = reader.double();
    else if (id === 2) longitude = reader.double();
    else reader.skipType(wireType);
  });
  return { kind: 'geoPoint', latitude, longitude };
}

function readList(reader: Reader, bytes: number, depth: number): Value[] {
  const values: Value[] = [];
  readMessage(reader, bytes, (id, wireType) => {
    if (id === 1) values.push(readValue(reader, reader.uint32(), depth));
    else reader.skipType(wireType);
  });
  return values;
}

const maxKnownNames = 10_000;
const knownNames = new Map<string, string>();

/**
 * The same text as one string for all documents: their field names would take more memory than many of their values.
 */
function shared(name: string): string {
  const known = knownNames.get(name);
  if (known !== undefined) return known;
  if (knownNames.size < maxKnownNames) knownNames.set(name, name);
  return name;
}

function readField(reader: Reader, bytes: number, into: Map<string, Value>, depth: number): void {
  let name = '';
  let value = nullValue;
  readMessage(reader, bytes, (id, wireType) => {
    if (id === 1) name = shared(reader.string());
    else if (id === 2) value = readValue(reader, reader.uint32(), depth);
    else reader.skipType(wireType);
  });
  into.set(name, value);
}

function readMap(reader: Reader, bytes: number, depth: number): Value {
  const fields = new Map<string, Value>();
  readMessage(reader, bytes, (id, wireType) => {
    if (id === 1) readField(reader, reader.uint32(), fields, depth);
    else reader.skipType(wireType);
  });
  const type = fields.get('__type__');
  const vector = fields.get('value');
  if (type?.kind === 'string' && type.value === '__vector__' && vector?.kind === 'array') {
    return { kind: 'vector', values: vector.values };
  }
  return { kind: 'map', fields };
}

function readValue(reader: Reader, bytes: number, depth: number): Value {
  if (depth > maxWireDepth) throw invalidArgument('A value is nested too deeply.');
  const end = reader.pos + bytes;
  let value = nullValue;
  while (reader.pos < end) {
    const tag = reader.uint32();
    value = readKind(reader, tag >>> 3, tag & 7, depth + 1);
  }
  if (reader.pos !== end) throw invalidArgument('The request is not a valid message.');
  return value;
}

function readKind(reader: Reader, id: number, wireType: number, depth: number): Value {
  switch (id) {
    case 1:
      return { kind: 'boolean', value: reader.bool() };
    case 2:
      return { kind: 'integer', value: readBigInt(reader) };
    case 3:
      return { kind: 'double', value: reader.double() };
    case 5:
      return { kind: 'reference', value: reader.string() };
    case 6:
      return readMap(reader, reader.uint32(), depth);
    case 8:
      return readGeoPoint(reader, reader.uint32());
    case 9:
      return { kind: 'array', values: readList(reader, reader.uint32(), depth) };
    case 10: {
      const { seconds, nanos } = readTime(reader, reader.uint32());
      return { kind: 'timestamp', seconds, nanos: nanos - (nanos % 1000) };
    }
    case 11:
      reader.skipType(wireType);
      return nullValue;
    case 17:
      return { kind: 'string', value: reader.string() };
    case 18:
      return { kind: 'bytes', value: Uint8Array.from(reader.bytes()) };
    default:
      throw invalidArgument(`Values of type ${id} are not supported.`);
  }
}

function writeList(writer: Writer, values: readonly Value[]): Writer {
  for (const value of values) writeValue(writer.uint32(10).fork(), value).ldelim();
  return writer;
}

function writeField(writer: Writer, tag: number, name: string, value: Value): void {
  writer.uint32(tag).fork().uint32(10).string(name);
  writeValue(writer.uint32(18).fork(), value).ldelim().ldelim();
}

function writeVector(writer: Writer, values: readonly Value[]): Writer {
  writeField(writer, 10, '__type__', { kind: 'string', value: '__vector__' });
  writeField(writer, 10, 'value', { kind: 'array', values });
  return writer;
}

function writeFields(writer: Writer, tag: number, fields: Fields): Writer {
  for (const [name, value] of fields) writeField(writer, tag, name, value);
  return writer;
}

function writeValue(writer: Writer, value: Value): Writer {
  switch (value.kind) {
    case 'null':
      return writer.uint32(88).int32(0);
    case 'boolean':
      return writer.uint32(8).bool(value.value);
    case 'integer':
      return writeBigInt(writer.uint32(16), value.value);
    case 'double':
      return writer.uint32(25).double(value.value);
    case 'timestamp':
      return writeTime(writer.uint32(82).fork(), value).ldelim();
    case 'string':
      return writer.uint32(138).string(value.value);
    case 'bytes':
      return writer.uint32(146).bytes(value.value);
    case 'reference':
      return writer.uint32(42).string(value.value);
    case 'geoPoint':
      return writer
        .uint32(66)
        .fork()
        .uint32(9)
        .double(value.latitude)
        .uint32(17)
        .double(value.longitude)
        .ldelim();
    case 'array':
      return writeList(writer.uint32(74).fork(), value.values).ldelim();
    case 'vector':
      return writeVector(writer.uint32(50).fork(), value.values).ldelim();
    case 'map':
      return writeFields(writer.uint32(50).fork(), 10, value.fields).ldelim();
  }
}

function readDocument(reader: Reader, bytes: number): WireDocument {
  const fields = new Map<string, Value>();
  const document: WireDocument = { name: '', fields };
  readMessage(reader, bytes, (id, wireType) => {
    if (id === 1) document.name = reader.string();
    else if (id === 2) readField(reader, reader.uint32(), fields, 0);
    else if (id === 3) document.createTime = fromProtoTime(readTime(reader, reader.uint32()));
    else if (id === 4) document.updateTime = fromProtoTime(readTime(reader, reader.uint32()));
    else reader.skipType(wireType);
  });
  return document;
}

function writeDocument(writer: Writer, document: WireDocument): Writer {
  writer.uint32(10).string(document.name);
  writeFields(writer, 18, document.fields);
  if (document.createTime !== undefined) {
    writeTime(writer.uint32(26).fork(), toProtoTime(document.createTime)).ldelim();
  }
  if (document.updateTime !== undefined) {
    writeTime(writer.uint32(34).fork(), toProtoTime(document.updateTime)).ldelim();
  }
  return writer;
}

/** In the shape protobufjs calls: a message's length in bytes is given when it is read inside another one. */
interface MessageCodec<T> {
  decode(reader: Reader, bytes: number): T;
  encode(message: T, writer: Writer): Writer;
}

const valueCodec: MessageCodec<Value> = {
  decode: (reader, bytes) => readValue(reader, bytes, 0),
  encode: (value, writer) => writeValue(writer, value),
};

const documentCodec: MessageCodec<WireDocument> = {
  decode: readDocument,
  encode: (document, writer) => writeDocument(writer, document),
};

const arrayCodec: MessageCodec<readonly Value[]> = {
  decode: (reader, bytes) => readList(reader, bytes, 0),
  encode: (values, writer) => writeList(writer, values),
};

const timestampCodec: MessageCodec<Micros> = {
  decode: (reader, bytes) => fromProtoTime(readTime(reader, bytes)),
  encode: (micros, writer) => writeTime(writer, toProtoTime(micros)),
};

/** A document as one message by itself. */
export function encodeDocument(document: WireDocument): Uint8Array {
  return writeDocument(protobuf.Writer.create(), document).finish();
}

/**
 * The reverse of {@link encodeDocument}.
 * @throws Error when the bytes are no such message.
 */
export function decodeDocument(bytes: Uint8Array): WireDocument {
  return readDocument(protobuf.Reader.create(bytes), bytes.length);
}

/** Message types that travel as our own types instead of protobufjs objects: less work per value, and typed. */
export const codecs = {
  'google.firestore.v1.Value': valueCodec,
  'google.firestore.v1.Document': documentCodec,
  'google.firestore.v1.ArrayValue': arrayCodec,
  'google.protobuf.Timestamp': timestampCodec,
};
