import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { configMap, configMaps, failure, ref, startWithAdmin } from '../testing/server.ts';

const group = 'admissionregistration.k8s.io';
const webhooks = ref(
  'validatingwebhookconfigurations',
  'ValidatingWebhookConfiguration',
  group,
  false,
);
let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin());
});
afterAll(() => dev.api.close());

function webhook(name: string, expression: string, more: object = {}): object {
  const rules = [
    { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
  ];
  const hook = {
    name: `${name}.example.com`,
    rules,
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    clientConfig: { url: 'https://127.0.0.1:1/' },
    matchConditions: [{ name: 'one', expression }],
    ...more,
  };
  return { metadata: { name }, webhooks: [hook] };
}

describe('conditions of webhooks', () => {
  test('must compile', async () => {
    const error = await failure(admin.create(webhooks, webhook('bad', '... [] bad expression')));
    expect([error.httpStatus, error.message]).toEqual([
      422,
      expect.stringContaining('compilation failed: ERROR: <input>:1:'),
    ]);
    expect(
      (await failure(admin.create(webhooks, webhook('bad', 'object.metadata.name + 1 == x'))))
        .message,
    ).toContain("undeclared reference to 'x'");
    expect((await failure(admin.create(webhooks, webhook('bad', '1 + 1')))).message).toContain(
      'must evaluate to bool',
    );
  });

  test('say which requests a webhook gets', async () => {
    await admin.create(
      webhooks,
      webhook(
        'picky',
        "object.metadata.name == 'asked' && request.operation == 'CREATE' && " +
          "authorizer.group('').resource('pods').check('create').allowed() && " +
          "authorizer.requestResource.check('create').allowed()",
      ),
    );
    expect((await failure(admin.create(configMaps, configMap('asked')))).message).toContain(
      'failed calling webhook "picky.example.com"',
    );
    await admin.create(configMaps, configMap('not-asked'));
    await admin.delete(webhooks, { name: 'picky' });
  });

  test.each([
    ["authorizer.path(' ').check('get').allowed()", 'path must not be empty'],
    ["authorizer.group('').resource('').check('get').allowed()", 'resource must not be empty'],
    [
      "authorizer.serviceAccount('default', '-').path('/').check('get').allowed()",
      'Invalid service account name',
    ],
    [
      "authorizer.serviceAccount('a.b', 'x').path('/').check('get').allowed()",
      'Invalid service account namespace',
    ],
  ])('%s asks nothing', async (expression, why) => {
    await admin.create(webhooks, webhook('wrong', expression));
    expect((await failure(admin.create(configMaps, configMap('refused')))).message).toContain(why);
    await admin.delete(webhooks, { name: 'wrong' });
  });

  test('ask with selectors: a node may list what is pinned to it', async () => {
    const node = dev.api.inProcess({ name: 'system:node:n', groups: ['system:nodes'] });
    const leases = ref('leases', 'Lease', 'coordination.k8s.io');
    const rules = [
      {
        operations: ['CREATE'],
        apiGroups: ['coordination.k8s.io'],
        apiVersions: ['v1'],
        resources: ['leases'],
      },
    ];
    const may = (selector: string): string =>
      `authorizer.group('').resource('pods').fieldSelector('${selector}').check('list').allowed()`;
    await admin.create(
      webhooks,
      webhook('pinned', `${may('spec.nodeName=n')} && !(${may('spec.nodeName=other')})`, { rules }),
    );
    const lease = { metadata: { name: 'n', namespace: 'kube-node-lease' }, spec: {} };
    expect((await failure(node.create(leases, lease))).message).toContain(
      'failed calling webhook "pinned.example.com"',
    );
    await admin.delete(webhooks, { name: 'pinned' });
    await admin.create(webhooks, webhook('pinned', may('spec.nodeName!=n'), { rules }));
    expect((await node.create<KubeObject>(leases, lease)).metadata.name).toBe('n');
    await admin.delete(webhooks, { name: 'pinned' });
  });

  test('have one budget together, of which each may use up some', async () => {
    const numbers = `[${Array.from({ length: 45 }, (_, i) => i).join()}]`;
    const dear = (more: number): object => ({
      name: `c${more}`,
      expression:
        `${numbers}.all(a, ${numbers}.all(b, ${numbers}.all(c, a + b + c >= 0))) && ` +
        `${more} > 0`,
    });
    const conditions = (count: number): object => ({
      matchConditions: [
        ...Array.from({ length: count }, (_, i) => dear(i + 1)),
        { name: 'no', expression: 'false' },
      ],
    });
    await admin.create(webhooks, webhook('dear', '', conditions(2)));
    await admin.create(configMaps, configMap('paid'));
    await admin.delete(webhooks, { name: 'dear' });
    await admin.create(
      webhooks,
      webhook('dear', '', {
        ...conditions(4),
        matchConditions: (conditions(4) as { matchConditions: object[] }).matchConditions.slice(
          0,
          4,
        ),
      }),
    );
    expect((await failure(admin.create(configMaps, configMap('too-dear')))).message).toContain(
      'actual cost limit exceeded',
    );
    await admin.delete(webhooks, { name: 'dear' });
  });

  test('that fail refuse the request, or leave the webhook out', async () => {
    await admin.create(webhooks, webhook('failing', "object.data.missing == 'x'"));
    expect(
      (await failure(admin.create(configMaps, configMap('refused', { a: 'b' })))).message,
    ).toContain('no such key: missing');
    await admin.delete(webhooks, { name: 'failing' });
    await admin.create(
      webhooks,
      webhook('open', "object.data.missing == 'x'", { failurePolicy: 'Ignore' }),
    );
    expect(
      (await admin.create<KubeObject>(configMaps, configMap('taken', { a: 'b' }))).metadata.name,
    ).toBe('taken');
    await admin.delete(webhooks, { name: 'open' });
  });
});
