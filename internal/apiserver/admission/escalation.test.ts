import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { at, clusterRoles, ref, said, startWithAdmin, userWith } from '../testing/server.ts';

const rbac = 'rbac.authorization.k8s.io';
let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin());
});
afterAll(() => dev.api.close());

describe('roles', () => {
  test('are checked whatever changes, save what the garbage collector needs', async () => {
    const labeller = await userWith({ dev, admin }, 'labeller', [
      {
        apiGroups: [rbac],
        resources: ['clusterroles', 'clusterrolebindings'],
        verbs: ['get', 'patch', 'update'],
      },
    ]);
    await admin.create(clusterRoles, {
      metadata: { name: 'mighty' },
      rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
    });
    const patch = (metadata: object): Promise<string> =>
      said(labeller.patch(clusterRoles, { name: 'mighty' }, { type: 'merge', body: { metadata } }));
    expect(await patch({ labels: { [`${rbac}/aggregate-to-edit`]: 'true' } })).toContain(
      'is attempting to grant RBAC permissions not currently held',
    );
    expect(await patch({ finalizers: ['example.com/x'] })).toBe('done');
    await admin.create(clusterRoles, {
      metadata: { name: 'gathers' },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
    });
    expect(
      await said(
        labeller.patch(
          clusterRoles,
          { name: 'gathers' },
          { type: 'merge', body: { aggregationRule: null } },
        ),
      ),
    ).toBe(
      `403 clusterroles.${rbac} "gathers" is forbidden: must have cluster-admin privileges ` +
        'to use the aggregationRule',
    );
  });

  test('a right to update or patch makes nothing', async () => {
    const patcher = await userWith({ dev, admin }, 'patcher', [
      {
        apiGroups: ['', 'coordination.k8s.io'],
        resources: ['configmaps', 'leases'],
        verbs: ['get', 'patch', 'update'],
      },
    ]);
    const configMaps = ref('configmaps', 'ConfigMap');
    expect(
      await said(
        patcher.patch(
          configMaps,
          at('made'),
          { type: 'apply', body: { apiVersion: 'v1', kind: 'ConfigMap' } },
          { fieldManager: 'm' },
        ),
      ),
    ).toMatch(/^403 configmaps "made" is forbidden: User "patcher" cannot create resource/);
    expect(
      await said(
        patcher.update(ref('leases', 'Lease', 'coordination.k8s.io'), {
          metadata: { name: 'made', namespace: 'default' },
          spec: {},
        }),
      ),
    ).toMatch(/^403 leases.coordination.k8s.io "made" is forbidden/);
    await admin.create(configMaps, { metadata: { name: 'there', namespace: 'default' } });
    expect(
      await said(
        patcher.patch(
          configMaps,
          at('there'),
          { type: 'apply', body: { apiVersion: 'v1', kind: 'ConfigMap' } },
          { fieldManager: 'm' },
        ),
      ),
    ).toBe('done');
  });
});

describe('who makes roles', () => {
  const secrets = { apiGroups: [''], resources: ['secrets'], verbs: ['get'] };
  const nothing = { apiGroups: [''], resources: ['secrets'], verbs: [] };
  const roles = ref('roles', 'Role', rbac);
  const roleBindings = ref('rolebindings', 'RoleBinding', rbac);
  let ann: InProcessClient;
  beforeAll(async () => {
    ann = await userWith({ dev, admin }, 'rbac-ann', [
      { apiGroups: [rbac], resources: ['*'], verbs: ['get', 'create', 'update'] },
    ]);
  });

  test('hears that he may not before what is wrong with it, as from kube-apiserver', async () => {
    for (const [kind, metadata] of [
      [roles, { name: 'e', namespace: 'default' }],
      [clusterRoles, { name: 'e' }],
    ] as const) {
      expect(await said(ann.create(kind, { metadata, rules: [secrets, nothing] }))).toMatch(
        /^403 .*attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}$/s,
      );
      expect(await said(ann.create(kind, { metadata, rules: [nothing] }))).toMatch(
        /^422 .*rules\[0\].verbs: Required value/,
      );
      expect(await said(ann.create(kind, { metadata, rules: null } as object))).toBe('done');
    }
  });

  test('and so with bindings', async () => {
    const binding = (roleRef: object, subjects?: object[]): object => ({
      metadata: { name: 'b', namespace: 'default' },
      roleRef,
      subjects,
    });
    const apiGroup = rbac;
    expect(
      await said(
        ann.create(
          roleBindings,
          binding({ apiGroup, kind: 'ClusterRole', name: 'cluster-admin' }, [
            { kind: 'User', name: '' },
          ]),
        ),
      ),
    ).toMatch(/^403 /);
    expect(
      await said(
        ann.create(roleBindings, binding({ apiGroup, kind: 'ClusterRole', name: 'nope' })),
      ),
    ).toBe('404 rolebindings.rbac.authorization.k8s.io "nope" not found');
    expect(await said(ann.create(roleBindings, binding({ kind: 'X', name: 'y' })))).toBe(
      '500 unsupported role reference kind: "X"',
    );
    expect(
      await said(ann.create(roleBindings, { metadata: { name: 'b', namespace: 'default' } })),
    ).toBe('500 unsupported role reference kind: ""');
  });
});

test('a role that nobody named is not named', async () => {
  const maker = await userWith({ dev, admin }, 'maker', [
    { apiGroups: [rbac], resources: ['clusterroles'], verbs: ['create'] },
  ]);
  const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }];
  expect(
    await said(maker.create(clusterRoles, { metadata: { generateName: 'g-' }, rules })),
  ).toMatch(/^403 clusterroles\.rbac\.authorization\.k8s\.io is forbidden: user "maker"/);
  expect(await said(maker.create(clusterRoles, { metadata: { name: 'mine' }, rules }))).toMatch(
    /^403 clusterroles\.rbac\.authorization\.k8s\.io "mine" is forbidden: user "maker"/,
  );
});
