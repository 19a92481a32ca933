import { Buffer } from 'node:buffer';
import { request } from 'node:https';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { decodeProtobuf } from '../api/codec/protobuf/envelope.ts';
import type { KubeObject, ResourceRef } from '../api/object.ts';
import { builtinScheme } from '../api/scheme.ts';
import { startDevServer, type DevServer } from './dev.ts';
import type { InProcessClient } from './in-process.ts';

/**
 * What client-go's metadata client asks for, and clients that watch tables; answers as
 * kube-apiserver 1.36.3 gives them.
 */
let dev: DevServer;
let admin: InProcessClient;
const scheme = builtinScheme();
const secrets: ResourceRef = {
  group: '',
  version: 'v1',
  resource: 'secrets',
  kind: 'Secret',
  namespaced: true,
};
const definitions: ResourceRef = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};
const gadgets: ResourceRef = {
  group: 'e.com',
  version: 'v1',
  resource: 'gadgets',
  kind: 'Gadget',
  namespaced: true,
};
const collections = {
  secret: '/api/v1/namespaces/default/secrets',
  gadget: '/apis/e.com/v1/namespaces/default/gadgets',
};

beforeAll(async () => {
  dev = await startDevServer();
  admin = dev.api.inProcess({ name: 'admin', groups: ['system:masters'] });
  await admin.create(secrets, {
    metadata: { name: 'wl', namespace: 'default', labels: { wl: 'x' } },
    stringData: { password: 'hunter2' },
  });
  const schema = {
    openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  };
  await admin.create(definitions, {
    metadata: { name: 'gadgets.e.com' },
    spec: {
      group: 'e.com',
      scope: 'Namespaced',
      names: { plural: 'gadgets', kind: 'Gadget' },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  });
  await vi.waitFor(
    () =>
      admin.create(gadgets, {
        apiVersion: 'e.com/v1',
        kind: 'Gadget',
        metadata: { name: 'wl', namespace: 'default', labels: { wl: 'x' } },
        size: 3,
      }),
    { timeout: 10_000 },
  );
});
afterAll(() => dev.api.close());

const inJson = (kind: string): string => `application/json;as=${kind};g=meta.k8s.io;v=v1`;
const inProtobuf = (kind: string): string =>
  `application/vnd.kubernetes.protobuf;as=${kind};g=meta.k8s.io;v=v1`;
const both = (kind: string): string => `${inProtobuf(kind)},${inJson(kind)},application/json`;

interface Answer {
  status: number;
  type: string;
  body: Buffer;
}

/** With `until` the answer is read up to that text, then dropped. */
function get(path: string, accept: string, until?: (body: Buffer) => boolean): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: dev.api.port,
        ca: dev.ca.cert,
        path,
        headers: { authorization: 'Bearer oracle', accept },
      },
      (answer) => {
        const chunks: Buffer[] = [];
        const done = (): void => {
          resolve({
            status: answer.statusCode ?? 0,
            type: answer.headers['content-type'] ?? '',
            body: Buffer.concat(chunks),
          });
          sent.destroy();
        };
        answer.on('data', (part: Buffer) => {
          chunks.push(part);
          if (until?.(Buffer.concat(chunks))) done();
        });
        answer.on('end', done);
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

const decode = (bytes: Uint8Array, kind: string): KubeObject =>
  decodeProtobuf(scheme, bytes, scheme.kind('meta.k8s.io', 'v1', kind)!) as KubeObject;

test.each(['secret', 'gadget'] as const)(
  'the metadata of a %s in protobuf, alone and in a list',
  async (kind) => {
    const alone = await get(`${collections[kind]}/wl`, both('PartialObjectMetadata'));
    expect([alone.status, alone.type]).toEqual([200, 'application/vnd.kubernetes.protobuf']);
    expect(decode(alone.body, 'PartialObjectMetadata')).toMatchObject({
      metadata: { name: 'wl', namespace: 'default', labels: { wl: 'x' } },
    });
    const list = await get(
      `${collections[kind]}?labelSelector=wl`,
      both('PartialObjectMetadataList'),
    );
    expect([list.status, list.type]).toEqual([200, 'application/vnd.kubernetes.protobuf']);
    expect(decode(list.body, 'PartialObjectMetadataList')).toMatchObject({
      items: [{ metadata: { name: 'wl', labels: { wl: 'x' } } }],
    });
    expect(Buffer.concat([alone.body, list.body]).toString('latin1')).not.toContain(
      Buffer.from('hunter2').toString('base64'),
    );
    expect(
      (await get(`${collections[kind]}?labelSelector=wl`, inProtobuf('PartialObjectMetadata')))
        .status,
    ).toBe(406);
  },
);

const streaming =
  '?labelSelector=wl&watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&' +
  'allowWatchBookmarks=true';
const ended = (body: Buffer): boolean => body.includes('k8s.io/initial-events-end');

interface Frame {
  type: string;
  object: KubeObject & { rows?: { object: KubeObject }[]; columnDefinitions?: unknown };
}

/** Length, then type and object of each event of a stream in protobuf. */
function frames(body: Buffer): Frame[] {
  const found: Frame[] = [];
  for (let at = 0; at + 4 <= body.length;) {
    const length = body.readUInt32BE(at);
    const event = body.subarray(at + 4, at + 4 + length);
    const mark = event.indexOf(Buffer.from('k8s\0'));
    found.push({
      type: event.subarray(2, 2 + event[1]!).toString(),
      object: decode(event.subarray(mark), 'PartialObjectMetadata'),
    });
    at += 4 + length;
  }
  return found;
}

test.each(['secret', 'gadget'] as const)(
  'a watch of the metadata of a %s, in JSON and in protobuf at once',
  async (kind) => {
    const [text, binary] = await Promise.all([
      get(collections[kind] + streaming, inJson('PartialObjectMetadata'), ended),
      get(collections[kind] + streaming, both('PartialObjectMetadata'), ended),
    ]);
    expect(binary.type).toBe('application/vnd.kubernetes.protobuf;stream=watch');
    const lines = text.body
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Frame);
    for (const events of [lines, frames(binary.body)]) {
      expect(events.map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK']);
      expect(events[0]?.object.metadata).toMatchObject({ name: 'wl', labels: { wl: 'x' } });
      expect(events[1]?.object.metadata.annotations).toEqual({
        'k8s.io/initial-events-end': 'true',
      });
    }
    expect(lines.map(({ object }) => object.kind)).toEqual([
      'PartialObjectMetadata',
      'PartialObjectMetadata',
    ]);
  },
);

test.each(['secret', 'gadget'] as const)(
  'a watch of %ss as tables ends its beginning with a table',
  async (kind) => {
    const { body } = await get(collections[kind] + streaming, inJson('Table'), ended);
    const [added, bookmark] = body
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Frame);
    expect(added).toMatchObject({
      type: 'ADDED',
      object: { kind: 'Table', rows: [{ object: { metadata: { name: 'wl' } } }] },
    });
    expect(bookmark).toMatchObject({
      type: 'BOOKMARK',
      object: {
        kind: 'Table',
        apiVersion: 'meta.k8s.io/v1',
        columnDefinitions: null,
        rows: [
          {
            object: {
              kind: 'PartialObjectMetadata',
              metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } },
            },
          },
        ],
      },
    });
    expect(bookmark?.object.rows?.[0]?.object.metadata.resourceVersion).toBe(
      bookmark?.object.metadata.resourceVersion,
    );
  },
);
