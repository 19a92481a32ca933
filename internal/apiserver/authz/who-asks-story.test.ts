import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { realDisk } from '../../io/disk.ts';
import {
  admin,
  builtIn,
  client,
  configMap,
  configMaps,
  configuration,
  hook,
  pods,
  start,
  startHook,
  webhook,
  write,
  type Said,
} from './testing/hook.ts';

startHook();

describe('who asks through the API', () => {
  const reviews = '/apis/authorization.k8s.io/v1';
  const about = { verb: 'get', resource: 'secrets', name: 's', namespace: 'default' };

  test('hears what the webhook says', async () => {
    await start(configuration(webhook(), ...builtIn));
    hook.answer = ({ user, resourceAttributes: at }) =>
      at?.resource !== 'secrets'
        ? {}
        : user === 'ann'
          ? { allowed: true, reason: 'yes' }
          : user === 'bob'
            ? { denied: true, reason: 'never' }
            : { raw: 'x' };
    const review = async (user: string, more: object = {}): Promise<unknown> =>
      (
        await admin()(`${reviews}/subjectaccessreviews`, {
          spec: { user, resourceAttributes: { ...about, ...more } },
        })
      ).json['status'];
    expect(
      await review('ann', {
        fieldSelector: { rawSelector: 'a=b' },
        labelSelector: {
          requirements: [
            { key: 'k', operator: 'Exists' },
            { key: 'k', operator: 'Older', values: ['1'] },
            { key: 'l', operator: 'NotIn', values: ['b', 'a'] },
          ],
        },
      }),
    ).toEqual({
      allowed: true,
      reason: 'yes',
      evaluationError: 'spec.resourceAttributes.labelSelector partially ignored due to parse error',
    });
    expect(hook.asked.at(-1)?.spec.resourceAttributes).toEqual({
      ...about,
      version: '*',
      fieldSelector: { requirements: [{ key: 'a', operator: 'In', values: ['b'] }] },
      labelSelector: {
        requirements: [
          { key: 'k', operator: 'Exists' },
          { key: 'l', operator: 'NotIn', values: ['b', 'a'] },
        ],
      },
    });
    expect(await review('bob')).toEqual({ allowed: false, denied: true, reason: 'never' });
    expect(await review('eve')).toEqual({
      allowed: false,
      denied: true,
      evaluationError: expect.stringContaining('is not valid JSON') as string,
    });
    const self = await client('ann')(`${reviews}/selfsubjectaccessreviews`, {
      spec: { resourceAttributes: about },
    });
    expect(self.json['status']).toEqual({ allowed: true, reason: 'yes' });
    const local = await admin()(`${reviews}/namespaces/default/localsubjectaccessreviews`, {
      metadata: { namespace: 'default' },
      spec: { user: 'ann', resourceAttributes: about },
    });
    expect(local.json['status']).toEqual({ allowed: true, reason: 'yes' });
    const rules = await client('ann')(`${reviews}/selfsubjectrulesreviews`, {
      spec: { namespace: 'default' },
    });
    expect(rules.json['status']).toMatchObject({
      incomplete: true,
      evaluationError: 'webhook authorizer does not support user rule resolution',
    });
    expect(
      (rules.json['status'] as { resourceRules: unknown[] }).resourceRules.length,
    ).toBeGreaterThan(0);
  });

  test('is told what is wrong with a question', async () => {
    await start(configuration(...builtIn));
    const wrong = async (
      spec: object,
      kind = 'subjectaccessreviews',
      more: object = {},
    ): Promise<unknown> => (await admin()(`${reviews}/${kind}`, { spec, ...more })).json['message'];
    const of = (resourceAttributes: object): object => ({ user: 'ann', resourceAttributes });
    const prefix = '.authorization.k8s.io "" is invalid: ';
    expect(await wrong({})).toBe(
      `${prefix}[spec.resourceAttributes: Invalid value: null: exactly one of ` +
        'nonResourceAttributes or resourceAttributes must be specified, spec.user: Invalid ' +
        'value: "": at least one of user or group must be specified]',
    );
    expect(
      await wrong(of({ verb: 'get' }), 'subjectaccessreviews', { metadata: { name: 'x' } }),
    ).toBe(`${prefix}metadata: Invalid value: {"name":"x"}: must be empty`);
    expect(await wrong(of({ fieldSelector: {} }))).toBe(
      `${prefix}spec.resourceAttributes.fieldSelector.requirements: Required value: when ` +
        'spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is ' +
        'required',
    );
    expect(
      await wrong(of({ labelSelector: { rawSelector: 'a', requirements: [{ operator: 'In' }] } })),
    ).toMatch(
      /rawSelector: Invalid value: "a": may not specified at the same time as requirements, .*requirements\[0\]\.values: Required value.*requirements\[0\]\.key: Invalid value: "": name part must be non-empty/,
    );
    expect(
      await wrong(of({ fieldSelector: { requirements: [{ operator: 'Exists', values: ['x'] }] } })),
    ).toMatch(
      /requirements\[0\]\.key: Required value: must be specified, .*values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'/,
    );
    expect(
      await wrong(
        { user: 'ann', nonResourceAttributes: { path: '/', verb: 'get' } },
        'namespaces/default/localsubjectaccessreviews',
        { metadata: { namespace: 'default' } },
      ),
    ).toBe(
      `${prefix}spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":"get"}: ` +
        'disallowed on this kind of request',
    );
  });

  test('may give away what the webhook lets him escalate', async () => {
    await start(configuration(webhook(), ...builtIn));
    hook.answer = ({ resourceAttributes: at }) =>
      at?.group === 'rbac.authorization.k8s.io'
        ? { allowed: at.verb !== 'escalate' || at.name !== 'other' }
        : {};
    const role = (name: string): Promise<Said> =>
      client('ann')('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
        metadata: { name },
        rules: [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }],
      });
    expect((await role('mine')).status).toBe(201);
    expect(hook.asked.map(({ spec }) => spec.resourceAttributes?.verb)).toEqual([
      'create',
      'escalate',
    ]);
    hook.answer = ({ resourceAttributes: at }) => ({ allowed: at?.verb === 'create' });
    expect(
      (
        await client('bob')('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
          metadata: { name: 'b' },
          rules: [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }],
        })
      ).json['message'],
    ).toContain('attempting to grant RBAC permissions not currently held');
  });
});

test('expressions that ask the authorizer wait for the webhook', async () => {
  await start(
    configuration(
      webhook({ cacheAuthorizedRequests: false, cacheUnauthorizedRequests: false }),
      ...builtIn,
    ),
  );
  const base = '/apis/admissionregistration.k8s.io/v1';
  const check =
    "authorizer.group('shop').resource('goods').labelSelector('kind=rare').check('buy')";
  const validations = [
    {
      expression:
        `variables.may || authorizer.serviceAccount('default', ` +
        `'clerk').path('/till').check('open').allowed()`,
      messageExpression: `'refused: ' + ${check}.reason()`,
    },
  ];
  const rules = [
    { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
  ];
  expect(
    (
      await admin()(`${base}/validatingadmissionpolicies`, {
        metadata: { name: 'shop' },
        spec: {
          matchConstraints: { resourceRules: rules },
          variables: [{ name: 'may', expression: `${check}.allowed()` }],
          validations,
        },
      })
    ).status,
  ).toBe(201);
  expect(
    (
      await admin()(`${base}/validatingadmissionpolicybindings`, {
        metadata: { name: 'shop' },
        spec: { policyName: 'shop', validationActions: ['Deny'] },
      })
    ).status,
  ).toBe(201);
  hook.answer = ({ user, resourceAttributes: at, nonResourceAttributes: path }) => {
    if (at?.resource === 'configmaps') return { allowed: true };
    if (at?.verb === 'buy')
      return user === 'ann' ? { allowed: true } : { allowed: false, reason: `${user} is poor` };
    return path?.path === '/till'
      ? {
          allowed:
            user === 'system:serviceaccount:default:clerk' &&
            hook.asked.some(({ spec }) => spec.user === 'carl'),
        }
      : {};
  };
  const create = (name: string, user: string): Promise<Said> =>
    client(user)(configMaps, configMap(name));
  expect((await create('a', 'ann')).status).toBe(201);
  const [bob, carl] = [await create('b', 'bob'), await create('c', 'carl')];
  expect([bob.status, bob.json['message']]).toEqual([
    422,
    expect.stringMatching(/refused: bob is poor$/),
  ]);
  expect(carl.status).toBe(201);
  // Each question of a request is asked once, though the message asks it again.
  const ofBob = hook.asked.filter(({ spec }) => spec.user === 'bob');
  expect(ofBob.map(({ spec }) => spec.resourceAttributes?.verb)).toEqual(['create', 'buy']);
  expect(ofBob[1]?.spec.resourceAttributes).toEqual({
    group: 'shop',
    version: '*',
    resource: 'goods',
    verb: 'buy',
    labelSelector: { requirements: [{ key: 'kind', operator: 'In', values: ['rare'] }] },
  });
});

test('so do conditions of admission webhooks, and policies that change what is sent', async () => {
  await start(configuration(webhook(), ...builtIn));
  const base = '/apis/admissionregistration.k8s.io/v1';
  const rules = [
    { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
  ];
  const condition = {
    name: 'c',
    expression:
      "authorizer.group('shop').resource('goods').check('watch').allowed() || " +
      "authorizer.path('/alarm').check('ring').allowed()",
  };
  const hooks = [
    {
      name: 'a.example.com',
      rules,
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      clientConfig: { url: 'https://127.0.0.1:1/' },
      matchConditions: [condition],
    },
  ];
  expect(
    (
      await admin()(`${base}/validatingwebhookconfigurations`, {
        metadata: { name: 'guard' },
        webhooks: hooks,
      })
    ).status,
  ).toBe(201);
  const mutations = [
    {
      patchType: 'JSONPatch',
      jsonPatch: {
        expression:
          "[JSONPatch{op: 'add', path: '/data', value: {'by': " +
          "authorizer.path('/alarm').check('ring').reason()}}]",
      },
    },
  ];
  expect(
    (
      await admin()(`${base}/mutatingadmissionpolicies`, {
        metadata: { name: 'sign' },
        spec: {
          matchConstraints: { resourceRules: rules },
          reinvocationPolicy: 'Never',
          matchConditions: [
            { name: 'c', expression: "!authorizer.path('/alarm').check('ring').allowed()" },
          ],
          mutations,
        },
      })
    ).status,
  ).toBe(201);
  expect(
    (
      await admin()(`${base}/mutatingadmissionpolicybindings`, {
        metadata: { name: 'sign' },
        spec: { policyName: 'sign' },
      })
    ).status,
  ).toBe(201);
  hook.answer = ({ user, resourceAttributes: at, nonResourceAttributes: path }) => ({
    allowed: at?.resource === 'configmaps' || (path?.path === '/alarm' && user === 'bob'),
    reason: `${user} asked`,
  });
  const quiet = await client('ann')(configMaps, configMap('quiet'));
  expect([quiet.status, quiet.json['data']]).toEqual([201, { by: 'ann asked' }]);
  expect((await client('bob')(configMaps, configMap('loud'))).json['message']).toContain(
    'failed calling webhook "a.example.com"',
  );
});

test('the audit tells what the webhook decided', async () => {
  const policyFile = await write(
    'policy.yaml',
    'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: ' +
      '[{level: Metadata}]\n',
  );
  const log = join(hook.dir, 'audit.log');
  await start(configuration(webhook(), ...builtIn), { audit: { policyFile, log: { path: log } } });
  hook.answer = ({ user }) =>
    user === 'ann'
      ? { allowed: true, reason: 'ann may' }
      : user === 'bob'
        ? { denied: true, reason: 'no bobs' }
        : { raw: '' };
  for (const user of ['ann', 'bob', 'eve']) await client(user)(pods);
  const told = async (user: string): Promise<unknown> => {
    const lines = (await realDisk.read('test', log))
      .toString()
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { user: { username?: string }; annotations?: object });
    return lines.find((line) => line.user.username === user)?.annotations;
  };
  await expect.poll(() => told('eve')).toEqual({ 'authorization.k8s.io/reason': 'internal error' });
  expect(await told('ann')).toEqual({
    'authorization.k8s.io/decision': 'allow',
    'authorization.k8s.io/reason': 'ann may',
  });
  expect(await told('bob')).toEqual({
    'authorization.k8s.io/decision': 'forbid',
    'authorization.k8s.io/reason': 'no bobs',
  });
});
