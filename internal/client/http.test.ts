import {
  createSecureServer,
  type Http2SecureServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../api/object.ts';
import { seededRandom } from '../io/random.ts';
import { issueCa, issueCert } from '../pki/certificate.ts';
import type { Client } from './client.ts';
import { httpClient } from './http.ts';
import { refs } from './refs.ts';

type Answer = (
  stream: ServerHttp2Stream,
  request: { method: string; path: string; body: string },
) => void;

let server: Http2SecureServer;
let client: Client & { close(): void };
let answer: Answer;
const sessions = new Set<ServerHttp2Session>();

const json = (stream: ServerHttp2Stream, status: number, body: object): void => {
  stream.respond({ ':status': status, 'content-type': 'application/json' });
  stream.end(JSON.stringify(body));
};

beforeEach(async () => {
  const now = { nowMs: Date.UTC(2026, 0, 1), random: seededRandom(1) };
  const ca = issueCa({ ...now, cn: 'test-ca' });
  const serving = issueCert({
    ...now,
    ca,
    cn: 'server',
    sans: ['localhost', '127.0.0.1'],
    usages: ['server'],
  });
  server = createSecureServer({ cert: serving.cert, key: serving.key });
  server.on('session', (session) => void sessions.add(session));
  server.on('stream', (stream, headers) => {
    let body = '';
    stream.on('error', () => undefined);
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => (body += chunk));
    stream.on('end', () =>
      answer(stream, { method: headers[':method'] ?? '', path: headers[':path'] ?? '', body }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = httpClient({
    server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca: ca.cert,
  });
});

afterEach(() => {
  client.close();
  for (const session of sessions) session.destroy();
  sessions.clear();
  server.close();
});

describe('client over HTTPS', () => {
  it('asks where Kubernetes serves and freezes what comes', async () => {
    const seen: string[] = [];
    answer = (stream, { method, path, body }) => {
      seen.push(`${method} ${path} ${body}`);
      json(stream, 200, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } });
    };
    const pod = await client.get<KubeObject>(refs.pods, {
      namespace: 'a',
      name: 'p',
      subresource: 'status',
    });
    expect(Object.isFrozen(pod.metadata)).toBe(true);
    await client.create(
      refs.deployments,
      { metadata: { name: 'd', namespace: 'a' } },
      { dryRun: true },
    );
    await client.delete(refs.nodes, { name: 'n' }, { gracePeriodSeconds: 0 });
    expect(seen).toEqual([
      'GET /api/v1/namespaces/a/pods/p/status ',
      'POST /apis/apps/v1/namespaces/a/deployments?dryRun=All ' +
        '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","namespace":"a"}}',
      'DELETE /api/v1/nodes/n {"apiVersion":"v1","kind":"DeleteOptions","gracePeriodSeconds":0}',
    ]);
  });

  it('turns a Status into an ApiError, and words of others too', async () => {
    answer = (stream) =>
      json(stream, 404, {
        kind: 'Status',
        reason: 'NotFound',
        message: 'pods "p" not found',
        code: 404,
      });
    await expect(client.get(refs.pods, { namespace: 'a', name: 'p' })).rejects.toMatchObject({
      reason: 'NotFound',
      httpStatus: 404,
      message: 'pods "p" not found',
    });
    answer = (stream) => {
      stream.respond({ ':status': 503 });
      stream.end('starting');
    };
    await expect(client.get(refs.pods, { namespace: 'a', name: 'p' })).rejects.toMatchObject({
      reason: 'ServiceUnavailable',
      message: 'starting',
    });
  });

  it('reads watch events however they are cut, and ends with the error of the stream', async () => {
    const told: string[] = [];
    answer = (stream, { path }) => {
      expect(path).toBe(
        '/api/v1/pods?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&' +
          'resourceVersionMatch=NotOlderThan',
      );
      stream.respond({ ':status': 200 });
      const end = {
        metadata: { resourceVersion: '7', annotations: { 'k8s.io/initial-events-end': 'true' } },
      };
      const text = [
        { type: 'ADDED', object: { metadata: { name: 'ä', resourceVersion: '6' } } },
        { type: 'BOOKMARK', object: end },
        {
          type: 'ERROR',
          object: { kind: 'Status', reason: 'Expired', message: 'too old', code: 410 },
        },
      ]
        .map((e) => `${JSON.stringify(e)}\n`)
        .join('');
      for (const byte of Buffer.from(text)) stream.write(Buffer.of(byte));
      stream.end();
    };
    const error = await new Promise<Error | undefined>((resolve) => {
      client.watch<KubeObject>(
        refs.pods,
        { sendInitialEvents: true },
        {
          onEvent: (type, object) => told.push(`${type} ${object.metadata.name}`),
          onSynced: (version) => told.push(`synced ${version}`),
          onEnd: resolve,
        },
      );
    });
    expect(told).toEqual(['ADDED ä', 'synced 7']);
    expect(error).toMatchObject({ reason: 'Expired', httpStatus: 410 });
  });

  it('tells when a watch loses its connection, and opens one for the next call', async () => {
    answer = (stream) => stream.respond({ ':status': 200 });
    const ended = new Promise<Error | undefined>((resolve) =>
      client.watch(
        refs.pods,
        { resourceVersion: '1' },
        { onEvent: () => undefined, onEnd: resolve },
      ),
    );
    while (sessions.size === 0) await new Promise((resolve) => setImmediate(resolve));
    const [session] = sessions;
    session!.destroy();
    expect(await ended).toBeInstanceOf(Error);
    answer = (stream) =>
      json(stream, 200, {
        items: [{ metadata: { name: 'p' } }],
        metadata: { resourceVersion: '9' },
      });
    const list = await client.list<KubeObject>(refs.pods);
    expect(list).toMatchObject({
      resourceVersion: '9',
      items: [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } }],
    });
  });
});
