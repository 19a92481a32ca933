import { randomBytes } from 'node:crypto';
import { each, type Attack } from '../attack.ts';
import { at, type Answer, type Caller, type Json, type Target } from '../target.ts';
import { pod, unless } from './authz.ts';

/** A node of the attack's own, and a second one that it must leave alone. */
interface Nodes {
  name: string;
  other: string;
  uid: string;
  as: Caller;
  ns: string;
  call(method: string, path: string, body?: unknown, type?: string): Promise<Answer>;
}

async function nodes(target: Target, labels: Json = {}): Promise<Nodes> {
  const [name, other] = [
    `attack-n-${randomBytes(3).toString('hex')}`,
    `attack-o-${randomBytes(3).toString('hex')}`,
  ];
  const made = await target.make('/api/v1/nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    spec: { taints: [{ key: 'attack', effect: 'NoSchedule' }] },
  });
  await target.make('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: other } });
  const as = { user: `system:node:${name}`, groups: ['system:nodes', 'system:authenticated'] };
  const ns = await target.namespace();
  return {
    name,
    other,
    uid: String(at(made, 'metadata', 'uid')),
    as,
    ns,
    call: (method, path, body, type) =>
      target.call({
        method,
        path: path.replace('NS', ns).replace('SELF', name).replace('OTHER', other),
        body,
        type: type ?? (method === 'PATCH' ? 'application/merge-patch+json' : undefined),
        as,
      }),
  };
}

const mirror = (self: Nodes, spec: Json = {}, metadata: Json = {}): Json =>
  pod(
    'm',
    { nodeName: self.name, ...spec },
    {
      namespace: self.ns,
      annotations: {
        'kubernetes.io/config.mirror': 'x',
        'kubernetes.io/config.hash': 'x',
        'kubernetes.io/config.source': 'file',
      },
      ownerReferences: [
        { apiVersion: 'v1', kind: 'Node', name: self.name, uid: self.uid, controller: true },
      ],
      ...metadata,
    },
  );

const container = (more: Json): Json => ({ containers: [{ name: 'c', image: 'x', ...more }] });
const volume = (source: Json): Json => ({ volumes: [{ name: 'v', ...source }] });

/** What a pod that a node makes itself may not name. */
const references: Record<string, Json> = {
  'env-secret': container({
    env: [{ name: 'E', valueFrom: { secretKeyRef: { name: 'top', key: 'k' } } }],
  }),
  'env-configmap': container({
    env: [{ name: 'E', valueFrom: { configMapKeyRef: { name: 'top', key: 'k' } } }],
  }),
  'envfrom-secret': container({ envFrom: [{ secretRef: { name: 'top' } }] }),
  'envfrom-configmap': container({ envFrom: [{ configMapRef: { name: 'top' } }] }),
  'init-env-secret': {
    initContainers: [
      {
        name: 'i',
        image: 'x',
        env: [{ name: 'E', valueFrom: { secretKeyRef: { name: 'top', key: 'k' } } }],
      },
    ],
  },
  'image-pull-secret': { imagePullSecrets: [{ name: 'top' }] },
  'secret-volume': volume({ secret: { secretName: 'top' } }),
  'configmap-volume': volume({ configMap: { name: 'top' } }),
  'projected-secret': volume({ projected: { sources: [{ secret: { name: 'top' } }] } }),
  'projected-configmap': volume({ projected: { sources: [{ configMap: { name: 'top' } }] } }),
  'projected-token': volume({ projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }),
  claim: volume({ persistentVolumeClaim: { claimName: 'top' } }),
  'csi-secret': volume({ csi: { driver: 'd.example.com', nodePublishSecretRef: { name: 'top' } } }),
  'iscsi-secret': volume({
    iscsi: {
      targetPortal: '192.0.2.1',
      iqn: 'iqn.2001-04.com.example:x',
      lun: 0,
      secretRef: { name: 'top' },
    },
  }),
  'azure-secret': volume({ azureFile: { secretName: 'top', shareName: 's' } }),
  'resource-claim': { resourceClaims: [{ name: 'r', resourceClaimName: 'top' }] },
  account: { serviceAccountName: 'default' },
};

async function mirrorReads(target: Target, spec: Json): Promise<string | undefined> {
  const self = await nodes(target);
  await target.make(`/api/v1/namespaces/${self.ns}/secrets`, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'top' },
    stringData: { k: 'TOP' },
  });
  const answer = await self.call('POST', '/api/v1/namespaces/NS/pods', mirror(self, spec));
  const read = await self.call('GET', '/api/v1/namespaces/NS/secrets/top');
  return read.status === 200 ? 'the node reads the Secret' : unless(answer, [403], 'a mirror pod');
}

const owners =
  (change: (owner: Json, self: Nodes) => unknown) =>
  (self: Nodes): Json =>
    mirror(
      self,
      {},
      {
        ownerReferences: change(
          { apiVersion: 'v1', kind: 'Node', name: self.name, uid: self.uid, controller: true },
          self,
        ),
      },
    );

/** Pods that a node may not make. */
const pods: Record<string, (self: Nodes) => Json> = {
  'no-mirror': (self) => mirror(self, {}, { annotations: {} }),
  elsewhere: (self) => mirror(self, { nodeName: self.other }),
  'no-owner': owners(() => []),
  'two-owners': owners((owner) => [owner, { ...owner, controller: false, uid: 'x' }]),
  'other-owner': owners((owner, self) => [{ ...owner, name: self.other }]),
  'no-controller': owners((owner) => [{ ...owner, controller: false }]),
  'blocking-owner': owners((owner) => [{ ...owner, blockOwnerDeletion: true }]),
  'wrong-uid': owners((owner) => [{ ...owner, uid: 'x' }]),
};

const lease: Json = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'attack' },
  spec: {},
};
const csiNode = (name: string): Json => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSINode',
  metadata: { name },
  spec: { drivers: [] },
});
const slice = (nodeName: string): Json => ({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceSlice',
  metadata: { name: `attack-${nodeName}` },
  spec: {
    driver: 'd.example.com',
    nodeName,
    pool: { name: 'p', resourceSliceCount: 1, generation: 1 },
    devices: [],
  },
});

type Ask = [method: string, path: string, body?: unknown | ((self: Nodes) => unknown)];

/** Single requests that a node may not make. */
const asks: Record<string, Ask> = {
  'list-nodes': ['GET', '/api/v1/nodes'],
  'watch-nodes': ['GET', '/api/v1/nodes?watch=1&timeoutSeconds=1'],
  'watch-nodes-by-path': [
    'GET',
    '/api/v1/watch/nodes?fieldSelector=metadata.name=SELF&timeoutSeconds=1',
  ],
  'get-other-node': ['GET', '/api/v1/nodes/OTHER'],
  'list-other-node': ['GET', '/api/v1/nodes?fieldSelector=metadata.name=OTHER'],
  'list-all-but-one': ['GET', '/api/v1/nodes?fieldSelector=metadata.name!=SELF'],
  'delete-node': ['DELETE', '/api/v1/nodes/OTHER'],
  'delete-own-node': ['DELETE', '/api/v1/nodes/SELF'],
  'list-pods': ['GET', '/api/v1/pods'],
  'list-pods-of-other': ['GET', '/api/v1/pods?fieldSelector=spec.nodeName=OTHER'],
  'list-pods-elsewhere': ['GET', '/api/v1/pods?fieldSelector=spec.nodeName!=SELF'],
  'list-pods-by-label': ['GET', '/api/v1/pods?labelSelector=spec.nodeName=SELF'],
  'watch-pods-by-path': [
    'GET',
    '/api/v1/watch/pods?fieldSelector=spec.nodeName=SELF&timeoutSeconds=1',
  ],
  'list-secrets': ['GET', '/api/v1/namespaces/NS/secrets'],
  'list-claims': ['GET', '/api/v1/namespaces/NS/persistentvolumeclaims'],
  'get-volume': ['GET', '/api/v1/persistentvolumes/attack'],
  'get-attachment': ['GET', '/apis/storage.k8s.io/v1/volumeattachments/attack'],
  'get-resourceclaim': ['GET', '/apis/resource.k8s.io/v1/namespaces/NS/resourceclaims/attack'],
  'get-account': ['GET', '/api/v1/namespaces/NS/serviceaccounts/default'],
  'token-of-no-pod': [
    'POST',
    '/api/v1/namespaces/NS/serviceaccounts/default/token',
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
  ],
  'lease-elsewhere': ['POST', '/apis/coordination.k8s.io/v1/namespaces/NS/leases', lease],
  'lease-of-other': [
    'POST',
    '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases',
    lease,
  ],
  'list-leases': ['GET', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases'],
  'csinode-of-other': [
    'POST',
    '/apis/storage.k8s.io/v1/csinodes',
    (self: Nodes) => csiNode(self.other),
  ],
  'list-csinodes': ['GET', '/apis/storage.k8s.io/v1/csinodes'],
  'slice-of-other': [
    'POST',
    '/apis/resource.k8s.io/v1/resourceslices',
    (self: Nodes) => slice(self.other),
  ],
  'list-slices': ['GET', '/apis/resource.k8s.io/v1/resourceslices'],
  'slices-of-other': [
    'DELETE',
    '/apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName=OTHER',
  ],
  'label-other-node': ['PATCH', '/api/v1/nodes/OTHER', { metadata: { labels: { a: 'b' } } }],
  'status-of-other-node': ['PATCH', '/api/v1/nodes/OTHER/status', { status: { phase: 'Running' } }],
  'owner-of-own-node': [
    'PATCH',
    '/api/v1/nodes/SELF',
    {
      metadata: {
        ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: 'gone' }],
      },
    },
  ],
  'owner-by-status': [
    'PATCH',
    '/api/v1/nodes/SELF/status',
    {
      metadata: {
        ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: 'gone' }],
      },
    },
  ],
  'own-taints': ['PATCH', '/api/v1/nodes/SELF', { spec: { taints: null } }],
  'own-taints-by-status': ['PATCH', '/api/v1/nodes/SELF/status', { spec: { taints: null } }],
};

/**
 * Labels by which others steer pods: set, changed and removed, on the object and through its
 * status.
 */
const key = 'zone.node-restriction.kubernetes.io/x';
const labels: Record<string, [string, Json]> = {
  remove: ['', { [key]: null }],
  change: ['', { [key]: 'other' }],
  empty: ['', { [key]: '' }],
  set: ['', { 'node-restriction.kubernetes.io/y': '1' }],
  role: ['', { 'node-role.kubernetes.io/control-plane': '' }],
  'unknown-k8s': ['', { 'foo.k8s.io/x': '1' }],
  'remove-by-status': ['/status', { [key]: null }],
  'exclude-balancers': ['', { 'node.kubernetes.io.k8s.io/x': '1' }],
};

/** Pods that run here: their status is the node's to write, nothing else of them is. */
const statuses: Record<string, Ask> = {
  labels: [
    'PATCH',
    '/api/v1/namespaces/NS/pods/here/status',
    { metadata: { labels: { app: 'victim' } } },
  ],
  'remove-labels': [
    'PATCH',
    '/api/v1/namespaces/NS/pods/here/status',
    { metadata: { labels: null } },
  ],
  claims: [
    'PATCH',
    '/api/v1/namespaces/NS/pods/here/status',
    { status: { resourceClaimStatuses: [{ name: 'r', resourceClaimName: 'top' }] } },
  ],
  'status-elsewhere': [
    'PATCH',
    '/api/v1/namespaces/NS/pods/there/status',
    { status: { message: 'x' } },
  ],
  'delete-elsewhere': ['DELETE', '/api/v1/namespaces/NS/pods/there'],
  'evict-elsewhere': [
    'POST',
    '/api/v1/namespaces/NS/pods/there/eviction',
    { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'there' } },
  ],
  'get-elsewhere': ['GET', '/api/v1/namespaces/NS/pods/there'],
  'patch-pod': ['PATCH', '/api/v1/namespaces/NS/pods/here', { metadata: { labels: { a: 'b' } } }],
  'read-log': ['GET', '/api/v1/namespaces/NS/pods/here/log'],
};

async function withPods(target: Target): Promise<Nodes & { pod: string }> {
  const self = await nodes(target);
  const path = `/api/v1/namespaces/${self.ns}/pods`;
  const here = await target.make(
    path,
    pod('here', { nodeName: self.name }, { labels: { app: 'x' } }),
  );
  await target.make(path, pod('there', { nodeName: self.other }));
  // An authorizer that works from a cache knows of a pod a moment later.
  await target.until(
    'the node reads its pod',
    async () => (await self.call('GET', '/api/v1/namespaces/NS/pods/here')).status === 200,
  );
  return { ...self, pod: String(at(here, 'metadata', 'uid')) };
}

type TokenSpec = (self: Nodes & { pod: string }) => Json;
const bound = (self: { pod: string }): Json => ({
  kind: 'Pod',
  apiVersion: 'v1',
  name: 'here',
  uid: self.pod,
});
const tokens: Record<string, TokenSpec> = {
  unbound: () => ({}),
  'bound-to-node': (self) => ({
    boundObjectRef: { kind: 'Node', apiVersion: 'v1', name: self.name, uid: self.uid },
  }),
  'no-uid': () => ({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'here' } }),
  'wrong-uid': () => ({
    boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'here', uid: 'x' },
  }),
  'pod-elsewhere': () => ({
    boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'there', uid: 'x' },
  }),
  'other-audience': (self) => ({ audiences: ['vault'], boundObjectRef: bound(self) }),
  'two-audiences': (self) => ({ audiences: ['vault', 'kubernetes'], boundObjectRef: bound(self) }),
};

export const attacks: Attack[] = [
  ...each('mirror-pod-names', references, mirrorReads),
  ...each('node-makes-pod', pods, async (target, make) => {
    const self = await nodes(target);
    return unless(
      await self.call('POST', '/api/v1/namespaces/NS/pods', make(self)),
      [403],
      'POST of a pod by a node',
    );
  }),
  ...each('node-asks', asks, async (target, [method, path, body]) => {
    const self = await nodes(target);
    return unless(
      await self.call(
        method,
        path,
        typeof body === 'function' ? (body as (self: Nodes) => unknown)(self) : body,
      ),
      [403],
      `${method} ${path} by a node`,
    );
  }),
  ...each('node-labels', labels, async (target, [part, change]) => {
    const self = await nodes(target, { [key]: 'kept' });
    return unless(
      await self.call('PATCH', `/api/v1/nodes/SELF${part}`, { metadata: { labels: change } }),
      [403],
      `labels ${JSON.stringify(change)}`,
    );
  }),
  ...each('node-and-pods', statuses, async (target, [method, path, body]) => {
    const self = await withPods(target);
    return unless(await self.call(method, path, body), [403], `${method} ${path} by a node`);
  }),
  ...each('node-token', tokens, async (target, spec) => {
    const self = await withPods(target);
    const answer = await self.call('POST', '/api/v1/namespaces/NS/serviceaccounts/default/token', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: spec(self),
    });
    return unless(answer, [403], 'a token for a node');
  }),
];
