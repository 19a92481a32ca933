import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import type { KeyValue } from '../../store/store.ts';
import { realClock } from '../../io/clock.ts';
import { silentLog } from '../../io/log.ts';
import { memoryStore } from '../memory-store.fake.ts';
import type { AccessRequest } from './authorizer.ts';
import { NodeAuthorizer } from './node.ts';

const n1 = { name: 'system:node:n1', groups: ['system:nodes'] };
const objectOf = (kv: KeyValue): KubeObject =>
  JSON.parse(Buffer.from(kv.value).toString()) as KubeObject;

async function cluster(
  objects: Record<string, object> = {},
): Promise<{
  asks(request: Partial<AccessRequest>): string;
  put(key: string, object: object): Promise<void>;
  remove(key: string): Promise<void>;
}> {
  const store = memoryStore();
  const put = async (key: string, object: object): Promise<void> =>
    void (await store.put({ key: `/registry/${key}`, value: Buffer.from(JSON.stringify(object)) }));
  for (const [key, object] of Object.entries(objects)) await put(key, object);
  const nodes = new NodeAuthorizer({
    store,
    clock: realClock,
    log: silentLog,
    objectOf,
    rules: () => [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['services'] }],
  });
  await nodes.start();
  const asks = (request: Partial<AccessRequest>): string => {
    const decision = nodes.authorize({
      user: n1,
      verb: 'get',
      group: '',
      resource: 'secrets',
      subresource: '',
      namespace: 'a',
      name: 'top',
      ...request,
    });
    return decision.allowed ? 'allowed' : decision.reason;
  };
  return {
    asks,
    put,
    remove: async (key) => void (await store.deleteRange({ key: `/registry/${key}` })),
  };
}

const pod = (name: string, nodeName: string, spec: object = {}, more: object = {}): object => ({
  metadata: { name, namespace: 'a', uid: name, generation: 1, ...more },
  spec: { nodeName, containers: [], ...spec },
});
const stranger = "no relationship found between node 'n1' and this object";

describe('what a node reads', () => {
  test('a Secret that a pod of its own names, while the pod is there', async () => {
    const { asks, put, remove } = await cluster();
    expect(asks({})).toBe(stranger);
    await put('pods/a/p', pod('p', 'n1', { imagePullSecrets: [{ name: 'top' }] }));
    expect([
      asks({}),
      asks({ verb: 'watch' }),
      asks({ verb: 'update' }),
      asks({ namespace: 'b' }),
      asks({ subresource: 'x' }),
    ]).toEqual([
      'allowed',
      'allowed',
      'can only read resources of this type',
      stranger,
      'cannot read subresource',
    ]);
    await remove('pods/a/p');
    expect(asks({})).toBe(stranger);
  });

  test('nothing that a pod of another node or a mirror pod names', async () => {
    const secret = { imagePullSecrets: [{ name: 'top' }] };
    const { asks } = await cluster({
      'pods/a/other': pod('other', 'n2', secret),
      'pods/a/mirror': pod('mirror', 'n1', secret, {
        annotations: { 'kubernetes.io/config.mirror': 'x' },
      }),
    });
    expect(asks({})).toBe(stranger);
    expect(asks({ resource: 'pods', name: 'mirror' })).toBe('allowed');
  });

  test('a volume of a claim that its pod mounts, and the Secret of that volume', async () => {
    const { asks, put, remove } = await cluster({
      'pods/a/p': pod('p', 'n1', {
        volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }],
      }),
    });
    const volume = { resource: 'persistentvolumes', namespace: '', name: 'v1' };
    expect([asks(volume), asks({ resource: 'persistentvolumeclaims', name: 'c' })]).toEqual([
      stranger,
      'allowed',
    ]);
    await put('persistentvolumes/v1', {
      metadata: { name: 'v1' },
      spec: {
        claimRef: { namespace: 'a', name: 'c' },
        csi: {
          driver: 'd',
          nodeStageSecretRef: { name: 'top', namespace: 'a' },
          controllerPublishSecretRef: { name: 'master', namespace: 'a' },
        },
      },
    });
    expect([asks(volume), asks({}), asks({ name: 'master' })]).toEqual([
      'allowed',
      'allowed',
      stranger,
    ]);
    await remove('persistentvolumes/v1');
    expect([asks(volume), asks({})]).toEqual([stranger, stranger]);
  });

  test('a claim once the pod has it, a slice and an attachment of its own', async () => {
    const { asks, put } = await cluster({
      'pods/a/p': pod('p', 'n1', {
        resourceClaims: [{ name: 'r', resourceClaimTemplateName: 't' }],
      }),
      'resourceslices/s': { metadata: { name: 's' }, spec: { nodeName: 'n1' } },
      'volumeattachments/v': { metadata: { name: 'v' }, spec: { nodeName: 'n2' } },
    });
    const claim = { group: 'resource.k8s.io', resource: 'resourceclaims', name: 'made' };
    expect(asks(claim)).toBe(stranger);
    await put('pods/a/p', {
      ...pod('p', 'n1', { resourceClaims: [{ name: 'r', resourceClaimTemplateName: 't' }] }),
      status: { resourceClaimStatuses: [{ name: 'r', resourceClaimName: 'made' }] },
    });
    expect(asks(claim)).toBe('allowed');
    const slice = {
      group: 'resource.k8s.io',
      resource: 'resourceslices',
      namespace: '',
      name: 's',
    };
    expect([asks({ ...slice, verb: 'update' }), asks({ ...slice, name: 'other' })]).toEqual([
      'allowed',
      stranger,
    ]);
    expect(
      asks({ group: 'storage.k8s.io', resource: 'volumeattachments', namespace: '', name: 'v' }),
    ).toBe(stranger);
  });

  test('lists only what a selector pins to it', async () => {
    const { asks } = await cluster();
    const pods = { resource: 'pods', verb: 'list', namespace: '', name: '' };
    const by = (field: string, value: string): Partial<AccessRequest> => ({
      fields: [{ field, operator: '=', value }],
    });
    expect([
      asks(pods),
      asks({ ...pods, ...by('spec.nodeName', 'n2') }),
      asks({ ...pods, ...by('spec.nodeName', 'n1') }),
    ]).toEqual([
      'can only list/watch pods with spec.nodeName field selector',
      'can only list/watch pods with spec.nodeName field selector',
      'allowed',
    ]);
    expect(
      asks({ ...pods, fields: [{ field: 'spec.nodeName', operator: '!=', value: 'n1' }] }),
    ).toBe('can only list/watch pods with spec.nodeName field selector');
    expect([
      asks({ ...pods, resource: 'nodes' }),
      asks({ ...pods, resource: 'nodes', name: 'n2' }),
      asks({ ...pods, resource: 'nodes', name: 'n1' }),
    ]).toEqual([
      "node 'n1' cannot read all nodes, only its own Node object",
      "node 'n1' cannot read 'n2', only its own Node object",
      'allowed',
    ]);
  });

  test('other resources as the role says, and nobody else at all', async () => {
    const { asks } = await cluster();
    expect([
      asks({ resource: 'services' }),
      asks({ resource: 'services', verb: 'delete' }),
      asks({ resource: 'services', user: { name: 'system:node:n1', groups: [] } }),
    ]).toEqual(['allowed', '', '']);
    expect(asks({ user: { name: 'system:node:', groups: ['system:nodes'] } })).toBe(
      'unknown node for user "system:node:"',
    );
  });
});

describe('what the network of a node reads', () => {
  test('are the Secrets of Ingresses of our classes, while they name them', async () => {
    const ingress = (spec: object, annotations = {}): object => ({
      metadata: { name: 'i', namespace: 'a', annotations },
      spec: { ingressClassName: 'skiff', ...spec },
    });
    const { asks, put, remove } = await cluster({
      'ingressclasses/skiff': {
        metadata: { name: 'skiff' },
        spec: { controller: 'skiff/ingress' },
      },
      'ingressclasses/nginx': { metadata: { name: 'nginx' }, spec: { controller: 'nginx' } },
    });
    const user = { name: 'system:skiff:network:n1', groups: ['system:skiff:network'] };
    const refused = 'no Ingress or Gateway of a class of skiff names this Secret';
    const tls = [{ hosts: ['x'], secretName: 'top' }];
    expect(asks({ user })).toBe(refused);
    await put('ingress/a/i', ingress({ tls }, { 'ingress.skiff/basic-auth-secrets': 'ann' }));
    await expect.poll(() => asks({ user })).toBe('allowed');
    for (const verb of ['list', 'watch']) expect(asks({ user, verb })).toBe('allowed');
    expect(asks({ user, name: 'ann' })).toBe('allowed');
    for (const other of [
      { name: 'other' },
      { name: '' },
      { namespace: 'b' },
      { verb: 'update' },
      { subresource: 'status' },
    ])
      expect(asks({ user, ...other })).toBe(refused);
    expect(asks({ user, resource: 'configmaps' })).toBe('');
    expect(asks({})).toBe(stranger);
    await put('ingress/a/i', ingress({ tls, ingressClassName: 'nginx' }));
    await expect.poll(() => asks({ user })).toBe(refused);
    await put('ingress/a/i', ingress({ tls }));
    await expect.poll(() => asks({ user })).toBe('allowed');
    await remove('ingress/a/i');
    await expect.poll(() => asks({ user })).toBe(refused);
  });

  test('are those of Gateways of our classes, where a ReferenceGrant lets them', async () => {
    const group = 'gateway.networking.k8s.io';
    const gateway = (namespace?: string, gatewayClassName = 'skiff'): object => ({
      metadata: { name: 'g', namespace: 'a' },
      spec: {
        gatewayClassName,
        listeners: [
          {
            name: 'https',
            port: 443,
            protocol: 'HTTPS',
            tls: { certificateRefs: [{ name: 'top', namespace }] },
          },
        ],
      },
    });
    const { asks, put, remove } = await cluster({
      [`${group}/gatewayclasses/skiff`]: {
        metadata: { name: 'skiff' },
        spec: { controllerName: 'skiff/gateway' },
      },
    });
    const user = { name: 'system:skiff:network:n1', groups: ['system:skiff:network'] };
    const refused = 'no Ingress or Gateway of a class of skiff names this Secret';
    expect(asks({ user })).toBe(refused);
    await put(`${group}/gateways/a/g`, gateway());
    await expect.poll(() => asks({ user })).toBe('allowed');
    await put(`${group}/gateways/a/g`, gateway('b'));
    await expect.poll(() => asks({ user })).toBe(refused);
    expect(asks({ user, namespace: 'b' })).toBe(refused);
    await put(`${group}/referencegrants/b/r`, {
      metadata: { name: 'r', namespace: 'b' },
      spec: {
        from: [{ group, kind: 'Gateway', namespace: 'a' }],
        to: [{ group: '', kind: 'Secret', name: 'top' }],
      },
    });
    await expect.poll(() => asks({ user, namespace: 'b' })).toBe('allowed');
    expect(asks({ user, namespace: 'b', name: 'other' })).toBe(refused);
    await remove(`${group}/referencegrants/b/r`);
    await expect.poll(() => asks({ user, namespace: 'b' })).toBe(refused);
    await put(`${group}/gateways/a/g`, gateway(undefined, 'other'));
    await expect.poll(() => asks({ user })).toBe(refused);
  });

  test('are the ConfigMaps that BackendTLSPolicies name, while they do', async () => {
    const key = 'gateway.networking.k8s.io/backendtlspolicies/a/p';
    const user = { name: 'system:skiff:network:n1', groups: ['system:skiff:network'] };
    const { asks, put, remove } = await cluster();
    const asked = { user, resource: 'configmaps' };
    expect(asks(asked)).toBe('');
    const caCertificateRefs = [{ group: '', kind: 'ConfigMap', name: 'top' }];
    await put(key, {
      metadata: { name: 'p', namespace: 'a' },
      spec: { targetRefs: [], validation: { hostname: 'a.test', caCertificateRefs } },
    });
    await expect.poll(() => asks(asked)).toBe('allowed');
    for (const other of [
      { name: 'other' },
      { name: '' },
      { namespace: 'b' },
      { verb: 'update' },
      { resource: 'secrets' },
    ])
      expect(asks({ ...asked, ...other })).not.toBe('allowed');
    await remove(key);
    await expect.poll(() => asks(asked)).toBe('');
  });
});
