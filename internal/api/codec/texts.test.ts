import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonSyntaxError, parseJson, parseJsonStrict } from './json-text.ts';
import {
  canonicalBase64,
  canonicalMicroTime,
  canonicalTime,
  DecodeError,
  formatDuration,
  parseDuration,
  parseTime,
} from './scalars.ts';
import { parseYaml } from './yaml.ts';

describe('JSON', () => {
  test('is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(
        fc.json(),
        (text) =>
          void expect(JSON.parse(JSON.stringify(parseJson(text)))).toEqual(JSON.parse(text)),
      ),
    );
  });

  test('the slow reader agrees with the fast one, for any text', () => {
    const mangled = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', '{', ']', ',', '\\', '1', '\n'))
      .map(
        ([text, at, put]) =>
          text.slice(0, at % (text.length + 1)) + put + text.slice((at % (text.length + 1)) + 1),
      );
    fc.assert(
      fc.property(mangled, (text) => {
        let want: unknown;
        let bad = false;
        try {
          // What is no finite double is refused, as Go does.
          want = JSON.parse(
            text,
            (_, value: unknown) => (
              (bad ||= Math.abs(Number(value)) === Infinity && typeof value === 'number'),
              value
            ),
          );
        } catch {
          bad = true;
        }
        if (bad) expect(() => parseJson(text)).toThrow(JsonSyntaxError);
        else
          expect(JSON.parse(JSON.stringify(parseJson(text)))).toEqual(
            JSON.parse(JSON.stringify(want)),
          ); // large integers and -0 differ in kind, not in text
      }),
      { numRuns: 500 },
    );
  });

  test('a repeated field is found wherever it is', () => {
    const { value, repeated } = parseJsonStrict('{"a":[{"b":1,"c":"x:y\\":","b":2}]}');
    expect(value).toEqual({ a: [{ b: 2, c: 'x:y":' }] });
    expect([...repeated.values()]).toEqual([
      [
        ['b', 1],
        ['c', 'x:y":'],
        ['b', 2],
      ],
    ]);
  });

  test('large integers stay what they are', () => {
    for (const text of [
      '9223372036854775807',
      '-9223372036854775808',
      '9007199254740993',
      '12345678901234567890123',
    ])
      expect(JSON.stringify(parseJson(text))).toBe(text);
    expect(parseJson('1.2345678901234567')).toBe(1.2345678901234567);
  });
});

describe('YAML', () => {
  test('JSON is YAML, keys in order', () => {
    const value = fc.jsonValue({ noUnicodeString: true, maxDepth: 3 });
    fc.assert(
      fc.property(value, (object) => {
        const text = JSON.stringify({ object });
        fc.pre(!/\d{16}/.test(text)); // JavaScript's own JSON knows no integers beyond 2^53
        expect(parseYaml(text).value).toEqual(JSON.parse(text));
      }),
    );
  });

  test('a broken text is a DecodeError with its line', () => {
    expect(() => parseYaml('a: "x')).toThrow(DecodeError);
    expect(() => parseYaml('a: 1\nb: *nothing\n')).toThrow(/unknown anchor 'nothing' referenced/);
    expect(() => parseYaml('a: {b\n')).toThrow(/^yaml: line \d+: /);
  });
});

describe('scalars', () => {
  test('times', () => {
    expect(canonicalTime('2020-02-29T12:00:00Z')).toBe('2020-02-29T12:00:00Z');
    expect(canonicalTime('2020-01-01T00:30:00+02:00')).toBe('2019-12-31T22:30:00Z');
    expect(canonicalTime('0001-01-01T00:00:00Z')).toBeNull();
    expect(canonicalMicroTime('2020-01-01T00:00:00.123456Z')).toBe('2020-01-01T00:00:00.123456Z');
    expect(parseTime('1970-01-01T00:00:00.5Z')).toEqual({ seconds: 0, nanos: 500_000_000 });
    expect(() => canonicalTime('2021-02-29T12:00:00Z')).toThrow('day out of range');
    expect(() => canonicalTime('2021-02-28 12:00:00Z')).toThrow('cannot parse " 12:00:00Z" as "T"');
  });

  test('durations come back as they went', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
        (nanos) => void expect(parseDuration(formatDuration(nanos))).toBe(nanos),
      ),
    );
    expect(formatDuration(parseDuration('90m'))).toBe('1h30m0s');
    expect(formatDuration(1_500_000n)).toBe('1.5ms');
    expect(() => parseDuration('5')).toThrow('missing unit');
  });

  test('base64', () => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        (bytes) =>
          void expect(canonicalBase64(Buffer.from(bytes).toString('base64'))).toBe(
            Buffer.from(bytes).toString('base64'),
          ),
      ),
    );
    expect(canonicalBase64('YWJj\nZGVm')).toBe('YWJjZGVm');
    expect(() => canonicalBase64('YWJjZ')).toThrow('illegal base64 data at input byte 4');
  });
});
