import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  admin,
  builtIn,
  client,
  configuration,
  configured,
  dev,
  hook,
  pods,
  start,
  startHook,
  startWith,
  webhook,
} from './testing/hook.ts';

startHook();

describe('a webhook before RBAC', () => {
  test(
    'allows what RBAC does not, and refuses what RBAC allows; system:masters are not its ' +
      'business',
    async () => {
      await start(configuration(webhook(), ...builtIn));
      const count = hook.asked.length;
      expect((await admin()(pods)).status).toBe(200);
      expect(hook.asked.length).toBe(count);
      hook.answer = ({ user }) =>
        user === 'ann'
          ? { allowed: true, reason: 'ann may' }
          : { allowed: false, denied: true, reason: 'no bobs' };
      expect(
        (
          await client(
            'ann',
            'dev',
          )(
            `${pods}?labelSelector=app%20in%20(a,b),!old&fieldSelector=spec.nodeName=n,status.` +
              'phase!=Failed',
          )
        ).status,
      ).toBe(200);
      const [first] = hook.asked;
      expect(first).toEqual({
        path: '/authorize?timeout=3s',
        authorization: 'Bearer knock',
        kind: 'SubjectAccessReview',
        apiVersion: 'authorization.k8s.io/v1',
        metadata: {},
        status: { allowed: false },
        spec: {
          user: 'ann',
          groups: ['dev', 'system:authenticated'],
          extra: expect.anything() as object,
          resourceAttributes: {
            namespace: 'default',
            verb: 'list',
            version: 'v1',
            resource: 'pods',
            labelSelector: {
              requirements: [
                { key: 'app', operator: 'In', values: ['a', 'b'] },
                { key: 'old', operator: 'DoesNotExist' },
              ],
            },
            fieldSelector: {
              requirements: [
                { key: 'spec.nodeName', operator: 'In', values: ['n'] },
                { key: 'status.phase', operator: 'NotIn', values: ['Failed'] },
              ],
            },
          },
        },
      });
      const bob = await client('bob')('/version');
      expect([bob.status, bob.json['message']]).toEqual([
        403,
        'forbidden: User "bob" cannot get path "/version": no bobs',
      ]);
    },
  );

  test('without an opinion leaves it to RBAC; an answer is remembered', async () => {
    await start(configuration(webhook(), ...builtIn));
    const ann = client('ann');
    expect([
      (await ann('/version')).status,
      (await ann('/version')).status,
      (await ann(pods)).status,
    ]).toEqual([200, 200, 403]);
    expect(
      hook.asked.map(
        ({ spec }) => spec.nonResourceAttributes?.path ?? spec.resourceAttributes?.resource,
      ),
    ).toEqual(['/version', 'pods']);
  });

  test('is asked each time when nothing is to be remembered', async () => {
    await start(
      configuration(
        webhook({ cacheAuthorizedRequests: false, cacheUnauthorizedRequests: false }),
        ...builtIn,
      ),
    );
    const ann = client('ann');
    await ann('/version');
    await ann('/version');
    expect(hook.asked.length).toBe(2);
  });

  test('a short time-to-live ends', async () => {
    await start(configuration(webhook({ authorizedTTL: '50ms' })));
    hook.answer = () => ({ allowed: true });
    const ann = client('ann');
    await ann(pods);
    await expect
      .poll(async () => [(await ann(pods)).status, hook.asked.length > 1], { interval: 60 })
      .toEqual([200, true]);
  });

  test('that is not understood, or late, refuses or is passed over by its policy', async () => {
    await start(configuration(webhook({ timeout: '200ms' }), ...builtIn));
    hook.answer = () => ({ raw: '{"kind":"Pod","apiVersion":"v1"}' });
    const strict = await client('ann')('/version');
    expect([strict.status, strict.text]).toEqual([
      500,
      expect.stringMatching(
        /^Internal Server Error: "\/version": Post "https:\/\/127\.0\.0\.1:\d+\/authorize\?timeout=0\.2s": the answer is a "Pod" of "v1".*\n$/,
      ),
    ]);
    hook.answer = () => 'nothing';
    expect((await client('bob')('/version?<a>')).text).toMatch(
      /^Internal Server Error: "\/version\?&lt;a&gt;": .*context deadline exceeded\n$/,
    );
    await dev.api.close();
    await start(
      configuration(webhook({ timeout: '200ms', failurePolicy: 'NoOpinion' }), ...builtIn),
    );
    expect((await client('ann')('/version')).status).toBe(200);
    // Nobody allowed it and one could not be asked: that is no clear "no".
    expect((await client('ann')(pods)).status).toBe(500);
    const metrics = (await admin()('/metrics')).text;
    expect(metrics).toContain(
      'apiserver_authorization_webhook_evaluations_total{name="hook",result="timeout"} 2',
    );
    expect(metrics).toContain(
      'apiserver_authorization_webhook_evaluations_fail_open_total{name="hook",result="timeout"} 2',
    );
    expect(metrics).toMatch(
      /apiserver_authorization_decisions_total\{type="RBAC",name="rbac",decision="allowed"\} \d/,
    );
  });

  test('is asked again after a 500', async () => {
    await start(configuration(webhook(), ...builtIn));
    hook.answer = () =>
      hook.asked.length === 1 ? { raw: 'oops', status: 500 } : { allowed: true };
    expect((await client('ann')(pods)).status).toBe(200);
    expect(hook.asked.length).toBe(2);
  });

  test('is told of impersonation, and of who is impersonated', async () => {
    await start(configuration(webhook(), ...builtIn));
    hook.answer = ({ user, resourceAttributes: at }) =>
      (user === 'ann' && at?.verb === 'impersonate' && at.name === 'bob') || user === 'bob'
        ? { allowed: true }
        : { denied: true, reason: 'only bob' };
    expect((await client('ann')(pods, undefined, { 'impersonate-user': 'bob' })).status).toBe(200);
    expect(
      (await client('ann')(pods, undefined, { 'impersonate-user': 'eve' })).json['message'],
    ).toBe(
      'users "eve" is forbidden: User "ann" cannot impersonate resource "users" in API group ' +
        '"" at the cluster scope: only bob',
    );
  });

  test('does not judge the parts of the server itself', async () => {
    await start(configuration(webhook(), ...builtIn));
    hook.answer = () => ({ denied: true });
    const controller = dev.api.inProcess({
      name: 'system:serviceaccount:kube-system:namespace-controller',
      groups: ['system:serviceaccounts'],
    });
    const namespaces = {
      group: '',
      version: 'v1',
      resource: 'namespaces',
      kind: 'Namespace',
      namespaced: false,
    };
    expect((await controller.list(namespaces)).items.length).toBeGreaterThan(0);
    await expect(
      controller.create(
        { ...namespaces, resource: 'configmaps', kind: 'ConfigMap', namespaced: true },
        { metadata: { name: 'x', namespace: 'default' } },
      ),
    ).rejects.toThrow('cannot create');
    expect(hook.asked).toEqual([]);
  });
});

describe('conditions', () => {
  test('say what a webhook is asked', async () => {
    await start(
      configuration(
        webhook({
          matchConditionSubjectAccessReviewVersion: 'v1',
          matchConditions: [
            {
              expression:
                'has(request.resourceAttributes) && request.resourceAttributes.namespace == ' +
                "'default'",
            },
            { expression: "!('quiet' in request.groups)" },
          ],
        }),
        ...builtIn,
      ),
    );
    hook.answer = () => ({ allowed: true });
    expect([
      (await client('ann')(pods)).status,
      (await client('ann', 'quiet')(pods)).status,
      (await client('ann')('/api/v1/nodes')).status,
    ]).toEqual([200, 403, 403]);
    expect(hook.asked.map(({ spec }) => spec.resourceAttributes?.resource)).toEqual(['pods']);
    expect((await admin()('/metrics')).text).toMatch(
      /apiserver_authorization_match_condition_exclusions_total\{type="Webhook",name="hook"\} [2-9]/,
    );
  });

  test('that fail refuse, or leave the webhook out', async () => {
    const conditions = {
      matchConditionSubjectAccessReviewVersion: 'v1',
      matchConditions: [{ expression: "request.resourceAttributes.namespace == 'default'" }],
    };
    await start(configuration(webhook(conditions), ...builtIn));
    expect((await client('ann')('/version')).text).toContain(
      "cel evaluation error: expression 'request.resourceAttributes.namespace == 'default'' " +
        'resulted in error: no such key: resourceAttributes',
    );
    await configured(
      configuration(webhook({ ...conditions, failurePolicy: 'NoOpinion' }), ...builtIn),
    );
    await expect.poll(async () => (await client('ann')('/version')).status).toBe(200);
    expect(hook.asked).toEqual([]);
  });
});

test('the older flags: the mode Webhook, in its place', async () => {
  await startWith({
    more: {
      authorization: {
        modes: ['RBAC', 'Webhook'],
        webhook: { configFile: join(hook.dir, 'hook.kubeconfig'), unauthorizedTtlMs: 0 },
      },
    },
  });
  hook.answer = ({ user }) =>
    user === 'ann' ? { allowed: true } : { allowed: false, reason: 'not you' };
  expect((await client('ann', 'dev')('/version')).status).toBe(200);
  expect(hook.asked).toEqual([]);
  expect((await client('ann', 'dev')(pods)).status).toBe(200);
  expect(hook.asked[0]).toMatchObject({
    apiVersion: 'authorization.k8s.io/v1beta1',
    path: '/authorize?timeout=30s',
    spec: { user: 'ann', group: ['dev', 'system:authenticated'] },
  });
  expect(hook.asked[0]?.spec.groups).toBeUndefined();
  for (const _ of [1, 2]) expect((await client('bob')(pods)).json['message']).toMatch(/: not you$/);
  expect(hook.asked.length).toBe(3);
});
