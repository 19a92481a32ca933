import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject, ResourceRef } from '../../api/object.ts';
import type { ApiError } from '../../api/status.ts';
import { startDevServer, type DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';

const ref = (resource: string, kind: string, group = '', namespaced = true): ResourceRef => ({ group, version: 'v1', resource, kind, namespaced });
const rbac = 'rbac.authorization.k8s.io';
const pods = ref('pods', 'Pod');
const nodes = ref('nodes', 'Node', '', false);
const namespaces = ref('namespaces', 'Namespace', '', false);
const clusterRoles = ref('clusterroles', 'ClusterRole', rbac, false);
const bindings = ref('clusterrolebindings', 'ClusterRoleBinding', rbac, false);

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  dev = await startDevServer();
  admin = dev.api.inProcess({ name: 'admin', groups: ['system:masters'] });
  await admin.create(ref('serviceaccounts', 'ServiceAccount'), { metadata: { name: 'default', namespace: 'default' } });
});
afterAll(() => dev.api.close());

const said = (effect: Promise<unknown>): Promise<string> => effect.then(() => 'done', (error: ApiError) => `${error.httpStatus} ${error.message}`);
const at = (name: string, subresource?: string) => ({ namespace: 'default', name, subresource });

/** A user with a role of his own. */
async function user(name: string, rules: object[]): Promise<InProcessClient> {
  await admin.create(clusterRoles, { metadata: { name }, rules });
  await admin.create(bindings, { metadata: { name }, roleRef: { apiGroup: rbac, kind: 'ClusterRole', name }, subjects: [{ kind: 'User', apiGroup: rbac, name }] });
  return dev.api.inProcess({ name, groups: [] });
}

describe('nodes', () => {
  const key = 'zone.node-restriction.kubernetes.io/x';
  let n1: InProcessClient;
  let node: KubeObject;
  beforeAll(async () => {
    n1 = dev.api.inProcess({ name: 'system:node:n1', groups: ['system:nodes'] });
    node = await admin.create(nodes, { metadata: { name: 'n1', labels: { [key]: 'kept' } } });
    await admin.create(nodes, { metadata: { name: 'n2' } });
    await admin.create(pods, { metadata: { name: 'here', namespace: 'default', labels: { a: 'b' } }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'x' }] } });
  });
  const patchNode = (body: object, name = 'n1', subresource?: string): Promise<string> => said(n1.patch(nodes, { name, subresource }, { type: 'merge', body }));

  test.each<[string, object, string]>([
    ['a label that steers pods is removed', { metadata: { labels: { [key]: null } } }, `403 nodes "n1" is forbidden: is not allowed to modify labels: ${key}`],
    ['an owner is set', { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'x', uid: 'x' }] } }, '403 nodes "n1" is forbidden: node "n1" is not allowed to modify ownerReferences'],
    ['taints are set', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }, '403 nodes "n1" is forbidden: node "n1" is not allowed to modify taints'],
    ['an own label', { metadata: { labels: { 'topology.kubernetes.io/zone': 'z', mine: 'yes' } } }, 'done'],
  ])('%s', async (_name, body, answer) => {
    expect(await patchNode(body)).toBe(answer);
    if (answer !== 'done') expect(await patchNode(body, 'n1', 'status')).toBe(answer);
  });

  test('another node', async () => expect(await patchNode({ metadata: { labels: { a: 'b' } } }, 'n2')).toBe('403 nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"'));

  test('its own Node alone, as a list and as a watch', async () => {
    expect((await n1.list<KubeObject>(nodes, { fieldSelector: 'metadata.name=n1' })).items.map((one) => one.metadata.name)).toEqual(['n1']);
    expect(await said(n1.list(nodes))).toContain("node 'n1' cannot read all nodes, only its own Node object");
    const seen: string[] = [];
    const synced = new Promise<void>((resolve, reject) => {
      n1.watch<KubeObject>(nodes, { fieldSelector: 'metadata.name=n1', sendInitialEvents: true }, { onEvent: (_type, object) => seen.push(object.metadata.name ?? ''), onSynced: () => resolve(), onEnd: (error) => reject(error ?? new Error('it ended')) });
    });
    await synced;
    expect(seen).toEqual(['n1']);
  });

  test('status of a pod, and nothing but that', async () => {
    const patch = (body: object): Promise<string> => said(n1.patch(pods, at('here', 'status'), { type: 'merge', body }));
    expect(await patch({ status: { message: 'x' } })).toBe('done');
    expect(await patch({ metadata: { labels: { a: 'c' } } })).toBe('403 pods "here" is forbidden: node "n1" cannot update labels through pod status');
    expect(await said(n1.patch(pods, at('here'), { type: 'merge', body: {} }))).toMatch(/^403 /);
  });

  test('mirror pods that name nothing', async () => {
    const mirror = (name: string, spec: object): object => ({
      metadata: { name, namespace: 'default', annotations: { 'kubernetes.io/config.mirror': 'x' }, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n1', uid: node.metadata.uid, controller: true }] },
      spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'x' }], ...spec },
    });
    const volume = (source: object): object => ({ volumes: [{ name: 'v', ...source }] });
    const refusals = await Promise.all([volume({ csi: { driver: 'd' } }), volume({ ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1' } } } } } }), volume({ projected: { sources: [{ clusterTrustBundle: { name: 'b', path: 'p' } }] } })].map((spec, i) => said(n1.create(pods, mirror(`m${i}`, spec)))));
    expect(refusals).toEqual(['csidrivers (via CSI volumes)', 'persistentvolumeclaims (via ephemeral volumes)', 'clustertrustbundles'].map((what, i) => `403 pods "m${i}" is forbidden: node "n1" can not create pods that reference ${what}`));
    expect(await said(n1.create(pods, mirror('good', { volumes: [{ name: 'v', emptyDir: {} }, { name: 'h', hostPath: { path: '/x' } }] })))).toBe('done');
  });

  test('tokens for its pods, for whom the pod has one', async () => {
    const account = ref('serviceaccounts', 'ServiceAccount');
    await admin.create(pods, { metadata: { name: 'speaks', namespace: 'default' }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'x' }], volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken: { path: 'v', audience: 'vault' } }] } }] } });
    const { metadata } = await admin.get(pods, at('speaks'));
    const ask = (audiences: string[]): Promise<string> => said(n1.create(account, { spec: { audiences, boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'speaks', uid: metadata.uid } } }, { namespace: 'default', name: 'default', subresource: 'token' }));
    expect([await ask(['vault']), await ask([])]).toEqual(['done', 'done']);
    expect(await ask(['bank'])).toContain('audience "bank" not found in pod spec volume, system:node:n1 is not authorized');
    expect(await ask(['vault', 'bank'])).toContain('node may only request 0 or 1 audiences');
  });
});

describe('roles', () => {
  test('are checked whatever changes, save what the garbage collector needs', async () => {
    const labeller = await user('labeller', [{ apiGroups: [rbac], resources: ['clusterroles', 'clusterrolebindings'], verbs: ['get', 'patch', 'update'] }]);
    await admin.create(clusterRoles, { metadata: { name: 'mighty' }, rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] });
    const patch = (metadata: object): Promise<string> => said(labeller.patch(clusterRoles, { name: 'mighty' }, { type: 'merge', body: { metadata } }));
    expect(await patch({ labels: { [`${rbac}/aggregate-to-edit`]: 'true' } })).toContain('is attempting to grant RBAC permissions not currently held');
    expect(await patch({ finalizers: ['example.com/x'] })).toBe('done');
    await admin.create(clusterRoles, { metadata: { name: 'gathers' }, aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } });
    expect(await said(labeller.patch(clusterRoles, { name: 'gathers' }, { type: 'merge', body: { aggregationRule: null } }))).toBe(`403 clusterroles.${rbac} "gathers" is forbidden: must have cluster-admin privileges to use the aggregationRule`);
  });

  test('a right to update or patch makes nothing', async () => {
    const patcher = await user('patcher', [{ apiGroups: ['', 'coordination.k8s.io'], resources: ['configmaps', 'leases'], verbs: ['get', 'patch', 'update'] }]);
    const configMaps = ref('configmaps', 'ConfigMap');
    expect(await said(patcher.patch(configMaps, at('made'), { type: 'apply', body: { apiVersion: 'v1', kind: 'ConfigMap' } }, { fieldManager: 'm' }))).toMatch(/^403 configmaps "made" is forbidden: User "patcher" cannot create resource/);
    expect(await said(patcher.update(ref('leases', 'Lease', 'coordination.k8s.io'), { metadata: { name: 'made', namespace: 'default' }, spec: {} }))).toMatch(/^403 leases.coordination.k8s.io "made" is forbidden/);
    await admin.create(configMaps, { metadata: { name: 'there', namespace: 'default' } });
    expect(await said(patcher.patch(configMaps, at('there'), { type: 'apply', body: { apiVersion: 'v1', kind: 'ConfigMap' } }, { fieldManager: 'm' }))).toBe('done');
  });
});

describe('Pod Security', () => {
  const standard = (mode: string): string => `pod-security.kubernetes.io/${mode}`;

  test('labels that mean nothing are refused, unless they are old', async () => {
    const wrong = { [standard('enforce')]: 'Restricted', [standard('warn-version')]: 'v2' };
    expect(await said(admin.create(namespaces, { metadata: { name: 'typo', labels: wrong } }))).toBe(
      `422 Namespace "typo" is invalid: [metadata.labels[${standard('enforce')}]: Invalid value: "Restricted": must be one of privileged, baseline, restricted, metadata.labels[${standard('warn-version')}]: Invalid value: "v2": must be "latest" or "v1.x"]`,
    );
  });

  test('a version of the standard has the checks of its time', async () => {
    const container = { name: 'c', image: 'x', securityContext: { allowPrivilegeEscalation: false, runAsNonRoot: true } };
    const answers: string[] = [];
    for (const version of ['v1.18', 'v1.19', 'v1.22', 'latest']) {
      const name = version.replace('.', '-');
      await admin.create(namespaces, { metadata: { name, labels: { [standard('enforce')]: 'restricted', [standard('enforce-version')]: version } } });
      await admin.create(ref('serviceaccounts', 'ServiceAccount'), { metadata: { name: 'default', namespace: name } });
      answers.push(await said(admin.create(pods, { metadata: { name: 'p', namespace: name }, spec: { containers: [container] } })));
    }
    const seccomp = 'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")';
    const capabilities = 'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"])';
    const refused = (version: string, what: string): string => `403 pods "p" is forbidden: violates PodSecurity "restricted:${version}": ${what}`;
    expect(answers).toEqual(['done', refused('v1.19', seccomp), refused('v1.22', `${capabilities}, ${seccomp}`), refused('latest', `${capabilities}, ${seccomp}`)]);
  });
});
