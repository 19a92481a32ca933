import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fieldsOf, type KubeObject } from '../../api/object.ts';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { ref, said, startWithAdmin, userWith } from '../testing/server.ts';

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin());
});
afterAll(() => dev.api.close());

/** A request with a body; its code and answer. */
function send(
  method: string,
  path: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<{ code: number; body: KubeObject & { message?: string } }> {
  return new Promise((resolve, reject) => {
    const out = request(
      `${dev.url}${path}`,
      {
        method,
        ca: dev.ca.cert,
        agent: false,
        headers: {
          authorization: 'Bearer oracle',
          'content-type': method === 'PUT' ? 'application/json' : 'application/apply-patch+yaml',
          ...headers,
        },
      },
      (answer) => {
        let text = '';
        answer.on('data', (part) => (text += part));
        answer.on('end', () =>
          resolve({ code: answer.statusCode ?? 0, body: JSON.parse(text) as KubeObject }),
        );
      },
    );
    out.on('error', reject);
    out.end(JSON.stringify(body));
  });
}

describe('the status of a Service that is not there', () => {
  const service = (name: string): object => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { ports: [{ port: 80 }] },
    status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } },
  });
  const path = (name: string, what = 'services'): string =>
    `/api/v1/namespaces/default/${what}/${name}/status?fieldManager=x`;
  beforeAll(() =>
    userWith({ dev, admin }, 'service-status', [
      { apiGroups: [''], resources: ['services/status'], verbs: ['update', 'patch'] },
    ]),
  );

  test.each(['PUT', 'PATCH'])(
    'is made by %s, as kube-apiserver 1.36.3 makes it: without an address and without that status',
    async (method) => {
      const name = `by-${method.toLowerCase()}`;
      const made = await send(method, path(name), service(name));
      expect([
        made.code,
        fieldsOf(made.body)['status'],
        (fieldsOf(made.body)['spec'] as { clusterIP?: string }).clusterIP,
      ]).toEqual([201, { loadBalancer: {} }, undefined]);
      expect(made.body.metadata.managedFields).toMatchObject([{ subresource: 'status' }]);
      // What has no address gives none back.
      expect(
        await said(admin.delete(ref('services', 'Service'), { namespace: 'default', name })),
      ).toBe('done');
    },
  );

  test('takes the right to create', async () => {
    for (const method of ['PUT', 'PATCH']) {
      const { code, body } = await send(method, path('no'), service('no'), {
        'impersonate-user': 'service-status',
      });
      expect([code, body.message]).toEqual([
        403,
        'services "no" is forbidden: User "service-status" cannot create resource ' +
          '"services/status" in API group "" in the namespace "default"',
      ]);
    }
  });

  test('is the only one with a PUT; of pods there is none', async () => {
    for (const method of ['PUT', 'PATCH'])
      expect(
        (
          await send(method, path('no', 'pods'), {
            apiVersion: 'v1',
            kind: 'Pod',
            metadata: { name: 'no', namespace: 'default' },
          })
        ).code,
      ).toBe(404);
  });
});
