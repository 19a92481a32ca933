import { partOf } from '../../base/testing/part-of.ts';
import { describe, expect, it } from 'vitest';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../../api/generated/types/core-v1.ts';
import type { StorageClass } from '../../api/generated/types/storage-v1.ts';
import { node as plainNode, TestCluster } from '../testing/cluster.ts';

const node = (name: string): ReturnType<typeof plainNode> =>
  plainNode(name, { cpu: '4', memory: '4Gi', labels: { zone: `z-${name}` } });
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
    status: { phase: 'volumeName' in spec ? 'Bound' : 'Pending' },
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
  more?: Record<string, object[]>;
}
const clusterOf = ({ claim: one, volumes = [], classes = [storageClass()], more }: World) =>
  new TestCluster({ claims: one ? [one] : [], volumes, storageClasses: classes, ...more });
const place = (p: Pod, world: World): string =>
  clusterOf(world).with(node('a')).with(node('b')).place(p);

describe('VolumeRestrictions', () => {
  const alone = claim({ accessModes: ['ReadWriteOncePod'], volumeName: 'pv' });
  const volumes = [volume('pv')];
  const reason =
    'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already ' +
    'in-use by another pod';

  it('gives a ReadWriteOncePod claim to one pod of the cluster', () => {
    const cluster = clusterOf({ claim: alone, volumes }).with(node('a')).with(node('b'));
    expect(cluster.place(pod('first'))).toMatch(/^[ab]$/);
    cluster.run(pod('first'), 'a');
    expect(cluster.place(pod('second'))).toBe(`0/2 nodes are available: 2 ${reason}.`);
  });

  it('lets others share, and other namespaces have a claim of that name', () => {
    const shared = clusterOf({ claim: claim({ volumeName: 'pv' }), volumes });
    expect(shared.with(node('a'), pod('first')).place(pod('second'))).toBe('a');
    const elsewhere = pod('first');
    elsewhere.metadata.namespace = 'other';
    const cluster = clusterOf({ claim: alone, volumes }).with(node('a'), elsewhere);
    expect(cluster.place(pod('second'))).toBe('a');
  });

  it('lets a more important pod take it over', () => {
    const cluster = clusterOf({ claim: alone, volumes });
    cluster.with(node('a'), pod('low', { priority: 1 }));
    expect(cluster.preempt(pod('high', { priority: 10 })).nominated).toBe('a');
  });

  it('keeps a disk to one writer', () => {
    const disk = (pdName: string, readOnly: boolean): object[] => [
      { name: 'v', gcePersistentDisk: { pdName, readOnly } },
    ];
    const there = pod('first', {}, disk('d', true));
    const cluster = clusterOf({}).with(node('a'), there);
    expect(cluster.place(pod('p', {}, disk('d', true)))).toBe('a');
    expect(cluster.place(pod('p', {}, disk('other', false)))).toBe('a');
    expect(cluster.place(pod('p', {}, disk('d', false)))).toBe(
      '0/1 nodes are available: 1 node(s) had no available disk.',
    );
  });
});

describe('VolumeZone', () => {
  const labelled = (value: string): PersistentVolume => {
    const made = volume('pv');
    made.metadata.labels = { 'topology.kubernetes.io/zone': value };
    return made;
  };
  const inZone = (name: string, zone: string): ReturnType<typeof plainNode> =>
    plainNode(name, { labels: { 'topology.kubernetes.io/zone': zone } });
  const of = (value: string, ...zones: string[]): string => {
    const cluster = clusterOf({ claim: claim({ volumeName: 'pv' }), volumes: [labelled(value)] });
    for (const zone of zones) cluster.with(inZone(`n-${zone}`, zone));
    return cluster.place(pod('p'));
  };

  it('uses a volume with a zone in that zone', () => {
    expect(of('y', 'x', 'y')).toBe('n-y');
    expect(of('w__y', 'x', 'y')).toBe('n-y');
    expect(of('z', 'x', 'y')).toBe(
      '0/2 nodes are available: 2 node(s) had no available volume zone.',
    );
  });

  it('leaves nodes without zones alone', () => {
    expect(
      place(pod('p'), { claim: claim({ volumeName: 'pv' }), volumes: [labelled('z')] }),
    ).toMatch(/^[ab]$/);
  });
});

describe('NodeVolumeLimits', () => {
  const csi = (name: string, handle: string): PersistentVolume =>
    volume(name, { csi: { driver: 'd', volumeHandle: handle } });
  const bound = (name: string, volumeName: string): PersistentVolumeClaim =>
    claim({ volumeName }, { metadata: { name, namespace: 'n' } });
  const using = (name: string, claimName: string): Pod =>
    pod(name, {}, [{ name: 'v', persistentVolumeClaim: { claimName } }]);
  const limited = (count: number, attachments: object[] = []): TestCluster =>
    new TestCluster({
      claims: [bound('one', 'pv1'), bound('same', 'pv1'), bound('two', 'pv2')],
      volumes: [csi('pv1', 'h1'), csi('pv2', 'h2'), csi('pv3', 'h3')],
      csiNodes: [
        { metadata: { name: 'a' }, spec: { drivers: [{ name: 'd', allocatable: { count } }] } },
      ],
      attachments,
    });
  const full = '0/1 nodes are available: 1 node(s) exceed max volume count.';

  it('attaches no more volumes than the driver can', () => {
    const cluster = limited(1).with(node('a'), using('first', 'one'));
    expect(cluster.place(using('p', 'two'))).toBe(full);
    expect(cluster.place(using('p', 'same'))).toBe('a');
    expect(limited(2).with(node('a'), using('first', 'one')).place(using('p', 'two'))).toBe('a');
  });

  it('counts what is attached although no pod uses it', () => {
    const attachment = {
      metadata: { name: 'x' },
      spec: { attacher: 'd', nodeName: 'a', source: { persistentVolumeName: 'pv3' } },
    };
    expect(limited(1, [attachment]).with(node('a')).place(using('p', 'two'))).toBe(full);
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
          { metadata: { name: 'data', namespace: 'n', deletionTimestamp: 'x' }, status: {} },
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
      '0/2 nodes are available: persistentvolume "gone" not found.',
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
    expect(place(ephemeral, { claim: named('uid-p') })).toMatch(/^[ab]$/);
  });

  it('leaves a claim alone whose node was chosen already', () => {
    const chosen = (name: string): PersistentVolumeClaim =>
      claim(
        {},
        {
          metadata: {
            name: 'data',
            namespace: 'n',
            annotations: { 'volume.kubernetes.io/selected-node': name },
          },
        },
      );
    expect(place(pod('p'), { claim: chosen('b') })).toBe('b');
    expect(place(pod('p'), { claim: chosen('gone') })).toBe(none);
  });

  it('asks drivers that publish it for their free space', () => {
    const capacity = (name: string, size: string): object => ({
      metadata: { name: `c-${name}`, namespace: 'kube-system' },
      storageClassName: 'wait',
      capacity: size,
      nodeTopology: { matchLabels: { 'kubernetes.io/hostname': name } },
    });
    const world = (...csiCapacities: object[]): World => ({
      claim: claim(),
      more: {
        csiDrivers: [{ metadata: { name: 'example.com/p' }, spec: { storageCapacity: true } }],
        csiCapacities,
      },
    });
    expect(place(pod('p'), world(capacity('a', '1Mi'), capacity('b', '2Gi')))).toBe('b');
    expect(place(pod('p'), world(capacity('a', '1Mi')))).toBe(
      '0/2 nodes are available: 2 node(s) did not have enough free storage.',
    );
  });
});
