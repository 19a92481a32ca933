import { apiVersionOf, type KubeObject } from '../../object.ts';
import { splitApiVersion, type KindInfo, type Scheme } from '../../scheme.ts';
import { badRequest } from '../../status.ts';
import { cannotHandle, decodeValue } from '../decode.ts';
import { planOf } from '../plan.ts';
import { DecodeError } from '../scalars.ts';
import { MessageReader } from './read-message.ts';
import { WireReader } from './reader.ts';
import { writeMessage } from './write-message.ts';
import { WireWriter } from './writer.ts';

/**
 * What an envelope of `application/vnd.kubernetes.protobuf` begins with; runtime.Unknown follows,
 * whose raw bytes are the object without kind and apiVersion.
 */
export const magic = Buffer.from('6b387300', 'hex');
/** Nested envelopes: a List of Lists and no more. */
const maxNesting = 3;

interface Envelope {
  apiVersion: string;
  kind: string;
  raw: Buffer;
}

export function isProtobuf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && magic.equals(bytes.subarray(0, 4));
}

function openEnvelope(bytes: Buffer): Envelope {
  if (!isProtobuf(bytes))
    throw new DecodeError(
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    );
  const out: Envelope = { apiVersion: '', kind: '', raw: Buffer.alloc(0) };
  const from = new WireReader(bytes, 4);
  while (!from.done) {
    const tag = from.tag();
    if (tag === (1 << 3) + 2) readTypeMeta(new WireReader(from.bytes()), out);
    else if (tag === (2 << 3) + 2) out.raw = from.bytes();
    else from.skip(tag & 7);
  }
  return out;
}

function readTypeMeta(from: WireReader, out: Envelope): void {
  while (!from.done) {
    const tag = from.tag();
    if (tag === (1 << 3) + 2) out.apiVersion = from.string();
    else if (tag === (2 << 3) + 2) out.kind = from.string();
    else from.skip(tag & 7);
  }
}

function readBody(scheme: Scheme, info: KindInfo, raw: Buffer, nesting: number): KubeObject {
  const reader = new MessageReader((bytes) => {
    if (nesting >= maxNesting) throw new DecodeError('proto: envelopes nested too deep');
    const inner = openEnvelope(bytes);
    const kind = scheme.kindOf(inner);
    if (!kind || kind.custom)
      throw new DecodeError(
        `no kind ${JSON.stringify(inner.kind)} is registered for version ` +
          `${JSON.stringify(inner.apiVersion)}`,
      );
    return readBody(scheme, kind, inner.raw, nesting + 1);
  });
  const value = reader.message(planOf(info.type.name), new WireReader(raw), {});
  return decodeValue(info, value).object;
}

/**
 * Reads an enveloped message as `expected`, or as what it says it is. Throws ApiError in the words
 * of kube-apiserver. Protobuf has no unknown fields to complain about: strict validation means
 * nothing here, as upstream.
 */
export function decodeProtobuf(scheme: Scheme, bytes: Uint8Array, expected?: KindInfo): KubeObject {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let envelope: Envelope;
  try {
    envelope = openEnvelope(buffer);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const what = expected ? ` (must be of type ${expected.kind})` : '';
    throw badRequest(
      `the object provided is unrecognized${what}: ${error.message} ` +
        `(${buffer.subarray(0, 30).toString('hex') || '<empty>'})`,
    );
  }
  const apiVersion = envelope.apiVersion || (expected ? apiVersionOf(expected) : '');
  const kind = envelope.kind || (expected?.kind ?? '');
  const actual = { ...splitApiVersion(apiVersion), kind };
  const info = scheme.kind(actual.group, actual.version, kind);
  if (!info || info.custom || (expected && info.kind !== expected.kind)) {
    throw cannotHandle(
      actual,
      expected?.kind ?? 'runtime.Object',
      `no kind ${JSON.stringify(kind)} is registered for version ` +
        `${JSON.stringify(apiVersion)} in scheme "pkg/runtime/scheme.go:111"`,
    );
  }
  try {
    return readBody(scheme, info, envelope.raw, 0);
  } catch (error) {
    if (error instanceof DecodeError)
      throw cannotHandle(actual, expected?.kind ?? kind, error.message);
    throw error;
  }
}

/** Whether objects of `info` have a protobuf form at all: custom kinds and Table do not. */
export function hasProtobuf(info: KindInfo): boolean {
  if (info.custom) return false;
  const plan = planOf(info.type.name);
  return plan.json.length === 0 || plan.wire.length > 0;
}

/** An object in normal form -> enveloped bytes. */
export function encodeProtobuf(info: KindInfo, object: object): Buffer {
  const to = new WireWriter();
  // Written from the end: contentType 4, contentEncoding 3, raw 2, typeMeta 1.
  to.stringField(4, '');
  to.stringField(3, '');
  const raw = to.mark;
  writeMessage(planOf(info.type.name), object as Record<string, unknown>, to);
  to.close(2, raw);
  const meta = to.mark;
  const given = object as { apiVersion?: string; kind?: string };
  to.stringField(2, given.kind ?? info.kind);
  to.stringField(1, given.apiVersion ?? apiVersionOf(info));
  to.close(1, meta);
  to.bytes(magic);
  return to.result();
}

/**
 * One frame of a protobuf watch: its length in four bytes, then a WatchEvent around an enveloped
 * object.
 */
export function encodeWatchFrame(type: string, enveloped: Uint8Array): Buffer {
  const to = new WireWriter(enveloped.length + type.length + 32);
  const raw = to.mark;
  to.bytesField(1, enveloped);
  to.close(2, raw);
  to.stringField(1, type);
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(to.mark);
  to.bytes(length);
  return to.result();
}
