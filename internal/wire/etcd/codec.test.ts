import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { WireError } from '../protobuf/codec.ts';
import { decode, encode } from './codec.ts';
import { etcdMessages } from './messages.ts';

/** The table as a .proto file, for a codec that somebody else wrote. */
const protoTypes: Record<string, string> = {
  int: 'int64',
  id: 'int64',
  uid: 'uint64',
  u32: 'uint32',
  enum: 'int32',
  bool: 'bool',
  str: 'string',
  bytes: 'bytes',
  key: 'bytes',
};
interface Fact {
  name: string;
  number: string;
  type: string;
  repeated: boolean;
}
const facts = (message: string): Fact[] =>
  (etcdMessages[message] as string)
    .split(' ')
    .filter((text) => text !== '')
    .map((text) => {
      const [, name = '', number = '', list, type = ''] =
        /^(\w+)=(\d+):(\[\])?(\w+)$/.exec(text) ?? [];
      return { name, number, type, repeated: list !== undefined };
    });
const proto = Object.keys(etcdMessages).map(
  (name) =>
    `message ${name} { ${facts(name)
      .map(
        (f) =>
          `${f.repeated ? 'repeated ' : ''}${protoTypes[f.type] ?? f.type} ${f.name} = ` +
          `${f.number};`,
      )
      .join(' ')} }`,
);
const theirs = protobuf.parse(`syntax = "proto3"; ${proto.join('\n')}`, { keepCase: true }).root;

const bytesOf = fc.uint8Array({ maxLength: 300 });
const scalars: Record<string, fc.Arbitrary<unknown>> = {
  int: fc.oneof(
    fc.integer(),
    fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
    fc.constantFrom(
      0,
      1,
      127,
      128,
      2 ** 31,
      2 ** 35,
      2 ** 49 - 1,
      2 ** 49,
      Number.MAX_SAFE_INTEGER,
      -1,
    ),
  ),
  id: fc
    .oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.constantFrom(0n, 7n, 2n ** 49n, 2n ** 62n, -1n),
    )
    .map(String),
  uid: fc
    .oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(0n, 1n, 2n ** 63n))
    .map(String),
  u32: fc.nat(0xffffffff),
  enum: fc.nat(5),
  bool: fc.boolean(),
  str: fc.string({ unit: 'grapheme', maxLength: 50 }),
  bytes: bytesOf,
  key: bytesOf.map((bytes) => Buffer.from(bytes).toString('latin1')),
};

function anyMessage(name: string, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const { name: field, type, repeated } of facts(name)) {
    if (!(type in scalars) && depth === 0) continue;
    const one = scalars[type] ?? fc.oneof(fc.constant({}), anyMessage(type, depth - 1));
    fields[field] = repeated ? fc.array(one, { maxLength: 4 }) : one;
  }
  return fc.record(fields, { requiredKeys: [] });
}

/** As protobufjs wants it: longs as text, keys as bytes. */
function toTheirs(name: string, value: Record<string, unknown>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const { name: field, type, repeated } of facts(name)) {
    if (value[field] === undefined) continue;
    const one = (v: unknown): unknown => {
      if (!(type in scalars)) return toTheirs(type, v as Record<string, unknown>);
      if (type === 'key') return Buffer.from(v as string, 'latin1');
      return type === 'int' || type === 'id' || type === 'uid' ? String(v) : v;
    };
    out[field] = repeated ? (value[field] as unknown[]).map(one) : one(value[field]);
  }
  return out;
}

/** What decoding promises: zero values for what is absent. */
function whole(name: string, value: Record<string, unknown>): Record<string, unknown> {
  const zeros: Record<string, unknown> = {
    int: 0,
    id: '0',
    uid: '0',
    u32: 0,
    enum: 0,
    bool: false,
    str: '',
    bytes: Buffer.alloc(0),
    key: '',
  };
  const out: Record<string, unknown> = {};
  for (const { name: field, type, repeated } of facts(name)) {
    const one = (v: unknown): unknown =>
      !(type in scalars)
        ? whole(type, v as Record<string, unknown>)
        : type === 'bytes'
          ? Buffer.from(v as Uint8Array)
          : v;
    if (value[field] === undefined) out[field] = repeated ? [] : zeros[type];
    else out[field] = repeated ? (value[field] as unknown[]).map(one) : one(value[field]);
  }
  return out;
}

const names = Object.keys(etcdMessages);
/** For comparing: one kind of bytes, and nothing that is undefined. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .map(([name, v]) => [name, plain(v)]),
  );
}

describe('against protobufjs', () => {
  test.each(names)('%s goes out and comes in as it does there', (name) => {
    const type = theirs.lookupType(name);
    fc.assert(
      fc.property(anyMessage(name, 2), (value) => {
        const bytes = encode(name, value);
        expect(plain(decode(name, bytes))).toEqual(plain(whole(name, value)));
        const foreign = type.encode(type.fromObject(toTheirs(name, value))).finish();
        expect(plain(decode(name, Buffer.from(foreign)))).toEqual(plain(whole(name, value)));
        // Theirs read what we wrote, and mean the same by it.
        const read = type.toObject(type.decode(bytes), { longs: String, defaults: true });
        expect(plain(read)).toEqual(
          plain(type.toObject(type.decode(foreign), { longs: String, defaults: true })),
        );
      }),
      { numRuns: 60 },
    );
  });
});

test('messages that are larger than anything kept between two', () => {
  const value = Buffer.alloc(3_000_000, 'v');
  const kvs = Array.from({ length: 3 }, (_, i) => ({
    key: `k${i}`,
    value,
    createRevision: 1,
    modRevision: i + 1,
    version: 1,
    lease: '0',
  }));
  const back = decode<{ kvs: { key: string; value: Buffer }[] }>(
    'RangeResponse',
    encode('RangeResponse', { kvs, count: 3 }),
  );
  expect(back.kvs.map((kv) => [kv.key, kv.value.equals(value)])).toEqual([
    ['k0', true],
    ['k1', true],
    ['k2', true],
  ]);
  expect(encode('RangeResponse', { count: 1 })).toEqual(Buffer.from([0x20, 1]));
});

test('parts of a message that were encoded apart are one message', () => {
  const header = { clusterId: '18446744073709551615', memberId: '9', revision: 77, raftTerm: 2 };
  const events = [
    {
      type: 0,
      kv: {
        key: 'a',
        value: Buffer.from('b'),
        createRevision: 1,
        modRevision: 77,
        version: 2,
        lease: '0',
      },
      prevKv: undefined,
    },
  ];
  const parts = [
    encode('WatchResponse', { header }),
    encode('WatchResponse', { watchId: 300, fragment: true }),
    encode('WatchResponse', { events }),
  ];
  expect(decode('WatchResponse', Buffer.concat(parts))).toEqual(
    decode(
      'WatchResponse',
      encode('WatchResponse', { header, watchId: 300, fragment: true, events }),
    ),
  );
});

describe('what is not a message', () => {
  test.each([
    ['cut in a number', '08ff'],
    ['cut in a field', '0a05616263'],
    ['a number without end', `08${'ff'.repeat(11)}01`],
    ['a group', '0b'],
    ['a wrong type', '0801'],
    ['a length over its end', '0aff7f'],
  ])('%s is an error', (_name, hex) => {
    expect(() => decode('PutRequest', Buffer.from(hex, 'hex'))).toThrow(WireError);
  });

  test('noise is a message or that error, and never hangs', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.uint8Array({ maxLength: 100 }), (name, bytes) => {
        try {
          decode(name, Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('unknown fields are skipped, whatever they hold', () => {
    const more = Buffer.concat([
      Buffer.from('a006ff01', 'hex'),
      Buffer.from('a2060161', 'hex'),
      Buffer.from('a106', 'hex'),
      Buffer.alloc(8),
      Buffer.from('a506', 'hex'),
      Buffer.alloc(4),
    ]);
    expect(
      decode(
        'CompactionRequest',
        Buffer.concat([more, encode('CompactionRequest', { revision: 5 }), more]),
      ),
    ).toEqual({ revision: 5, physical: false });
  });
});
