import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { seededRandom, type Random } from '../../../io/random.ts';
import { testSeed } from '../../../io/test-seed.ts';
import type { KubeObject } from '../../object.ts';
import { builtinScheme, type KindInfo } from '../../scheme.ts';
import { ApiError } from '../../status.ts';
import { decodeJson } from '../decode.ts';
import { planOf } from '../plan.ts';
import { decodeProtobuf, encodeProtobuf, hasProtobuf } from './envelope.ts';
import { listProtobuf } from './list.ts';
import { stepsOf } from './steps.ts';
import { NotPlain, Transcoder } from './transcode.ts';

const scheme = builtinScheme();
/** Upstream's objects with every field set (../testdata/README.md). */
const data = JSON.parse(
  brotliDecompressSync(
    readFileSync(join(import.meta.dirname, '../testdata/roundtrip.json.br')),
  ).toString(),
) as Record<string, string>;

const listed = [...scheme.resources()].filter(
  (info) =>
    !info.custom && hasProtobuf(info) && scheme.kind(info.group, info.version, info.listKind),
);
const fullOf = (info: KindInfo): KubeObject | undefined => {
  const text = data[`${info.group || 'core'}.${info.version}.${info.kind}.json`];
  return text === undefined ? undefined : (JSON.parse(text) as KubeObject);
};
const tried = listed.filter((info) => fullOf(info) !== undefined);

/** As it is stored: the revision is not in it. */
function withoutRevision(object: KubeObject): Buffer {
  const { resourceVersion: _none, ...metadata } = object.metadata;
  return Buffer.from(JSON.stringify({ ...object, metadata }));
}

/** What a client reads of a list of one object that was made by bytes alone, or undefined. */
function throughBytes(info: KindInfo, object: KubeObject, revision: number): unknown {
  const list = listProtobuf(info);
  let byObjects = false;
  const items = list.items([
    {
      stored: withoutRevision(object),
      revision,
      object: () => {
        byObjects = true;
        return object;
      },
    },
  ]);
  const bytes = Buffer.concat([list.head({}, items.length), items, list.tail]);
  const decoded = decodeProtobuf(
    scheme,
    bytes,
    scheme.kind(info.group, info.version, info.listKind),
  );
  const { items: read } = decoded as KubeObject & { items?: unknown[] };
  return byObjects ? undefined : read?.[0];
}

/** What a client reads of the object itself. */
const throughObject = (info: KindInfo, object: KubeObject, revision: number): unknown =>
  decodeProtobuf(
    scheme,
    encodeProtobuf(info, {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(revision) },
    }),
    info,
  );

const bare = (object: unknown): unknown => {
  const { kind: _kind, apiVersion: _version, ...rest } = object as KubeObject;
  return rest;
};

/**
 * What only the way over objects can write: a schema that may be a list, a bool, or a schema, and a
 * map of times of which one is null.
 */
const byObjectsOnly = new Set(['CustomResourceDefinition', 'PodDisruptionBudget']);

describe('an object with every field set is written from bytes', () => {
  test('there are enough', () => expect(tried.length).toBeGreaterThan(55));
  test.each(tried.map((info) => [`${info.group}/${info.version} ${info.kind}`, info] as const))(
    '%s',
    (_name, info) => {
      const object = fullOf(info)!;
      const read = throughBytes(info, object, 77);
      if (byObjectsOnly.has(info.kind)) expect(read).toBeUndefined();
      else expect(bare(read)).toEqual(bare(throughObject(info, object, 77)));
    },
  );
});

const letters = ['a', '"', '\\', '\n', '\u0000', '\u00e9', '\u20ac', '\u{1f600}', '</', '\ud800'];

function randomText(random: Random): string {
  const length = random.int(4) === 0 ? random.int(200) : random.int(12);
  const plain = random.int(2) === 0;
  return Array.from({ length }, () => (plain ? 'x' : letters[random.int(letters.length)])).join('');
}

const numbers = [0, 1, -1, 127, 128, 2 ** 31 - 1, -(2 ** 31), 65_536, 2 ** 40, -(2 ** 52)];

/** Another object of the same shape: parts left out, emptied, repeated or with other values. */
function changed(value: unknown, random: Random): unknown {
  if (random.int(12) === 0) return Array.isArray(value) ? [] : undefined;
  if (typeof value === 'string') return random.int(3) === 0 ? randomText(random) : value;
  if (typeof value === 'number')
    return random.int(2) === 0 ? numbers[random.int(numbers.length)] : value;
  if (typeof value === 'boolean') return random.int(2) === 0;
  if (Array.isArray(value))
    return value
      .flatMap((one: unknown) => Array.from({ length: random.int(3) }, () => changed(one, random)))
      .filter((one) => one !== undefined);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, one]) => [key, changed(one, random)] as const);
  return Object.fromEntries(entries.filter(([, one]) => one !== undefined));
}

test('random objects of every kind are read the same, by whichever way they were written', () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  let fast = 0;
  let all = 0;
  for (let round = 0; round < 12; round++)
    for (const info of tried) {
      const full = fullOf(info)!;
      const { kind, apiVersion } = full;
      const made = { ...(changed({ ...full }, random) as KubeObject), kind, apiVersion };
      made.metadata = { ...made.metadata, name: 'n' };
      let object: KubeObject;
      try {
        object = decodeJson(info, JSON.stringify(made), { validation: 'Ignore' }).object;
      } catch (error) {
        // Not every text is a time, a quantity or base64.
        if (error instanceof ApiError) continue;
        throw error;
      }
      all++;
      const read = throughBytes(info, object, round + 1);
      if (read === undefined) continue;
      fast++;
      const where = `seed ${seed}, round ${round}, ${info.kind}: ${JSON.stringify(object)}`;
      expect(bare(read), where).toEqual(bare(throughObject(info, object, round + 1)));
    }
  expect(all).toBeGreaterThan(150);
  expect(fast / all).toBeGreaterThan(0.8);
});

test('what is no stored JSON is refused, and nothing of it is left', () => {
  const steps = stepsOf(planOf('io.k8s.api.core.v1.ConfigMap'));
  const good = '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},"data":{"a":"b"}}';
  const to = new Transcoder(16);
  to.object(2, steps, Buffer.from(good), 1);
  const bad = [
    good.replace('"data"', '"date"'),
    good.replace('"a":"b"', '"a":null'),
    good.replace('{"a":"b"}', '{"a":1}'),
    good.replace('"metadata":{"name":"a"},', ''),
    good.replace(',"data"', ', "data"'),
    `${good}x`,
    ...Array.from({ length: good.length }, (_, length) => good.slice(0, length)),
  ];
  for (const text of bad) {
    expect(() => to.object(2, steps, Buffer.from(text), 1), text).toThrow(NotPlain);
  }
  to.object(2, steps, Buffer.from(good), 1);
  const twice = to.take();
  to.object(2, steps, Buffer.from(good), 1);
  const once = to.take();
  expect(twice.equals(Buffer.concat([once, once]))).toBe(true);
});
