import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decodeProtobuf, encodeProtobuf } from '../../api/codec/protobuf/envelope.ts';
import type { KubeObject } from '../../api/object.ts';
import { builtinScheme, type KindInfo } from '../../api/scheme.ts';
import type { KeyValue } from '../../store/store.ts';
import { builtinResources } from '../registry/builtin-resources.ts';
import type { Listed } from '../registry/list.ts';
import { jsonOf, storedText, viewOf } from '../registry/stored.ts';
import type { ServedResource } from '../registry/resource.ts';
import { listForm, listMeta } from './list-form.ts';

const scheme = builtinScheme();
const resources = builtinResources({ scheme, now: () => '2026-01-01T00:00:00Z' });
const listed = resources.filter((r) => scheme.kind(r.group, r.version, r.listKind));

/** Upstream's objects with every field set, and with none (api/codec/testdata/README.md). */
const data = JSON.parse(
  brotliDecompressSync(
    readFileSync(join(import.meta.dirname, '../../api/codec/testdata/roundtrip.json.br')),
  ).toString(),
) as Record<string, string>;

const uid = '0a1b2c3d-0000-4000-8000-00000000abcd';
const hard = '{"uid":"x"} \u00fc \u{1f600} \\ \n "kind":"b", </x>';

function objectsOf({ group, version, kind }: ServedResource): KubeObject[] {
  const text = data[`${group || 'core'}.${version}.${kind}.json`];
  const full = JSON.parse(text ?? '{}') as KubeObject;
  const head = { kind, apiVersion: group ? `${group}/${version}` : version };
  const metadata = { ...full.metadata, uid };
  return [
    ...(text ? [full, { ...full, metadata }] : []),
    {
      ...full,
      ...head,
      metadata: { ...metadata, labels: { a: hard }, annotations: { [hard]: '' } },
    },
    { ...full, ...head, metadata: { ...metadata, namespace: undefined, generateName: 'x-' } },
  ];
}

function recordsOf(resource: ServedResource): Listed {
  const info = scheme.kind(resource.group, resource.version, resource.kind) as KindInfo;
  const kvs = objectsOf(resource).map((object, i): KeyValue => {
    const normal = resource.engine.normalize(object).object;
    const value = storedText(resource.engine.toStorage?.(normal) ?? normal);
    const revision = 10 ** i;
    const of = { createRevision: revision, modRevision: revision, version: 1, lease: '0' };
    return { key: `/registry/${info.resource}/${i}`, value, ...of };
  });
  return { kvs, revision: 12_345, continue: 'next', remaining: 7, whole: true };
}

function bytesOf(resource: ServedResource, of: Listed, format: 'json' | 'protobuf'): Buffer {
  const form = listForm(resource, { format, pretty: false }, of)!;
  const items = form.items(of.kvs);
  return Buffer.concat([form.head(items.length), items, form.tail]);
}

/** A list made of objects, as a whole. */
function wholeList(resource: ServedResource, of: Listed): KubeObject & { items: object[] } {
  const { group, version } = resource;
  return {
    kind: resource.listKind,
    apiVersion: group ? `${group}/${version}` : version,
    metadata: listMeta(of),
    items: of.kvs.map((kv) => viewOf(resource, kv)),
  } as never;
}

test('every kind is tried', () => expect(listed.length).toBeGreaterThan(55));

test.each(
  listed.map((resource) => [`${resource.resource}.${resource.version}`, resource] as const),
)('the JSON list of %s is that of its objects, byte for byte', (_name, resource) => {
  const of = recordsOf(resource);
  const list = wholeList(resource, of);
  const items = of.kvs.map((kv) => {
    const {
      kind: _kind,
      apiVersion: _version,
      ...rest
    } = JSON.parse(jsonOf(resource, kv).toString()) as KubeObject;
    return rest;
  });
  expect(bytesOf(resource, of, 'json').toString()).toBe(`${JSON.stringify({ ...list, items })}\n`);
});

const inProtobuf = listed.filter((resource) => resource.engine.listProtobuf);

test.each(
  inProtobuf.map((resource) => [`${resource.resource}.${resource.version}`, resource] as const),
)('the protobuf list of %s is that of its objects', (_name, resource) => {
  const of = recordsOf(resource);
  const info = scheme.kind(resource.group, resource.version, resource.listKind) as KindInfo;
  const bytes = bytesOf(resource, of, 'protobuf');
  const whole = encodeProtobuf(info, wholeList(resource, of));
  expect(decodeProtobuf(scheme, bytes, info)).toEqual(decodeProtobuf(scheme, whole, info));
  const empty = { ...of, kvs: [], continue: '', remaining: undefined };
  expect(bytesOf(resource, empty, 'protobuf')).toEqual(
    encodeProtobuf(info, wholeList(resource, empty)),
  );
});
