import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fieldsOf, type KubeObject, type ResourceRef } from '../../api/object.ts';
import type { ApiError } from '../../api/status.ts';
import { sequence } from '../../pki/der.ts';
import {
  attribute,
  handMadeRequest,
  relative,
  simpleName,
  types,
} from '../../pki/testing/hand-made.ts';
import { keyOf } from '../../store/store.ts';
import { startDevServer, type DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';

const ref = (resource: string, kind: string, group = '', namespaced = true): ResourceRef => ({
  group,
  version: 'v1',
  resource,
  kind,
  namespaced,
});
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
  await admin.create(ref('serviceaccounts', 'ServiceAccount'), {
    metadata: { name: 'default', namespace: 'default' },
  });
});
afterAll(() => dev.api.close());

const said = (effect: Promise<unknown>): Promise<string> =>
  effect.then(
    () => 'done',
    (error: ApiError) => `${error.httpStatus} ${error.message}`,
  );
const at = (name: string, subresource?: string) => ({ namespace: 'default', name, subresource });

/** A user with a role of his own. */
async function user(name: string, rules: object[]): Promise<InProcessClient> {
  await admin.create(clusterRoles, { metadata: { name }, rules });
  await admin.create(bindings, {
    metadata: { name },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name },
    subjects: [{ kind: 'User', apiGroup: rbac, name }],
  });
  return dev.api.inProcess({ name, groups: [] });
}

/** Labels a namespace and returns the warnings of the answer. */
function label(server: DevServer, name: string, labels: object): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: 'Bearer oracle',
      'content-type': 'application/merge-patch+json',
    };
    const out = request(
      `${server.url}/api/v1/namespaces/${name}`,
      { method: 'PATCH', ca: server.ca.cert, agent: false, headers },
      (answer) => {
        const lines = answer.rawHeaders.filter(
          (_, i) => i % 2 === 1 && answer.rawHeaders[i - 1]?.toLowerCase() === 'warning',
        );
        answer
          .resume()
          .on('end', () =>
            resolve(lines.map((line) => JSON.parse(line.replace(/^299 - /, '')) as string)),
          );
      },
    );
    out.on('error', reject);
    out.end(JSON.stringify({ metadata: { labels } }));
  });
}

describe('nodes', () => {
  const key = 'zone.node-restriction.kubernetes.io/x';
  let n1: InProcessClient;
  let node: KubeObject;
  beforeAll(async () => {
    n1 = dev.api.inProcess({ name: 'system:node:n1', groups: ['system:nodes'] });
    node = await admin.create(nodes, { metadata: { name: 'n1', labels: { [key]: 'kept' } } });
    await admin.create(nodes, { metadata: { name: 'n2' } });
    await admin.create(pods, {
      metadata: { name: 'here', namespace: 'default', labels: { a: 'b' } },
      spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'x' }] },
    });
  });
  const patchNode = (body: object, name = 'n1', subresource?: string): Promise<string> =>
    said(n1.patch(nodes, { name, subresource }, { type: 'merge', body }));

  test.each<[string, object, string]>([
    [
      'a label that steers pods is removed',
      { metadata: { labels: { [key]: null } } },
      `403 nodes "n1" is forbidden: is not allowed to modify labels: ${key}`,
    ],
    [
      'an owner is set',
      { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'x', uid: 'x' }] } },
      '403 nodes "n1" is forbidden: node "n1" is not allowed to modify ownerReferences',
    ],
    [
      'taints are set',
      { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } },
      '403 nodes "n1" is forbidden: node "n1" is not allowed to modify taints',
    ],
    [
      'an own label',
      { metadata: { labels: { 'topology.kubernetes.io/zone': 'z', mine: 'yes' } } },
      'done',
    ],
  ])('%s', async (_name, body, answer) => {
    expect(await patchNode(body)).toBe(answer);
    if (answer !== 'done') expect(await patchNode(body, 'n1', 'status')).toBe(answer);
  });

  test('another node', async () =>
    expect(await patchNode({ metadata: { labels: { a: 'b' } } }, 'n2')).toBe(
      '403 nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"',
    ));

  test('its own Node alone, as a list and as a watch', async () => {
    expect(
      (await n1.list<KubeObject>(nodes, { fieldSelector: 'metadata.name=n1' })).items.map(
        (one) => one.metadata.name,
      ),
    ).toEqual(['n1']);
    expect(await said(n1.list(nodes))).toContain(
      "node 'n1' cannot read all nodes, only its own Node object",
    );
    const seen: string[] = [];
    const synced = new Promise<void>((resolve, reject) => {
      n1.watch<KubeObject>(
        nodes,
        { fieldSelector: 'metadata.name=n1', sendInitialEvents: true },
        {
          onEvent: (_type, object) => seen.push(object.metadata.name ?? ''),
          onSynced: () => resolve(),
          onEnd: (error) => reject(error ?? new Error('it ended')),
        },
      );
    });
    await synced;
    expect(seen).toEqual(['n1']);
  });

  test('status of a pod, and nothing but that', async () => {
    const patch = (body: object): Promise<string> =>
      said(n1.patch(pods, at('here', 'status'), { type: 'merge', body }));
    expect(await patch({ status: { message: 'x' } })).toBe('done');
    expect(await patch({ metadata: { labels: { a: 'c' } } })).toBe(
      '403 pods "here" is forbidden: node "n1" cannot update labels through pod status',
    );
    expect(await said(n1.patch(pods, at('here'), { type: 'merge', body: {} }))).toMatch(/^403 /);
  });

  test('mirror pods that name nothing', async () => {
    const mirror = (name: string, spec: object): object => ({
      metadata: {
        name,
        namespace: 'default',
        annotations: { 'kubernetes.io/config.mirror': 'x' },
        ownerReferences: [
          { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: node.metadata.uid, controller: true },
        ],
      },
      spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'x' }], ...spec },
    });
    const volume = (source: object): object => ({ volumes: [{ name: 'v', ...source }] });
    const refusals = await Promise.all(
      [
        volume({ csi: { driver: 'd' } }),
        volume({
          ephemeral: {
            volumeClaimTemplate: {
              spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1' } } },
            },
          },
        }),
        volume({ projected: { sources: [{ clusterTrustBundle: { name: 'b', path: 'p' } }] } }),
      ].map((spec, i) => said(n1.create(pods, mirror(`m${i}`, spec)))),
    );
    expect(refusals).toEqual(
      [
        'csidrivers (via CSI volumes)',
        'persistentvolumeclaims (via ephemeral volumes)',
        'clustertrustbundles',
      ].map(
        (what, i) =>
          `403 pods "m${i}" is forbidden: node "n1" can not create pods that reference ${what}`,
      ),
    );
    expect(
      await said(
        n1.create(
          pods,
          mirror('good', {
            volumes: [
              { name: 'v', emptyDir: {} },
              { name: 'h', hostPath: { path: '/x' } },
            ],
          }),
        ),
      ),
    ).toBe('done');
  });

  test.each<[string, string, string, string]>([
    [
      'its own name',
      'kubelet-serving',
      handMadeRequest(simpleName('system:node:n1', 'system:nodes')),
      'done',
    ],
    [
      'a name of no node, of another signer',
      'kube-apiserver-client',
      handMadeRequest(simpleName('jane')),
      'done',
    ],
    [
      'another node, to serve',
      'kubelet-serving',
      handMadeRequest(simpleName('system:node:n2', 'system:nodes')),
      'can only create a node CSR with CN=system:node:n1',
    ],
    [
      'another node, as a client',
      'kube-apiserver-client-kubelet',
      handMadeRequest(simpleName('system:node:n2', 'system:nodes')),
      'can only create a node CSR with CN=system:node:n1',
    ],
    [
      'another node after its own',
      'kube-apiserver-client-kubelet',
      handMadeRequest(
        sequence(
          ...['system:node:n1', 'system:node:n2'].map((cn) => relative(attribute(types.cn, cn))),
        ),
      ),
      'can only create a node CSR with CN=system:node:n1',
    ],
    [
      'a name that begins like its own',
      'kubelet-serving',
      handMadeRequest(simpleName('system:node:n12', 'system:nodes')),
      'can only create a node CSR with CN=system:node:n1',
    ],
    [
      'no name',
      'kubelet-serving',
      handMadeRequest(sequence()),
      'can only create a node CSR with CN=system:node:n1',
    ],
    [
      'nothing readable',
      'kubelet-serving',
      'junk',
      'unable to parse csr: PEM block type must be CERTIFICATE REQUEST',
    ],
  ])('a certificate for %s', async (_what, signer, pem, answer) => {
    const requests = ref(
      'certificatesigningrequests',
      'CertificateSigningRequest',
      'certificates.k8s.io',
      false,
    );
    const spec = {
      signerName: `kubernetes.io/${signer}`,
      usages: ['digital signature'],
      request: Buffer.from(pem).toString('base64'),
    };
    const got = await said(n1.create(requests, { metadata: { generateName: 'c-' }, spec }));
    expect(got).toBe(
      answer === 'done'
        ? 'done'
        : `403 certificatesigningrequests.certificates.k8s.io "c-" is forbidden: ${answer}`,
    );
  });

  test('tokens for its pods, for whom the pod has one', async () => {
    const account = ref('serviceaccounts', 'ServiceAccount');
    await admin.create(pods, {
      metadata: { name: 'speaks', namespace: 'default' },
      spec: {
        nodeName: 'n1',
        containers: [{ name: 'c', image: 'x' }],
        volumes: [
          {
            name: 't',
            projected: { sources: [{ serviceAccountToken: { path: 'v', audience: 'vault' } }] },
          },
        ],
      },
    });
    const { metadata } = await admin.get(pods, at('speaks'));
    const ask = (audiences: string[]): Promise<string> =>
      said(
        n1.create(
          account,
          {
            spec: {
              audiences,
              boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'speaks', uid: metadata.uid },
            },
          },
          { namespace: 'default', name: 'default', subresource: 'token' },
        ),
      );
    expect([await ask(['vault']), await ask([])]).toEqual(['done', 'done']);
    expect(await ask(['bank'])).toContain(
      'audience "bank" not found in pod spec volume, system:node:n1 is not authorized',
    );
    expect(await ask(['vault', 'bank'])).toContain('node may only request 0 or 1 audiences');
  });
});

describe('roles', () => {
  test('are checked whatever changes, save what the garbage collector needs', async () => {
    const labeller = await user('labeller', [
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
    const patcher = await user('patcher', [
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

describe('a refusal names the object', () => {
  const container = { name: 'c', image: 'x' };
  const generated = expect.stringMatching(/^403 pods "g-[a-z0-9]{5}" is forbidden: /) as string;
  test.each<[string, object, object, string]>([
    [
      'by its name',
      { name: 'n', generateName: 'g-' },
      { runtimeClassName: 'none' },
      '403 pods "n" is forbidden: pod rejected: RuntimeClass "none" not found',
    ],
    [
      'by what its name will begin with',
      { generateName: 'g-' },
      { runtimeClassName: 'none' },
      '403 pods "g-" is forbidden: pod rejected: RuntimeClass "none" not found',
    ],
    [
      'so too of a class',
      { generateName: 'g-' },
      { priorityClassName: 'none' },
      '403 pods "g-" is forbidden: no PriorityClass with name none was found',
    ],
    [
      'so too of an account',
      { generateName: 'g-' },
      { serviceAccountName: 'none' },
      '403 pods "g-" is forbidden: error looking up service account default/none: ' +
        'serviceaccount "none" not found',
    ],
    [
      'as unknown',
      {},
      { priorityClassName: 'none' },
      '403 pods "Unknown" is forbidden: no PriorityClass with name none was found',
    ],
    [
      'by the name that was made',
      { generateName: 'g-' },
      { containers: [{ ...container, resources: { limits: { cpu: '2' } } }] },
      generated,
    ],
  ])('%s', async (_what, metadata, spec, answer) => {
    const range = ref('limitranges', 'LimitRange');
    await admin.create(range, {
      metadata: { name: 'r', namespace: 'default' },
      spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] },
    });
    try {
      expect(
        await said(
          admin.create(pods, {
            metadata: { namespace: 'default', ...metadata },
            spec: { containers: [container], ...spec },
          }),
        ),
      ).toEqual(answer);
    } finally {
      await admin.delete(range, { name: 'r', namespace: 'default' });
    }
  });

  test('a role that nobody named is not named', async () => {
    const maker = await user('maker', [
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
});

describe('Pod Security', () => {
  const standard = (mode: string): string => `pod-security.kubernetes.io/${mode}`;

  test('labels that mean nothing are refused, unless they are old', async () => {
    const wrong = { [standard('enforce')]: 'Restricted', [standard('warn-version')]: 'v2' };
    expect(
      await said(admin.create(namespaces, { metadata: { name: 'typo', labels: wrong } })),
    ).toBe(
      `422 Namespace "typo" is invalid: [metadata.labels[${standard('enforce')}]: Invalid ` +
        'value: "Restricted": must be one of privileged, baseline, restricted, ' +
        `metadata.labels[${standard('warn-version')}]: Invalid value: "v2": must be "latest" ` +
        'or "v1.x"]',
    );
  });

  test('a namespace that gets stricter tells which pods do not fit', async () => {
    await admin.create(namespaces, { metadata: { name: 'w' } });
    await admin.create(ref('serviceaccounts', 'ServiceAccount'), {
      metadata: { name: 'default', namespace: 'w' },
    });
    const make = (name: string, spec: object): Promise<unknown> =>
      admin.create(pods, {
        metadata: { name, namespace: 'w' },
        spec: { containers: [{ name: 'c', image: 'x' }], ...spec },
      });
    for (const name of ['p1', 'p2', 'p3']) await make(name, { hostNetwork: true });
    for (const name of ['a2', 'a1'])
      await make(name, {
        containers: [{ name: 'c', image: 'x', securityContext: { privileged: true } }],
      });
    await make('r', {});
    const strict =
      'allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, ' +
      'seccompProfile';
    const warned = (level: string, ...lines: string[]): string[] => [
      `existing pods in namespace "w" violate the new PodSecurity enforce level "${level}"`,
      ...lines,
    ];
    const baseline = ['a1 (and 1 other pod): privileged', 'p1 (and 2 other pods): host namespaces'];
    expect(await label(dev, 'w', { [standard('warn')]: 'restricted' })).toEqual([]);
    expect(await label(dev, 'w', { [standard('enforce')]: 'baseline' })).toEqual(
      warned('baseline:latest', ...baseline),
    );
    expect(await label(dev, 'w', { other: 'label' })).toEqual([]);
    expect(await label(dev, 'w', { [standard('enforce')]: 'restricted' })).toEqual(
      warned(
        'restricted:latest',
        `a1 (and 1 other pod): privileged, ${strict}`,
        `p1 (and 2 other pods): host namespaces, ${strict}`,
        `r: ${strict}`,
      ),
    );
    expect(await label(dev, 'w', { [standard('enforce')]: 'baseline' })).toEqual([]);
    expect(await label(dev, 'w', { [standard('enforce-version')]: 'v1.30' })).toEqual(
      warned('baseline:v1.30', ...baseline),
    );
    expect(await label(dev, 'w', { [standard('enforce')]: 'privileged' })).toEqual([]);
  });

  test('no more pods are looked at than upstream does', async () => {
    await admin.create(namespaces, { metadata: { name: 'crowd' } });
    const { namespace, ...pod } = {
      ...(await admin.get<KubeObject>(pods, { name: 'p1', namespace: 'w' })),
      namespace: 'crowd',
    };
    for (let i = 0; i < 3001; i += 100) {
      await Promise.all(
        Array.from({ length: Math.min(100, 3001 - i) }, (_, j) =>
          dev.store.put({
            key: keyOf(`/registry/pods/${namespace}/p${i + j}`),
            value: Buffer.from(
              JSON.stringify({
                ...pod,
                metadata: { ...pod.metadata, name: `p${i + j}`, namespace },
              }),
            ),
          }),
        ),
      );
    }
    const [bound, ...rest] = await label(dev, 'crowd', { [standard('enforce')]: 'baseline' });
    expect(bound).toMatch(
      /^new PodSecurity enforce level only checked against the first (3000|[12]?\d{1,3}) of 3001 existing pods$/,
    );
    expect(rest).toHaveLength(2);
  });

  test('what everybody is asked for comes before what the level adds', async () => {
    const order = async (version: string, spec: object): Promise<string[]> => {
      const name = `o-${version.replace('.', '-')}`;
      if ((await said(admin.get(namespaces, { name }))) !== 'done') {
        await admin.create(namespaces, {
          metadata: {
            name,
            labels: { [standard('enforce')]: 'restricted', [standard('enforce-version')]: version },
          },
        });
        await admin.create(ref('serviceaccounts', 'ServiceAccount'), {
          metadata: { name: 'default', namespace: name },
        });
      }
      const text = await said(
        admin.create(pods, { metadata: { name: 'p', namespace: name }, spec }),
      );
      return text
        .replace(/^.*?": /, '')
        .replace(/ \(.*?\)(?=, |$)/g, '')
        .split(', ');
    };
    const everything = {
      hostNetwork: true,
      securityContext: {
        runAsNonRoot: false,
        runAsUser: 0,
        seccompProfile: { type: 'Unconfined' },
        seLinuxOptions: { type: 'spc_t' },
        sysctls: [{ name: 'kernel.msgmax', value: '1' }],
        windowsOptions: { hostProcess: true },
      },
      volumes: [{ name: 'v', hostPath: { path: '/' } }],
      containers: [
        {
          name: 'c',
          image: 'x',
          ports: [{ containerPort: 1, hostPort: 1 }],
          securityContext: { privileged: true },
        },
      ],
    };
    expect(await order('latest', everything)).toEqual([
      'host namespaces',
      'hostPort',
      'privileged',
      'seLinuxOptions',
      'forbidden sysctls',
      'hostProcess',
      'allowPrivilegeEscalation != false',
      'unrestricted capabilities',
      'restricted volume types',
      'runAsNonRoot != true',
      'runAsUser=0',
      'seccompProfile',
    ]);
    const unmasked = {
      hostUsers: false,
      containers: [{ name: 'c', image: 'x', securityContext: { procMount: 'Unmasked' } }],
    };
    expect((await order('v1.34', unmasked)).slice(0, 3)).toEqual([
      'procMount',
      'allowPrivilegeEscalation != false',
      'unrestricted capabilities',
    ]);
    expect((await order('latest', unmasked)).slice(0, 3)).toEqual([
      'allowPrivilegeEscalation != false',
      'unrestricted capabilities',
      'procMount',
    ]);
  });

  test('a version of the standard has the checks of its time', async () => {
    const container = {
      name: 'c',
      image: 'x',
      securityContext: { allowPrivilegeEscalation: false, runAsNonRoot: true },
    };
    const answers: string[] = [];
    for (const version of ['v1.18', 'v1.19', 'v1.22', 'latest']) {
      const name = version.replace('.', '-');
      await admin.create(namespaces, {
        metadata: {
          name,
          labels: { [standard('enforce')]: 'restricted', [standard('enforce-version')]: version },
        },
      });
      await admin.create(ref('serviceaccounts', 'ServiceAccount'), {
        metadata: { name: 'default', namespace: name },
      });
      answers.push(
        await said(
          admin.create(pods, {
            metadata: { name: 'p', namespace: name },
            spec: { containers: [container] },
          }),
        ),
      );
    }
    const seccomp =
      'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to ' +
      '"RuntimeDefault" or "Localhost")';
    const capabilities =
      'unrestricted capabilities (container "c" must set ' +
      'securityContext.capabilities.drop=["ALL"])';
    const refused = (version: string, what: string): string =>
      `403 pods "p" is forbidden: violates PodSecurity "restricted:${version}": ${what}`;
    expect(answers).toEqual([
      'done',
      refused('v1.19', seccomp),
      refused('v1.22', `${capabilities}, ${seccomp}`),
      refused('latest', `${capabilities}, ${seccomp}`),
    ]);
  });
});

describe('who makes roles', () => {
  const secrets = { apiGroups: [''], resources: ['secrets'], verbs: ['get'] };
  const nothing = { apiGroups: [''], resources: ['secrets'], verbs: [] };
  const roles = ref('roles', 'Role', rbac);
  const roleBindings = ref('rolebindings', 'RoleBinding', rbac);
  let ann: InProcessClient;
  beforeAll(async () => {
    ann = await user('rbac-ann', [
      { apiGroups: [rbac], resources: ['*'], verbs: ['get', 'create', 'update'] },
    ]);
  });

  test('hears that he may not before he hears what is wrong with it, as from kube-apiserver', async () => {
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
    user('service-status', [
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
