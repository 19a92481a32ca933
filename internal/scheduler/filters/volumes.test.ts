import { partOf } from '../../base/testing/part-of.ts';
import { describe, expect, it } from 'vitest';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../../api/generated/types/core-v1.ts';
import type { StorageClass } from '../../api/generated/types/storage-v1.ts';
import { NodeInfo, podInfo } from '../node-info.ts';
import { plan } from '../plan.ts';
import { preempt } from '../preemption.ts';
import type { View } from '../plugin.ts';

const node = (name: string): NodeInfo =>
  new NodeInfo({
    metadata: { name, labels: { 'kubernetes.io/hostname': name, zone: `z-${name}` } },
    spec: {},
    status: { allocatable: { cpu: '4', memory: '4Gi', pods: '110' } },
  } as never);
const pod = (
  name: string,
  more: object = {},
  volumes: object[] = [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
): Pod =>
  ({
    metadata: { name, namespace: 'n', uid: `uid-${name}` },
    spec: { containers: [{ name: 'c', resources: {} }], volumes, ...more },
    status: {},
  }) as Pod;
const claim = (spec: object = {}, more: object = {}): PersistentVolumeClaim =>
  partOf<PersistentVolumeClaim>({
    metadata: { name: 'data', namespace: 'n', uid: 'uid-claim' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'wait',
      resources: { requests: { storage: '1Gi' } },
      ...spec,
    },
    status: { phase: 'Pending' },
    ...more,
  });
const at = (name: string): object => ({
  required: {
    nodeSelectorTerms: [
      { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] },
    ],
  },
});
const volume = (name: string, spec: object = {}): PersistentVolume =>
  partOf<PersistentVolume>({
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'wait',
      capacity: { storage: '5Gi' },
      ...spec,
    },
    status: { phase: 'Available' },
  });
const storageClass = (more: object = {}): StorageClass =>
  ({
    metadata: { name: 'wait' },
    provisioner: 'example.com/p',
    volumeBindingMode: 'WaitForFirstConsumer',
    ...more,
  }) as StorageClass;

interface World {
  claim?: PersistentVolumeClaim;
  volumes?: PersistentVolume[];
  classes?: StorageClass[];
  nodes?: NodeInfo[];
}
const viewOf = (
  p: Pod,
  { claim: one, volumes = [], classes = [storageClass()], nodes = [node('a'), node('b')] }: World,
): View => ({
  pod: podInfo(p),
  nodes,
  namespaceLabels: () => ({}),
  claim: (_namespace, name) => (one && name === one.metadata.name ? one : undefined),
  volume: (name) => volumes.find((v) => v.metadata.name === name),
  volumes: () => volumes,
  storageClass: (name) => classes.find((c) => c.metadata.name === name),
});
const place = (p: Pod, world: World): string => {
  const decided = plan(viewOf(p, world));
  return decided.node ?? decided.message;
};

describe('VolumeRestrictions', () => {
  const alone = claim({ accessModes: ['ReadWriteOncePod'], volumeName: 'pv' });
  const volumes = [volume('pv')];
  const reason =
    'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode';

  it('gives a ReadWriteOncePod claim to one pod of the cluster', () => {
    const [a, b] = [node('a'), node('b')];
    expect(place(pod('first'), { claim: alone, volumes, nodes: [a, b] })).toBe('a');
    a.add(podInfo(pod('first')));
    expect(place(pod('second'), { claim: alone, volumes, nodes: [a, b] })).toBe(
      `0/2 nodes are available: 2 ${reason}.`,
    );
  });

  it('counts an ephemeral claim and lets others share', () => {
    const a = node('a');
    a.add(podInfo(pod('first')));
    expect(place(pod('second'), { claim: claim({ volumeName: 'pv' }), volumes, nodes: [a] })).toBe(
      'a',
    );
    const elsewhere = pod('first');
    elsewhere.metadata.namespace = 'other';
    const other = node('b');
    other.add(podInfo(elsewhere));
    expect(place(pod('second'), { claim: alone, volumes, nodes: [other] })).toBe('b');
  });

  it('lets a more important pod take it over', () => {
    const a = node('a');
    a.add(podInfo(pod('low', { priority: 1 })));
    const view = viewOf(pod('high', { priority: 10 }), { claim: alone, volumes, nodes: [a] });
    const decided = plan(view);
    if (decided.node !== undefined) throw new Error('it was placed');
    expect(
      preempt(view, decided.refusals, []).candidate?.victims.map((v) => v.metadata.name),
    ).toEqual(['low']);
  });
});

describe('VolumeBinding', () => {
  const none =
    "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.";

  it.each<[string, World, string]>([
    [
      'a claim that is not there',
      {},
      '0/2 nodes are available: persistentvolumeclaim "data" not found.',
    ],
    [
      'a claim that goes',
      {
        claim: claim(
          { volumeName: 'pv' },
          { metadata: { name: 'data', namespace: 'n', deletionTimestamp: 'x' } },
        ),
      },
      '0/2 nodes are available: persistentvolumeclaim "data" is being deleted.',
    ],
    [
      'a claim whose volume is lost',
      { claim: claim({ volumeName: 'pv' }, { status: { phase: 'Lost' } }) },
      '0/2 nodes are available: persistentvolumeclaim "data" bound to non-existent ' +
        'persistentvolume "pv".',
    ],
    [
      'an unbound claim of an immediate class',
      { claim: claim(), classes: [storageClass({ volumeBindingMode: 'Immediate' })] },
      '0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.',
    ],
    [
      'an unbound claim without a class',
      { claim: claim({ storageClassName: '' }) },
      '0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.',
    ],
    [
      'a claim bound to a volume that is not there',
      { claim: claim({ volumeName: 'gone' }) },
      '0/2 nodes are available: 2 node(s) unavailable due to one or more pvc(s) bound to ' +
        'non-existent pv(s).',
    ],
    [
      'a class that nobody provisions',
      { claim: claim(), classes: [storageClass({ provisioner: 'kubernetes.io/no-provisioner' })] },
      none,
    ],
    [
      'a volume that is too small',
      {
        claim: claim(),
        classes: [storageClass({ provisioner: 'kubernetes.io/no-provisioner' })],
        volumes: [volume('pv', { capacity: { storage: '1Mi' } })],
      },
      none,
    ],
    [
      'a volume of another mode',
      {
        claim: claim(),
        classes: [storageClass({ provisioner: 'kubernetes.io/no-provisioner' })],
        volumes: [volume('pv', { volumeMode: 'Block' })],
      },
      none,
    ],
    [
      'a volume of somebody else',
      {
        claim: claim(),
        classes: [storageClass({ provisioner: 'kubernetes.io/no-provisioner' })],
        volumes: [volume('pv', { claimRef: { namespace: 'n', name: 'other' } })],
      },
      none,
    ],
    [
      'a class of other places',
      {
        claim: claim(),
        classes: [
          storageClass({
            allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: ['z-c'] }] }],
          }),
        ],
      },
      none,
    ],
  ])('refuses every node for %s', (_what, world, message) => {
    expect(place(pod('p'), world)).toBe(message);
  });

  it.each<[string, World, string]>([
    [
      'where its volume is',
      { claim: claim({ volumeName: 'pv' }), volumes: [volume('pv', { nodeAffinity: at('b') })] },
      'b',
    ],
    [
      'where a volume could be its own',
      {
        claim: claim(),
        classes: [storageClass({ provisioner: 'kubernetes.io/no-provisioner' })],
        volumes: [volume('pv', { nodeAffinity: at('b') })],
      },
      'b',
    ],
    [
      'where a volume waits for it by name',
      {
        claim: claim(),
        classes: [storageClass({ provisioner: 'kubernetes.io/no-provisioner' })],
        volumes: [
          volume('pv', { nodeAffinity: at('b'), claimRef: { namespace: 'n', name: 'data' } }),
        ],
      },
      'b',
    ],
    [
      'where its class makes volumes',
      {
        claim: claim(),
        classes: [
          storageClass({
            allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: ['z-b'] }] }],
          }),
        ],
      },
      'b',
    ],
  ])('puts a pod %s', (_what, world, name) => {
    expect(place(pod('p'), world)).toBe(name);
  });

  it('gives an ephemeral volume only the claim that was made for it', () => {
    const ephemeral = pod('p', {}, [{ name: 'v', ephemeral: {} }]);
    const named = (owner?: string): PersistentVolumeClaim =>
      claim(
        {},
        {
          metadata: {
            name: 'p-v',
            namespace: 'n',
            ownerReferences: owner ? [{ controller: true, uid: owner }] : [],
          },
        },
      );
    expect(place(ephemeral, {})).toContain(
      'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-v"',
    );
    expect(place(ephemeral, { claim: named() })).toContain(
      'PVC n/p-v was not created for pod n/p (pod is not owner)',
    );
    expect(place(ephemeral, { claim: named('uid-p') })).toBe('a');
  });
});
