import type { Rng } from './rng.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const texts = [
  '',
  ' ',
  'a',
  'default',
  'constructor',
  '__proto__',
  'toString',
  'a/b',
  '../..',
  '%2e%2e',
  '1.2.3.4',
  '::1',
  '10.43.0.1/33',
  '1Gi',
  '1e999',
  '-1',
  '9'.repeat(40),
  '0x10',
  'None',
  'True',
  '2026-01-02T03:04:05Z',
  '0001-01-01T00:00:00Z',
  '1h',
  '\0',
  '\n',
  '\u2028',
  '\ud800',
  '𝒳',
  'x'.repeat(300),
  '$(A)',
  '{{.}}',
  '(a+)+$',
  '@every 1ns',
  '*/0 * * * *',
  'a=b,c!=d',
  '"',
  "'",
  '\\',
  '\u0000\u0001',
  '-',
];
const numbers = [
  0,
  -0,
  1,
  -1,
  0.5,
  65_535,
  65_536,
  2 ** 31,
  -(2 ** 31),
  2 ** 53,
  -(2 ** 53),
  1e21,
  1e308,
  -1e-308,
];
export const keys = [
  'constructor',
  '__proto__',
  'toString',
  'hasOwnProperty',
  'length',
  'then',
  'toJSON',
  'valueOf',
  '',
  '.',
  '$patch',
  '$retainKeys',
  '$setElementOrder/containers',
  '$deleteFromPrimitiveList/finalizers',
  'f:a',
  'k:{"a":1}',
  'k:{',
  'v:',
  'i:x',
  'metadata',
  'spec',
  'status',
  'apiVersion',
  'kind',
  'name',
  'items',
  'data',
];

function scalar(rng: Rng): Json {
  switch (rng.int(5)) {
    case 0:
      return null;
    case 1:
      return rng.chance(2);
    case 2:
      return rng.pick(numbers);
    default:
      return rng.pick(texts);
  }
}

export const text = (rng: Rng): string => rng.pick(texts);

export function value(rng: Rng, depth = 3): Json {
  const kind = depth === 0 ? 0 : rng.int(4);
  if (kind === 1) return rng.many(4, () => value(rng, depth - 1));
  if (kind === 2)
    return record(
      rng.many(4, () => [rng.chance(2) ? rng.pick(keys) : text(rng), value(rng, depth - 1)]),
    );
  return scalar(rng);
}

/** A map that may hold `__proto__` as a key of its own. */
function record(entries: [string, Json][]): { [key: string]: Json } {
  const out: { [key: string]: Json } = {};
  for (const [key, item] of entries) put(out, key, item);
  return out;
}

function put(map: { [key: string]: Json }, key: string, item: Json): void {
  Object.defineProperty(map, key, {
    value: item,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/**
 * The value with a few of its parts replaced, dropped, doubled, renamed or wrapped. It is changed
 * in place.
 */
export function bend(rng: Rng, whole: Json): Json {
  const holders: (Json[] | { [key: string]: Json })[] = [];
  const walk = (part: Json): void => {
    if (part === null || typeof part !== 'object') return;
    holders.push(part);
    for (const inner of Object.values(part)) walk(inner);
  };
  walk(whole);
  for (let changes = rng.int(4); changes > 0 && holders.length > 0; changes--) {
    const holder = rng.pick(holders);
    if (Array.isArray(holder)) bendList(rng, holder);
    else bendMap(rng, holder);
  }
  return whole;
}

function bendList(rng: Rng, list: Json[]): void {
  const at = rng.int(list.length + 1);
  switch (rng.int(4)) {
    case 0:
      list.splice(at, 1);
      break;
    case 1:
      list.push(...structuredClone(list.slice(0, at)));
      break;
    case 2:
      list.splice(at, 0, value(rng, 2));
      break;
    default:
      if (at < list.length) list[at] = value(rng, 2);
  }
}

function bendMap(rng: Rng, map: { [key: string]: Json }): void {
  const names = Object.keys(map);
  const name = names.length > 0 ? rng.pick(names) : 'a';
  switch (rng.int(5)) {
    case 0:
      delete map[name];
      break;
    case 1:
      put(map, rng.pick(keys), value(rng, 2));
      break;
    case 2:
      put(map, name, rng.chance(2) ? null : [map[name] ?? null]);
      break;
    case 3:
      put(map, name, scalar(rng));
      break;
    default:
      put(map, name, value(rng, 3));
  }
}

/** Bytes with a few of them changed, cut, repeated or moved. */
export function bendBytes(rng: Rng, bytes: Buffer): Buffer {
  let out = Buffer.from(bytes);
  for (let changes = 1 + rng.int(4); changes > 0; changes--) {
    const at = rng.int(out.length + 1);
    switch (rng.int(5)) {
      case 0:
        out = out.subarray(0, at);
        break;
      case 1:
        out = Buffer.concat([out.subarray(0, at), rng.bytes(1 + rng.int(4)), out.subarray(at)]);
        break;
      case 2:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at, at + 20), out.subarray(at)]);
        break;
      case 3:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + 1 + rng.int(8))]);
        break;
      default:
        out = Buffer.from(out);
        if (at < out.length) out[at] = rng.pick([0, 1, 0x7f, 0x80, 0xff, rng.int(256)]);
    }
  }
  return out;
}

/** YAML with anchors, merge keys, tags and odd layout; often broken. */
export function yaml(rng: Rng, whole: Json): string {
  const json = JSON.stringify(whole);
  const extra = rng.pick([
    '',
    'a: &a {b: c}\nd: *a\n',
    'a: &a {b: c}\nd: {<<: *a}\n',
    '<<: [{a: b}, {c: d}]\n',
    '? [a]\n: b\n',
    '- a\n',
    'a: !!binary aGk=\n',
    'a: !!float 1\n',
    'a: !x y\n',
    'a: |2\n  b\n',
    'a: 0o17\nb: 0x1F\nc: 1_000\nd: .inf\n',
    '&a a: *a\n',
    '--- \n...\n---\n',
    '%YAML 1.1\n---\n',
    '\ta: b\n',
    'a: "\\x41\\u0041\\q"\n',
    'y: n\non: off\n~: ~\n',
    '*b : c\n',
  ]);
  return rng.chance(2) ? `${extra}${json}` : `x-json: ${json}\n${extra}`;
}
