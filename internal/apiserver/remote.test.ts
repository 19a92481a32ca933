import { Buffer } from 'node:buffer';
import { request as httpsRequest } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Unstructured, type KubeObject, type ResourceRef } from '../api/object.ts';
import type { ApiError } from '../api/status.ts';
import {
  listenHttps,
  type HttpsListener,
  type ServerAnswer,
  type ServerRequest,
} from '../io/https-server.ts';
import { realRandom } from '../io/random.ts';
import { issueCert } from '../pki/certificate.ts';
import { startDevServer, type DevServer } from './dev.ts';
import type { InProcessClient } from './in-process.ts';
import { redirectedDial } from './proxy/redirected-dial.fake.ts';
import { speakHttp2 } from '../wire/h2/http.ts';

type Handler = (
  path: string,
  body: Record<string, unknown>,
  headers: Record<string, unknown>,
) => unknown;

let dev: DevServer;
let admin: InProcessClient;
let remote: HttpsListener;
let handler: Handler = () => ({});
let caBundle = '';
let redirectTo = '';

const ref = (group: string, resource: string, kind: string, namespaced = false): ResourceRef => ({
  group,
  version: 'v1',
  resource,
  kind,
  namespaced,
});
const configMaps = ref('', 'configmaps', 'ConfigMap', true);
const failure = async (effect: Promise<unknown>): Promise<ApiError> =>
  effect.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: ApiError) => error,
  );

async function answer(request: ServerRequest, reply: ServerAnswer): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const result = handler(
    (request.url ?? '').split('?')[0] ?? '',
    text ? (JSON.parse(text) as Record<string, unknown>) : {},
    request.headers,
  );
  const out = reply as import('node:http').ServerResponse;
  if (result === 'silent') return;
  if (result === 'switching')
    return void request.socket.end(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
    );
  if (result === 'large' || result === 'dripping') {
    const timer = setInterval(() => out.write(result === 'large' ? ' '.repeat(1 << 20) : ' '), 20);
    return void out.on('close', () => clearInterval(timer));
  }
  if (redirectTo) return void out.writeHead(307, { location: redirectTo }).end();
  out.writeHead(result === undefined ? 404 : 200, { 'content-type': 'application/json' });
  out.end(JSON.stringify(result ?? {}));
}

beforeAll(async () => {
  // The server calls no service on its own loopback.
  dev = await startDevServer({ dial: redirectedDial({ '10.42.0.9': '127.0.0.1' }) });
  admin = dev.api.inProcess({ name: 'admin', groups: ['system:masters'] });
  const identity = issueCert({
    nowMs: Date.parse(new Date().toISOString()),
    random: realRandom,
    ca: dev.ca,
    cn: 'remote',
    sans: ['127.0.0.1', 'remote.default.svc'],
    usages: ['server'],
  });
  remote = await listenHttps('remote', {
    http2: speakHttp2,
    host: '127.0.0.1',
    port: 0,
    ...identity,
    ca: dev.ca.cert,
    onRequest: (q, a) => void answer(q, a),
    onUpgrade: (_q, socket) => void socket.destroy(),
  });
  caBundle = Buffer.from(dev.ca.cert).toString('base64');
  await admin.create(ref('', 'services', 'Service', true), {
    metadata: { name: 'remote', namespace: 'default' },
    spec: { ports: [{ name: 'https', port: 443 }] },
  });
  const labels = { 'kubernetes.io/service-name': 'remote' };
  const slice = {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    metadata: { name: 'remote', namespace: 'default', uid: 'x', labels },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.42.0.9'], conditions: { ready: true } }],
    ports: [{ name: 'https', port: remote.port }],
  };
  await dev.store.put({
    key: '/registry/endpointslices/default/remote',
    value: Buffer.from(JSON.stringify(slice)),
  });
});
afterAll(async () => {
  await dev.api.close();
  await remote.close();
});

const webhook = (name: string, path: string, over: object = {}): object => ({
  name,
  clientConfig: { caBundle, service: { namespace: 'default', name: 'remote', path } },
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  rules: [
    {
      apiGroups: [''],
      apiVersions: ['v1'],
      resources: ['configmaps'],
      operations: ['CREATE'],
      scope: '*',
    },
  ],
  timeoutSeconds: 2,
  ...over,
});
const review = (body: Record<string, unknown>, response: object): object => ({
  ...body,
  response: { uid: (body['request'] as { uid: string }).uid, allowed: true, ...response },
});
const map = (name: string): object => ({
  metadata: { name, namespace: 'default' },
  data: { a: '1' },
});

describe('admission webhooks', () => {
  const mutating = ref(
    'admissionregistration.k8s.io',
    'mutatingwebhookconfigurations',
    'MutatingWebhookConfiguration',
  );
  const validating = ref(
    'admissionregistration.k8s.io',
    'validatingwebhookconfigurations',
    'ValidatingWebhookConfiguration',
  );

  test('a mutating webhook changes the object before it is stored', async () => {
    handler = (_path, body) =>
      review(body, {
        patchType: 'JSONPatch',
        patch: Buffer.from(JSON.stringify([{ op: 'add', path: '/data/b', value: '2' }])).toString(
          'base64',
        ),
      });
    await admin.create(mutating, {
      metadata: { name: 'm' },
      webhooks: [webhook('m.example.com', '/mutate')],
    });
    expect((await admin.create<Unstructured>(configMaps, map('mutated')))['data']).toEqual({
      a: '1',
      b: '2',
    });
    await admin.delete(mutating, { name: 'm' });
  });

  test('a validating webhook refuses in its own words', async () => {
    handler = (_path, body) =>
      review(body, { allowed: false, status: { message: 'not on a Saturday', code: 403 } });
    await admin.create(validating, {
      metadata: { name: 'v' },
      webhooks: [webhook('v.example.com', '/validate')],
    });
    const error = await failure(admin.create(configMaps, map('refused')));
    expect([error.httpStatus, error.message]).toEqual([
      403,
      'admission webhook "v.example.com" denied the request: not on a Saturday',
    ]);
    await admin.delete(validating, { name: 'v' });
  });

  test('a webhook that does not answer fails closed, or open when it says so', async () => {
    handler = () => undefined;
    await admin.create(validating, {
      metadata: { name: 'c' },
      webhooks: [webhook('c.example.com', '/x')],
    });
    expect((await failure(admin.create(configMaps, map('closed')))).message).toContain(
      'failed calling webhook "c.example.com"',
    );
    await admin.delete(validating, { name: 'c' });
    await admin.create(validating, {
      metadata: { name: 'o' },
      webhooks: [webhook('o.example.com', '/x', { failurePolicy: 'Ignore' })],
    });
    await admin.create(configMaps, map('open'));
    await admin.delete(validating, { name: 'o' });
  });

  test.each(['large', 'silent', 'dripping', 'switching'])(
    'a webhook whose answer is %s costs no more than its time',
    async (how) => {
      handler = () => how;
      await admin.create(validating, {
        metadata: { name: how },
        webhooks: [webhook('w.example.com', '/x', { timeoutSeconds: 1 })],
      });
      const started = performance.now();
      expect((await failure(admin.create(configMaps, map(how)))).message).toContain(
        'failed calling webhook "w.example.com"',
      );
      expect(performance.now() - started).toBeLessThan(5000);
      await admin.delete(validating, { name: how });
    },
  );

  test('selectors keep a webhook from what it does not want', async () => {
    handler = (_path, body) => review(body, { allowed: false });
    await admin.create(validating, {
      metadata: { name: 's' },
      webhooks: [
        webhook('s.example.com', '/x', { objectSelector: { matchLabels: { judged: 'yes' } } }),
      ],
    });
    await admin.create(configMaps, map('unjudged'));
    expect(
      (
        await failure(
          admin.create(configMaps, {
            metadata: { name: 'judged', namespace: 'default', labels: { judged: 'yes' } },
          }),
        )
      ).message,
    ).toBe('admission webhook "s.example.com" denied the request without explanation');
    await admin.delete(validating, { name: 's' });
  });
});

describe('aggregation', () => {
  const services = ref('apiregistration.k8s.io', 'apiservices', 'APIService');

  test('requests go on with the name of the user, and discovery shows what is there', async () => {
    const seen: unknown[] = [];
    handler = (path, _body, headers) => {
      if (path === '/apis/wardle.example.com/v1')
        return {
          kind: 'APIResourceList',
          groupVersion: 'wardle.example.com/v1',
          resources: [
            {
              name: 'flunders',
              singularName: 'flunder',
              namespaced: true,
              kind: 'Flunder',
              verbs: ['list'],
            },
          ],
        };
      seen.push([path, headers['x-remote-user'], headers['authorization']]);
      return { kind: 'FlunderList', items: [] };
    };
    await admin.create(services, {
      metadata: { name: 'v1.wardle.example.com' },
      spec: {
        group: 'wardle.example.com',
        version: 'v1',
        caBundle,
        service: { namespace: 'default', name: 'remote' },
        groupPriorityMinimum: 100,
        versionPriority: 10,
      },
    });
    const available = async (): Promise<string | undefined> => {
      const service = await admin.get<
        KubeObject & { status?: { conditions?: { type: string; status: string }[] } }
      >(services, { name: 'v1.wardle.example.com' });
      return service.status?.conditions?.find((one) => one.type === 'Available')?.status;
    };
    await expect.poll(available, { timeout: 30_000 }).toBe('True');
    const list = await admin.raw({
      method: 'GET',
      path: '/apis/wardle.example.com/v1/namespaces/default/flunders',
    });
    expect([list.status, JSON.parse(list.body.toString())]).toEqual([
      200,
      { kind: 'FlunderList', items: [] },
    ]);
    expect(seen).toEqual([
      ['/apis/wardle.example.com/v1/namespaces/default/flunders', 'admin', undefined],
    ]);
    expect((await admin.raw({ method: 'GET', path: '/apis' })).body.toString()).toContain(
      'wardle.example.com',
    );
    await refusesForgery();
    await admin.delete(services, { name: 'v1.wardle.example.com' });
    expect((await admin.raw({ method: 'GET', path: '/apis' })).body.toString()).not.toContain(
      'wardle.example.com',
    );
  });
});

/**
 * What a client says of itself does not reach a server that believes this one; where that server
 * sends to, nobody is sent.
 */
async function refusesForgery(): Promise<void> {
  let seen: Record<string, unknown> = {};
  handler = (_path, _body, headers) => {
    seen = headers;
    return {};
  };
  const forged = {
    'x-remote-user': 'root',
    'x-remote-group': 'system:masters',
    'x-remote-uid': 'forged',
    'x-remote-extra-scopes': 'forged',
    'x-remote-extra-authentication.kubernetes.io%2fpod-name': 'forged',
    x_remote_uid: 'forged',
    'sec-websocket-protocol': 'base64url.bearer.authorization.k8s.io.b3JhY2xl, v4.channel.k8s.io',
    connection: 'close, x-hop',
    'x-hop': 'forged',
    'proxy-authorization': 'forged',
  };
  const call = (headers: Record<string, string>): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const req = httpsRequest(
        `${dev.url}/apis/wardle.example.com/v1/flunders`,
        { ca: dev.ca.cert, agent: false, headers: { authorization: 'Bearer oracle', ...headers } },
        (res) => {
          res.resume();
          res.on('end', () => resolve(res.statusCode));
        },
      );
      req.on('error', reject);
      req.end();
    });
  expect(await call(forged)).toBe(200);
  expect(seen).toMatchObject({
    'x-remote-user': 'oracle',
    'x-remote-group': 'system:masters, system:authenticated',
    'sec-websocket-protocol': 'v4.channel.k8s.io',
  });
  expect(JSON.stringify(seen)).not.toContain('forged');
  expect(seen['authorization']).toBeUndefined();
  // Names beyond ASCII go as their bytes, and no name makes a header of its own.
  expect(
    await call({
      'impersonate-user': Buffer.from('j\u00fcrgen').toString('latin1'),
      'impersonate-group': 'system:masters',
      'impersonate-extra-a%28b%29': 'c',
    }),
  ).toBe(200);
  expect(seen['x-remote-extra-a%28b%29']).toBe('c');
  redirectTo = '/api/v1/secrets';
  expect(await call({})).toBe(502);
  redirectTo = '';
}

describe('conversion', () => {
  test('objects are served in the version asked for, whatever they are stored in', async () => {
    handler = (_path, body) => {
      const { uid, desiredAPIVersion, objects } = body['request'] as {
        uid: string;
        desiredAPIVersion: string;
        objects: (KubeObject & { hostPort?: string; host?: string; port?: string })[];
      };
      const convertedObjects = objects.map(({ hostPort, host, port, ...rest }) =>
        desiredAPIVersion.endsWith('/v2')
          ? {
              ...rest,
              apiVersion: desiredAPIVersion,
              host: hostPort?.split(':')[0],
              port: hostPort?.split(':')[1],
            }
          : { ...rest, apiVersion: desiredAPIVersion, hostPort: `${host}:${port}` },
      );
      return { ...body, response: { uid, convertedObjects, result: { status: 'Success' } } };
    };
    const version = (
      name: string,
      storage: boolean,
      fields: string[],
      selectable?: string,
    ): object => ({
      name,
      served: true,
      storage,
      schema: {
        openAPIV3Schema: {
          type: 'object',
          properties: Object.fromEntries(fields.map((field) => [field, { type: 'string' }])),
        },
      },
      ...(selectable ? { selectableFields: [{ jsonPath: selectable }] } : {}),
    });
    const definitions = ref(
      'apiextensions.k8s.io',
      'customresourcedefinitions',
      'CustomResourceDefinition',
    );
    await admin.create(definitions, {
      metadata: { name: 'hosts.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'hosts', kind: 'Host' },
        versions: [
          version('v1', true, ['hostPort'], '.hostPort'),
          version('v2', false, ['host', 'port'], '.host'),
        ],
        conversion: {
          strategy: 'Webhook',
          webhook: {
            conversionReviewVersions: ['v1'],
            clientConfig: {
              caBundle,
              service: { namespace: 'default', name: 'remote', path: '/convert' },
            },
          },
        },
      },
    });
    await expect
      .poll(() => dev.api.server.core.resources.find('example.com', 'v2', 'hosts'))
      .toBeDefined();
    const v1 = ref('example.com', 'hosts', 'Host', true);
    const v2 = { ...v1, version: 'v2' };
    await admin.create(v1, {
      apiVersion: 'example.com/v1',
      kind: 'Host',
      metadata: { name: 'a', namespace: 'default' },
      hostPort: 'local:80',
    });
    expect(await admin.get(v2, { namespace: 'default', name: 'a' })).toMatchObject({
      apiVersion: 'example.com/v2',
      host: 'local',
      port: '80',
    });
    const b = await admin.create<KubeObject>(v2, {
      apiVersion: 'example.com/v2',
      kind: 'Host',
      metadata: { name: 'b', namespace: 'default', labels: { l: '1' } },
      host: 'far',
      port: '443',
    });
    expect(b).toMatchObject({ apiVersion: 'example.com/v2', host: 'far' });
    expect(await admin.get(v1, { namespace: 'default', name: 'b' })).toMatchObject({
      apiVersion: 'example.com/v1',
      hostPort: 'far:443',
      metadata: { uid: b.metadata.uid, labels: { l: '1' } },
    });
    const selected = await admin.list<KubeObject>(v2, {
      namespace: 'default',
      fieldSelector: 'host=far',
    });
    expect(selected.items.map((one) => one.metadata.name)).toEqual(['b']);
    const names: string[] = [];
    const watch = admin.watch<KubeObject>(
      v2,
      { namespace: 'default', fieldSelector: 'host=far', sendInitialEvents: true },
      {
        onEvent: (type, object) => void names.push(`${type} ${object.metadata.name}`),
        onEnd: () => undefined,
      },
    );
    await admin.create(v1, {
      apiVersion: 'example.com/v1',
      kind: 'Host',
      metadata: { name: 'c', namespace: 'default' },
      hostPort: 'far:1',
    });
    await expect.poll(() => names).toEqual(['ADDED b', 'ADDED c']);
    // The webhook goes first, the definition all the same; its watches end with it.
    handler = () => undefined;
    let ended = false;
    admin.watch<KubeObject>(
      v1,
      { namespace: 'default', resourceVersion: String(dev.store.revision) },
      { onEvent: () => undefined, onEnd: () => void (ended = true) },
    );
    await admin.delete(definitions, { name: 'hosts.example.com' });
    await expect
      .poll(() => dev.api.server.core.resources.find('example.com', 'v2', 'hosts'), {
        timeout: 10_000,
      })
      .toBeUndefined();
    await expect.poll(() => ended).toBe(true);
    watch.stop();
  });
});
