import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer } from './dev.ts';

/** What a whole server takes and refuses, where that was once other than upstream. */

let dev: DevServer;
beforeAll(async () => void (dev = await startDevServer()));
afterAll(() => dev.api.close());

interface Answer {
  status: number;
  warning: string | string[] | undefined;
  text: string;
}

function call(
  method: string,
  path: string,
  body?: unknown,
  token = 'oracle',
  type = 'application/json',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: dev.api.port,
        ca: dev.ca.cert,
        method,
        path,
        headers: { authorization: `Bearer ${token}`, 'content-type': type },
      },
      (answer) => {
        let text = '';
        answer.on('data', (part: Buffer) => (text += part.toString()));
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, warning: answer.headers['warning'], text }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const services = '/api/v1/namespaces/default/services?dryRun=All';
const service = (spec: object): unknown => ({ metadata: { name: 's' }, spec });

describe('services on one family of addresses', () => {
  test.each([
    [
      'RequireDualStack',
      { ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 80 }] },
      'this cluster is not configured for dual-stack services',
    ],
    [
      'the other family',
      { ipFamilies: ['IPv6'], ports: [{ port: 80 }] },
      'spec.ipFamilies[0]: Invalid value: \\"IPv6\\": not configured on this cluster',
    ],
    [
      'a headless service that selects',
      {
        clusterIP: 'None',
        selector: { a: 'b' },
        ipFamilyPolicy: 'RequireDualStack',
        ports: [{ port: 80 }],
      },
      'not configured for dual-stack',
    ],
    [
      'ExternalName with an address',
      { type: 'ExternalName', externalName: 'a.example', clusterIP: '10.43.0.99' },
      'may not be set for ExternalName services',
    ],
  ])('%s is refused', async (_name, spec, why) => {
    const { status, text } = await call('POST', services, service(spec));
    expect([status, text]).toEqual([422, expect.stringContaining(why)]);
  });
  test.each([
    ['PreferDualStack', { ipFamilyPolicy: 'PreferDualStack', ports: [{ port: 80 }] }],
    [
      'a headless service that is filled in by hand',
      { clusterIP: 'None', ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 80 }] },
    ],
  ])('%s is taken', async (_name, spec) =>
    expect((await call('POST', services, service(spec))).status).toBe(201),
  );
});

test('an item without its key is for validation to refuse', async () => {
  const items = {
    type: 'object',
    required: ['name'],
    properties: { name: { type: 'string' }, port: { type: 'integer' } },
  };
  const schema = {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items,
        },
      },
    },
  };
  await call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: { name: 'gadgets.x.io' },
    spec: {
      group: 'x.io',
      names: { kind: 'Gadget', plural: 'gadgets' },
      scope: 'Namespaced',
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  });
  const make = (ports: unknown): Promise<Answer> =>
    call('POST', '/apis/x.io/v1/namespaces/default/gadgets', {
      apiVersion: 'x.io/v1',
      kind: 'Gadget',
      metadata: { name: 'a' },
      ports,
    });
  await expect
    .poll(async () => (await make([{ name: 'ok' }])).status, { timeout: 20_000 })
    .not.toBe(404);
  expect((await make([{ port: 80 }])).text).toContain('ports[0].name: Required value');
  expect((await make([null])).text).toContain('ports[0] in body must be of type object');
});

test('Endpoints say that they have a successor', async () => {
  expect(String((await call('GET', '/api/v1/namespaces/default/endpoints')).warning)).toContain(
    'v1 Endpoints is deprecated in v1.33+',
  );
});

test.each(['constructor', '__proto__', 'toString', 'eyJ'])(
  'the token %s is nobody',
  async (token) => {
    expect((await call('GET', '/api/v1/pods', undefined, token)).status).toBe(401);
    expect((await call('GET', `/healthz/${token}`)).status).toBe(404);
  },
);

describe("what is a fault without a reason upstream is none of the server's own here", () => {
  const message = (text: string): unknown => {
    const { reason, code, message: said } = JSON.parse(text) as Record<string, unknown>;
    return [reason, code, said];
  };

  test.each([
    [
      'a quantity',
      'pods',
      'Pod',
      { spec: { containers: [{ name: 'c', image: 'x', resources: { limits: { cpu: 'abc' } } }] } },
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      'a time',
      'configmaps',
      'ConfigMap',
      { metadata: { name: 'a', creationTimestamp: 'yesterday' } },
      'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    ],
  ])('an apply of %s that is none', async (_what, resource, kind, body, why) => {
    await call('POST', '/api/v1/namespaces', { metadata: { name: 'default' } });
    const { status, text } = await call(
      'PATCH',
      `/api/v1/namespaces/default/${resource}/a?fieldManager=f&dryRun=All`,
      { apiVersion: 'v1', kind, metadata: { name: 'a' }, ...body },
      'oracle',
      'application/apply-patch+yaml',
    );
    const of = `/v1, Kind=${kind}`;
    expect([status, message(text)]).toEqual([
      500,
      [
        undefined,
        500,
        `failed to convert new object (/a; ${of}) to proper version: unable to convert ` +
          `unstructured object to ${of}: ${why}`,
      ],
    ]);
  });

  test('a node without an address', async () => {
    await call('POST', '/api/v1/nodes', { metadata: { name: 'nowhere' } });
    const { text } = await call('GET', '/api/v1/nodes/nowhere/proxy/');
    expect(message(text)).toEqual([
      undefined,
      500,
      'no preferred addresses found; known addresses: []',
    ]);
  });
});

test.each(['{"toString":1}', '[]', '{"toString":null,"valueOf":null}', '7'])(
  'an apply with the name %s is refused',
  async (text) => {
    const { status } = await call(
      'PATCH',
      '/api/v1/namespaces/default/configmaps/a?fieldManager=f&dryRun=All',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: JSON.parse(text) as unknown } },
      'oracle',
      'application/apply-patch+yaml',
    );
    expect(status).toBe(400);
  },
);
