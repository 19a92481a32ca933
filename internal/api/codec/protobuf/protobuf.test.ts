import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../../status.ts';
import { builtinScheme } from '../../scheme.ts';
import { decodeJson } from '../decode.ts';
import { decodeProtobuf, encodeProtobuf, encodeWatchFrame } from './envelope.ts';

const scheme = builtinScheme();
const kind = (group: string, version: string, name: string) => {
  const found = scheme.kind(group, version, name);
  if (!found) throw new Error(`no kind ${name}`);
  return found;
};
const pod = kind('', 'v1', 'Pod');
const configMap = kind('', 'v1', 'ConfigMap');

describe('protobuf', () => {
  test('any map of texts survives', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })),
        fc.integer(),
        (data, generation) => {
          const { object } = decodeJson(
            configMap,
            JSON.stringify({ metadata: { name: 'x', generation }, data }),
          );
          const back = decodeProtobuf(scheme, encodeProtobuf(configMap, object), configMap);
          expect(JSON.stringify(back)).toBe(JSON.stringify(object));
        },
      ),
    );
  });

  test('broken bytes end in a clear error, never in a crash', () => {
    const { object } = decodeJson(
      pod,
      JSON.stringify({
        metadata: { name: 'x', labels: { a: 'b' } },
        spec: { containers: [{ name: 'a', image: 'b', ports: [{ containerPort: 80 }] }] },
      }),
    );
    const good = encodeProtobuf(pod, object);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.nat(good.length),
        (changes, cut) => {
          const bad = Buffer.from(good);
          for (const [at, byte] of changes) bad[at] = byte;
          try {
            decodeProtobuf(scheme, bad.subarray(0, cut || good.length), pod);
          } catch (error) {
            expect(error).toBeInstanceOf(ApiError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('JSON under the wrong name is refused', () => {
    expect(() => decodeProtobuf(scheme, Buffer.from('{"kind":"Pod"}'), pod)).toThrow(
      /does not appear to be a protobuf message, expected prefix \[107 56 115 0\]/,
    );
  });

  test('another kind is refused', () => {
    const { object } = decodeJson(configMap, '{}');
    expect(() => decodeProtobuf(scheme, encodeProtobuf(configMap, object), pod)).toThrow(
      /ConfigMap in version "v1" cannot be handled as a Pod: no kind/,
    );
  });

  test('options come in the group of the request', () => {
    const options = kind('apps', 'v1', 'DeleteOptions');
    const bytes = encodeProtobuf(options, {
      kind: 'DeleteOptions',
      apiVersion: 'apps/v1',
      gracePeriodSeconds: 0,
      propagationPolicy: 'Background',
    });
    expect(decodeProtobuf(scheme, bytes, kind('', 'v1', 'DeleteOptions'))).toEqual({
      kind: 'DeleteOptions',
      apiVersion: 'apps/v1',
      gracePeriodSeconds: 0,
      propagationPolicy: 'Background',
    });
  });

  test('a watch frame is length, type, object', () => {
    const frame = encodeWatchFrame('ADDED', Buffer.from('xyz'));
    expect(frame.readUInt32BE(0)).toBe(frame.length - 4);
    expect(frame.subarray(4).toString('latin1')).toBe('\n\x05ADDED\x12\x05\n\x03xyz');
  });
});
