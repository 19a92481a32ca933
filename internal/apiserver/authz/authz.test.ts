import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import { realClock } from '../../io/clock.ts';
import { silentLog } from '../../io/log.ts';
import { memoryStore } from '../memory-store.fake.ts';
import type { AccessRequest, PolicyRule } from './authorizer.ts';
import { denialText, ruleAllows } from './authorizer.ts';
import { compact, ruleText, uncovered } from './escalation.ts';
import { RbacAuthorizer } from './rbac.ts';

const user = { name: 'ann', groups: ['dev', 'system:authenticated'] };
const ask = (over: Partial<AccessRequest>): AccessRequest => ({
  user,
  verb: 'get',
  group: '',
  resource: 'pods',
  subresource: '',
  namespace: 'a',
  name: 'p',
  ...over,
});
const rule = (over: Partial<PolicyRule>): PolicyRule => ({
  verbs: ['get'],
  apiGroups: [''],
  resources: ['pods'],
  ...over,
});

describe('rules', () => {
  test.each([
    ['exact', rule({}), {}, true],
    ['other verb', rule({}), { verb: 'list' }, false],
    ['any verb', rule({ verbs: ['*'] }), { verb: 'list' }, true],
    ['other group', rule({}), { group: 'apps' }, false],
    ['a subresource is not its resource', rule({}), { subresource: 'log' }, false],
    ['subresource', rule({ resources: ['pods/log'] }), { subresource: 'log' }, true],
    [
      'any resource with a subresource',
      rule({ resources: ['*/scale'] }),
      { resource: 'deployments', subresource: 'scale' },
      true,
    ],
    ['star covers subresources', rule({ resources: ['*'] }), { subresource: 'log' }, true],
    ['named', rule({ resourceNames: ['p'] }), {}, true],
    ['other name', rule({ resourceNames: ['q'] }), {}, false],
  ] as const)('%s', (_name, one, over, allowed) =>
    expect(ruleAllows(one as PolicyRule, ask(over))).toBe(allowed),
  );

  test('paths end in a star', () => {
    const paths: PolicyRule = { verbs: ['get'], nonResourceURLs: ['/healthz/*', '/version'] };
    const path = (text: string): boolean => ruleAllows(paths, { user, verb: 'get', path: text });
    expect([path('/healthz/etcd'), path('/version'), path('/healthz'), path('/metrics')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test('a refusal says who, what and where', () => {
    expect(denialText(ask({ verb: 'list', name: '' }))).toBe(
      'User "ann" cannot list resource "pods" in API group "" in the namespace "a"',
    );
    expect(denialText({ user, verb: 'get', path: '/metrics' })).toBe(
      'User "ann" cannot get path "/metrics"',
    );
    expect(denialText(ask({ resource: 'nodes', namespace: '', subresource: 'proxy' }))).toBe(
      'User "ann" cannot get resource "nodes/proxy" in API group "" at the cluster scope',
    );
  });
});

describe('escalation', () => {
  test('what the owner lacks is told', () => {
    const owner = [rule({ verbs: ['get', 'list'] })];
    expect(uncovered(owner, [rule({})])).toEqual([]);
    const missing = uncovered(owner, [
      rule({ verbs: ['get', 'delete', 'patch'], resources: ['pods'] }),
    ]);
    expect(compact(missing).map(ruleText)).toEqual([
      '{APIGroups:[""], Resources:["pods"], Verbs:["delete" "patch"]}',
    ]);
  });

  test('a right to some names is no right to all', () => {
    expect(uncovered([rule({ resourceNames: ['p'] })], [rule({})])).toHaveLength(1);
    expect(uncovered([rule({})], [rule({ resourceNames: ['p'] })])).toHaveLength(0);
  });
});

describe('a role that multiplies', () => {
  const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `x${i}`);
  test('is refused after some looks, and granted in one by who holds all of it', () => {
    const huge = rule({
      verbs: many(1000),
      apiGroups: many(1000),
      resources: many(1000),
      resourceNames: many(1000),
    });
    const began = process.cpuUsage();
    expect(uncovered([rule({})], [huge]).length).toBeGreaterThan(0);
    // Whoever holds a part of it only is refused too, however much that is.
    expect(
      uncovered([{ verbs: ['x0', 'x1'], apiGroups: ['*'], resources: ['*'] }], [huge]).length,
    ).toBeGreaterThan(0);
    expect(uncovered([{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }], [huge])).toEqual([]);
    const { user: spent } = process.cpuUsage(began);
    expect(spent / 1e6).toBeLessThan(2);
  });

  test('parts of several rules add up', () => {
    const owner = [rule({ verbs: ['get'] }), rule({ verbs: ['list'] })];
    expect(uncovered(owner, [rule({ verbs: ['get', 'list'] })])).toEqual([]);
    expect(uncovered(owner, [rule({ verbs: ['get', 'list', 'watch'] })])).toEqual([
      rule({ verbs: ['watch'] }),
    ]);
  });

  test('what is not valid yet grants nothing', () => {
    expect(
      uncovered(
        [],
        [
          rule({ verbs: [] }),
          rule({ apiGroups: [] }),
          rule({ resources: undefined as never }),
          { verbs: undefined as never, nonResourceURLs: ['/x'] },
        ],
      ),
    ).toEqual([]);
  });
});

describe('RbacAuthorizer', () => {
  const put = async (
    store: ReturnType<typeof memoryStore>,
    key: string,
    object: object,
  ): Promise<void> => {
    await store.put({
      key: `/registry/${key}`,
      value: Buffer.from(JSON.stringify(object as KubeObject)),
    });
  };

  test('a binding counts from the moment it is written until it is deleted', async () => {
    const store = memoryStore();
    const rbac = new RbacAuthorizer({ store, clock: realClock, log: silentLog });
    await rbac.start();
    expect(rbac.authorize(ask({})).allowed).toBe(false);
    await put(store, 'roles/a/reader', {
      metadata: { name: 'reader', namespace: 'a' },
      rules: [rule({})],
    });
    await put(store, 'rolebindings/a/dev', {
      metadata: { name: 'dev', namespace: 'a' },
      subjects: [{ kind: 'Group', name: 'dev' }],
      roleRef: { kind: 'Role', name: 'reader' },
    });
    expect(rbac.authorize(ask({}))).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "dev/a" of Role "reader" to Group "dev"',
    });
    expect(rbac.authorize(ask({ namespace: 'b' })).allowed).toBe(false);
    await store.deleteRange({ key: '/registry/rolebindings/a/dev' });
    expect(rbac.authorize(ask({})).allowed).toBe(false);
    rbac.stop();
  });

  test('service accounts are named by namespace and name', async () => {
    const store = memoryStore();
    await put(store, 'clusterroles/r', { metadata: { name: 'r' }, rules: [rule({})] });
    await put(store, 'clusterrolebindings/b', {
      metadata: { name: 'b' },
      subjects: [{ kind: 'ServiceAccount', namespace: 'x', name: 'bot' }],
      roleRef: { kind: 'ClusterRole', name: 'r' },
    });
    const rbac = new RbacAuthorizer({ store, clock: realClock, log: silentLog });
    await rbac.start();
    expect(
      rbac.authorize(ask({ user: { name: 'system:serviceaccount:x:bot', groups: [] } })).allowed,
    ).toBe(true);
    expect(
      rbac.authorize(ask({ user: { name: 'system:serviceaccount:y:bot', groups: [] } })).allowed,
    ).toBe(false);
    rbac.stop();
  });
});
