import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeProtobuf } from '../api/codec/protobuf/envelope.ts';
import type { KubeObject } from '../api/object.ts';
import { builtinScheme, type KindInfo } from '../api/scheme.ts';
import { seededRandom } from '../io/random.ts';
import { testSeed } from '../io/test-seed.ts';
import {
  at,
  configMap,
  configMaps,
  namespaces,
  startWithAdmin,
  type Started,
} from './testing/server.ts';

let server: Started;
let session: ClientHttp2Session;
const scheme = builtinScheme();
const listKind = scheme.kind('', 'v1', 'ConfigMapList') as KindInfo;
const path = '/api/v1/namespaces/default/configmaps';

beforeAll(async () => {
  server = await startWithAdmin();
  session = connect(server.dev.url, { ca: server.dev.ca.cert });
});
afterAll(async () => {
  session.destroy();
  await server.dev.api.close();
});

async function read(url: string, accept: string): Promise<{ type: string; body: Buffer }> {
  const stream = session.request({ ':path': url, accept, authorization: 'Bearer oracle' });
  const chunks: Buffer[] = [];
  let type = '';
  stream.on('response', (headers) => (type = String(headers['content-type'])));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return { type, body: Buffer.concat(chunks) };
}

interface Told {
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  items: KubeObject[];
}

async function inJson(query = ''): Promise<Told> {
  const { type, body } = await read(`${path}${query}`, 'application/json');
  expect(type).toBe('application/json');
  return JSON.parse(body.toString()) as Told;
}

async function inProtobuf(query = ''): Promise<Told> {
  const form = 'application/vnd.kubernetes.protobuf';
  const { type, body } = await read(`${path}${query}`, `${form},application/json`);
  expect(type).toBe(form);
  return decodeProtobuf(scheme, body, listKind) as never;
}

const bare = ({ kind: _kind, apiVersion: _version, ...rest }: KubeObject): object => rest;

/** The same list in every format that can be negotiated. */
async function compare(query = ''): Promise<Told> {
  const given = Object.fromEntries(new URLSearchParams(query));
  const asked = {
    namespace: 'default',
    ...given,
    ...(given['limit'] && { limit: +given['limit'] }),
  };
  const [objects, json, protobuf] = [
    await server.admin.list(configMaps, asked),
    await inJson(query),
    await inProtobuf(query),
  ];
  expect(json.items).toEqual(objects.items.map((object) => bare(object as KubeObject)));
  expect(protobuf.items.map(bare)).toEqual(json.items);
  expect(protobuf.metadata).toEqual(json.metadata);
  return json;
}

const text = (random: ReturnType<typeof seededRandom>): string =>
  Array.from({ length: random.int(40) }, () =>
    String.fromCodePoint([random.int(128), 0xe9, 0x20ac, 0x1f600, 0x22, 0x5c][random.int(6)] ?? 0),
  ).join('');

test('lists stay those of the objects while these come, change and go', async () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const names = new Set<string>();
  for (let round = 0; round < 8; round++) {
    const count = round === 0 ? 400 : random.int(20);
    const changed = new Set(Array.from({ length: count }, () => `m-${random.int(600)}`));
    await Promise.all(
      [...changed].map(async (name) => {
        const data = { [`k${random.int(5)}`]: text(random), large: 'x'.repeat(random.int(900)) };
        if (!names.has(name)) {
          names.add(name);
          await server.admin.create(
            configMaps,
            configMap(name, data, { parity: `${random.int(2)}` }),
          );
        } else if (random.int(3) > 0)
          await server.admin.patch(configMaps, at(name), { type: 'merge', body: { data } });
        else {
          names.delete(name);
          await server.admin.delete(configMaps, at(name));
        }
      }),
    ).catch((error: unknown) => {
      throw new Error(`seed ${seed}, round ${round}`, { cause: error });
    });
    expect((await compare()).items.length).toBe(names.size);
    await compare('?labelSelector=parity%3D1');
    let query = '?limit=97';
    for (let pages = 0; query && pages < 10; pages++) {
      const { metadata } = await compare(query);
      query = metadata.continue ? `?limit=97&continue=${metadata.continue}` : '';
    }
  }
}, 60_000);

test('others have their turns while many objects are made or deleted', async () => {
  const namespace = 'many';
  const count = 1500;
  await server.admin.create(namespaces, { metadata: { name: namespace } });
  for (let i = 0; i < count; i++)
    await server.admin.create(configMaps, { metadata: { name: `m-${i}`, namespace } });
  const records = await read(`/api/v1/namespaces/${namespace}/configmaps`, 'application/json');
  expect((JSON.parse(records.body.toString()) as Told).items.length).toBe(count);
  const turnsIn = async (work: Promise<unknown>): Promise<number> => {
    let [turns, over] = [0, false];
    const again = (): void => {
      turns++;
      if (!over) setImmediate(again);
    };
    setImmediate(again);
    await work;
    over = true;
    return turns;
  };
  const asked = { namespace, labelSelector: 'a=b' };
  expect(await turnsIn(server.admin.list(configMaps, asked))).toBeGreaterThanOrEqual(7);
  const gone = server.admin.deleteCollection(configMaps, { namespace });
  expect(await turnsIn(gone)).toBeGreaterThanOrEqual(count / 32);
  expect((await server.admin.list(configMaps, { namespace })).items).toEqual([]);
}, 60_000);

test('a watch that begins with more than may wait for its client gets all of it', async () => {
  const namespace = 'huge';
  await server.admin.create(namespaces, { metadata: { name: namespace } });
  const count = 40;
  const large = 'x'.repeat(500_000);
  for (let i = 0; i < count; i++)
    await server.admin.create(configMaps, {
      metadata: { name: `h-${i}`, namespace },
      data: { large },
    });
  const url =
    `/api/v1/namespaces/${namespace}/configmaps?watch=true&allowWatchBookmarks=true` +
    '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
  const stream = session.request({ ':path': url, authorization: 'Bearer oracle' });
  await once(stream, 'response');
  // Nothing is read for a while, and something happens.
  await server.admin.delete(configMaps, { namespace, name: 'h-7' });
  await new Promise((resolve) => setTimeout(resolve, 200));
  let text = '';
  const types: string[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    text += chunk.toString('latin1');
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      types.push((JSON.parse(text.slice(0, end)) as { type: string }).type);
      text = text.slice(end + 1);
    }
    if (types.includes('DELETED')) break;
  }
  expect(types).toEqual([...Array.from({ length: count }, () => 'ADDED'), 'BOOKMARK', 'DELETED']);
}, 60_000);
