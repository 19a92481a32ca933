import { afterEach, describe, expect, it } from 'vitest';
import type {
  Event,
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { startPersistentVolumeBinder } from './binder.ts';

let cluster: TestCluster;
afterEach(() => cluster.stop());

interface Spec {
  [field: string]: unknown;
}

const volume = (name: string, spec: Spec = {}, meta: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name, ...meta },
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    persistentVolumeReclaimPolicy: 'Retain',
    storageClassName: 'manual',
    volumeMode: 'Filesystem',
    local: { path: '/mnt' },
    ...spec,
  },
  status: { phase: 'Pending' },
});
const claim = (name: string, spec: Spec = {}, meta: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name, namespace: 'default', ...meta },
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    storageClassName: 'manual',
    volumeMode: 'Filesystem',
    ...spec,
  },
  status: { phase: 'Pending' },
});
const storageClass = (name: string, more: object = {}): object => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name },
  provisioner: 'example.com/disk',
  volumeBindingMode: 'Immediate',
  ...more,
});

async function start(...objects: object[]): Promise<void> {
  const refOf: Record<string, (typeof refs)['pods']> = {
    PersistentVolume: refs.persistentVolumes,
    PersistentVolumeClaim: refs.persistentVolumeClaims,
    StorageClass: refs.storageClasses,
    Pod: refs.pods,
  };
  cluster = await testCluster([startPersistentVolumeBinder], async ({ client }) => {
    for (const object of objects)
      await client.create(refOf[(object as { kind: string }).kind]!, object);
  });
}

const volumeNow = (name: string): PersistentVolume | undefined =>
  cluster.client
    .all<PersistentVolume>(refs.persistentVolumes)
    .find((v) => v.metadata.name === name);
const claimNow = (name: string): PersistentVolumeClaim | undefined =>
  cluster.client
    .all<PersistentVolumeClaim>(refs.persistentVolumeClaims)
    .find((c) => c.metadata.name === name);
/** The phase of a claim and the volume it names. */
const shown = (name: string): string =>
  `${claimNow(name)?.status?.phase} ${claimNow(name)?.spec.volumeName ?? '-'}`;
const told = (): string[] =>
  cluster.client.all<Event>(refs.events).map((e) => `${e.reason}: ${e.message}`);

describe('claims that take any volume', () => {
  it('get the smallest that is large enough, and both sides say so', async () => {
    await start(
      volume('small', { capacity: { storage: '500Mi' } }),
      volume('large', { capacity: { storage: '5Gi' } }),
      volume('right', { capacity: { storage: '2Gi' } }),
    );
    await cluster.client.create(refs.persistentVolumeClaims, claim('data'));
    await cluster.settle();
    expect(shown('data')).toBe('Bound right');
    expect(claimNow('data')?.status).toMatchObject({
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '2Gi' },
    });
    expect(claimNow('data')?.metadata.annotations).toEqual({
      'pv.kubernetes.io/bind-completed': 'yes',
      'pv.kubernetes.io/bound-by-controller': 'yes',
    });
    const bound = volumeNow('right');
    expect(bound?.status?.phase).toBe('Bound');
    expect(bound?.metadata.annotations).toEqual({ 'pv.kubernetes.io/bound-by-controller': 'yes' });
    expect(bound?.spec.claimRef).toMatchObject({
      kind: 'PersistentVolumeClaim',
      namespace: 'default',
      name: 'data',
      uid: claimNow('data')?.metadata.uid,
    });
    expect(volumeNow('large')?.status?.phase).toBe('Available');
  });

  it.each([
    ['class', { storageClassName: 'other' }, {}],
    ['mode of the volume', { volumeMode: 'Block' }, {}],
    ['access mode', { accessModes: ['ReadOnlyMany'] }, {}],
    ['attributes', { volumeAttributesClassName: 'gold' }, {}],
    ['labels', {}, { selector: { matchLabels: { disk: 'ssd' } } }],
    ['promise to another', { claimRef: { namespace: 'default', name: 'else' } }, {}],
  ])('do not take one of another %s', async (_what, of, asked) => {
    await start(volume('v', of), claim('data', asked));
    expect(shown('data')).toBe('Pending -');
    expect(volumeNow('v')?.status?.phase).toBe('Available');
  });

  it('take what a selector asks for, and what comes later', async () => {
    await start(volume('hdd'), claim('data', { selector: { matchLabels: { disk: 'ssd' } } }));
    expect(shown('data')).toBe('Pending -');
    await cluster.client.create(
      refs.persistentVolumes,
      volume('ssd', {}, { labels: { disk: 'ssd' } }),
    );
    await cluster.settle();
    expect(shown('data')).toBe('Bound ssd');
  });

  it('never share a volume, though many come at once', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `c${i}`);
    await start(
      ...names.map((n) => claim(n)),
      ...Array.from({ length: 19 }, (_, i) => volume(`v${i}`)),
    );
    await cluster.settle();
    const bound = names.map((n) => claimNow(n)!).filter((c) => c.status?.phase === 'Bound');
    expect(bound).toHaveLength(19);
    expect(new Set(bound.map((c) => c.spec.volumeName)).size).toBe(19);
  });

  it('prefer the volume that is promised to them', async () => {
    await start(
      volume('free', { capacity: { storage: '1Gi' } }),
      volume('mine', {
        capacity: { storage: '9Gi' },
        claimRef: { namespace: 'default', name: 'data' },
      }),
      claim('data'),
    );
    expect(shown('data')).toBe('Bound mine');
    expect(volumeNow('mine')?.metadata.annotations).toBeUndefined();
  });
});

describe('claims that name their volume', () => {
  it('get it, also when it comes later', async () => {
    await start(claim('data', { volumeName: 'v' }));
    expect(shown('data')).toBe('Pending v');
    await cluster.client.create(refs.persistentVolumes, volume('v'));
    await cluster.settle();
    expect(shown('data')).toBe('Bound v');
    expect(claimNow('data')?.metadata.annotations).toEqual({
      'pv.kubernetes.io/bind-completed': 'yes',
    });
  });

  it('are told why not', async () => {
    await start(volume('v', { capacity: { storage: '1Mi' } }), claim('data', { volumeName: 'v' }));
    expect(shown('data')).toBe('Pending v');
    expect(told()).toContain(
      'VolumeMismatch: Cannot bind to requested volume "v": requested PV is too small',
    );
  });

  it('do not get it when another has it', async () => {
    await start(volume('v'), claim('first'));
    await cluster.client.create(refs.persistentVolumeClaims, claim('second', { volumeName: 'v' }));
    await cluster.settle();
    expect(shown('first')).toBe('Bound v');
    expect(shown('second')).toBe('Pending v');
    expect(told()).toContain('FailedBinding: volume "v" already bound to a different claim.');
  });
});

describe('classes', () => {
  it('ask their provisioner, and bind what it makes', async () => {
    await start(storageClass('disk'), claim('data', { storageClassName: 'disk' }));
    expect(claimNow('data')?.metadata.annotations).toMatchObject({
      'volume.kubernetes.io/storage-provisioner': 'example.com/disk',
    });
    expect(told().join()).toContain("by the external provisioner 'example.com/disk'");
    const { uid } = claimNow('data')!.metadata;
    const claimRef = { namespace: 'default', name: 'data', uid };
    await cluster.client.create(
      refs.persistentVolumes,
      volume('pvc-1', { storageClassName: 'disk', claimRef }),
    );
    await cluster.settle();
    expect(shown('data')).toBe('Bound pvc-1');
  });

  it('that wait leave free volumes to the scheduler, and promised ones are bound', async () => {
    const late = storageClass('late', { volumeBindingMode: 'WaitForFirstConsumer' });
    await start(
      late,
      volume('free', { storageClassName: 'late' }),
      claim('data', { storageClassName: 'late' }),
    );
    expect(shown('data')).toBe('Pending -');
    expect(told()).toContain(
      'WaitForFirstConsumer: waiting for first consumer to be created before binding',
    );
    const mine = { namespace: 'default', name: 'data' };
    await cluster.client.create(
      refs.persistentVolumes,
      volume('mine', { storageClassName: 'late', claimRef: mine }),
    );
    await cluster.settle();
    expect(shown('data')).toBe('Bound mine');
  });

  it('that became the default are given to claims that came before', async () => {
    await start(claim('data', { storageClassName: undefined }));
    expect(shown('data')).toBe('Pending -');
    expect(told()[0]).toMatch(/no persistent volumes available for this claim/);
    const metadata = {
      name: 'std',
      annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
    };
    await cluster.client.create(refs.storageClasses, storageClass('std', { metadata }));
    await cluster.settle();
    expect(claimNow('data')?.spec.storageClassName).toBe('std');
  });

  it('of drivers that were once built in are told to be missing', async () => {
    const old = storageClass('old', { provisioner: 'kubernetes.io/no-provisioner' });
    await start(old, claim('data', { storageClassName: 'old' }));
    expect(told()).toContain(
      'ProvisioningFailed: no volume plugin matched name: kubernetes.io/no-provisioner',
    );
  });
});

describe('a volume whose claim is gone', () => {
  const gone = async (spec: Spec, meta: object = {}): Promise<void> => {
    await start(volume('v', spec, meta), claim('data'));
    expect(shown('data')).toBe('Bound v');
    await cluster.client.delete(refs.persistentVolumeClaims, {
      namespace: 'default',
      name: 'data',
    });
    await cluster.settle();
  };

  it('is kept with Retain, and taken by nobody', async () => {
    await gone({});
    expect(volumeNow('v')?.status?.phase).toBe('Released');
    await cluster.client.create(refs.persistentVolumeClaims, claim('data'));
    await cluster.settle();
    expect(shown('data')).toBe('Pending -');
  });

  it('is left to its provisioner with Delete', async () => {
    const made = { annotations: { 'pv.kubernetes.io/provisioned-by': 'example.com/disk' } };
    await gone({ persistentVolumeReclaimPolicy: 'Delete' }, made);
    expect(volumeNow('v')?.status?.phase).toBe('Released');
  });

  it.each([
    ['Delete', /^VolumeFailedDelete: error getting deleter volume plugin for volume "v"/],
    ['Recycle', /^VolumeFailedRecycle: No recycler plugin found/],
  ])('has failed with %s when nobody can do it', async (policy, message) => {
    await gone({ persistentVolumeReclaimPolicy: policy });
    expect(volumeNow('v')?.status?.phase).toBe('Failed');
    expect(told().filter((t) => message.test(t))).toHaveLength(1);
  });

  it('is free again when the administrator takes the promise out', async () => {
    await gone({});
    const { claimRef: _gone, ...spec } = volumeNow('v')!.spec;
    await cluster.client.update(refs.persistentVolumes, { ...volumeNow('v')!, spec });
    await cluster.settle();
    expect(volumeNow('v')?.status?.phase).toBe('Available');
  });
});

describe('a claim whose volume is gone', () => {
  it('is lost, and stays so', async () => {
    await start(volume('v'), claim('data'));
    await cluster.client.delete(refs.persistentVolumes, { name: 'v' });
    await cluster.settle();
    expect(claimNow('data')?.status?.phase).toBe('Lost');
    expect(claimNow('data')?.status?.capacity).toBeUndefined();
    expect(told()).toContain(
      'ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!',
    );
  });
});

it('a volume that was made for a claim that took another is unbound', async () => {
  await start(volume('v'), claim('data'));
  const { uid } = claimNow('data')!.metadata;
  const claimRef = { namespace: 'default', name: 'data', uid };
  const byUs = { annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes' } };
  await cluster.client.create(refs.persistentVolumes, volume('other', { claimRef }, byUs));
  await cluster.client.create(refs.persistentVolumes, volume('theirs', { claimRef }));
  await cluster.settle();
  expect(shown('data')).toBe('Bound v');
  expect(volumeNow('other')?.spec.claimRef).toBeUndefined();
  expect(volumeNow('other')?.status?.phase).toBe('Available');
  expect(volumeNow('theirs')?.spec.claimRef).toEqual({ namespace: 'default', name: 'data' });
});
