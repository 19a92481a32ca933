import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import { sequence } from '../../pki/der.ts';
import {
  attribute,
  handMadeRequest,
  relative,
  simpleName,
  types,
} from '../../pki/testing/hand-made.ts';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { at, nodes, pods, ref, said, startWithAdmin } from '../testing/server.ts';

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin());
});
afterAll(() => dev.api.close());

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
