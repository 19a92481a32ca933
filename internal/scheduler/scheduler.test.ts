import { describe, expect, it } from 'vitest';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../api/generated/types/core-v1.ts';
import type { ResourceClaim } from '../api/generated/types/resource-v1.ts';
import { FakeClient } from '../client/fake-client.ts';
import { mirrorFactory } from '../client/mirrors.ts';
import { refs } from '../client/refs.ts';
import { FakeClock } from '../io/clock-fake.ts';
import { silentLog } from '../io/log.ts';
import { defaultConfiguration, type SchedulerConfiguration } from './config/configuration.ts';
import { startScheduler } from './scheduler.ts';

const node = (name: string, cpu: string): object => ({
  metadata: { name },
  spec: {},
  status: { allocatable: { cpu, memory: '1Gi', pods: '10' } },
});
const pod = (name: string, cpu: string, spec: object = {}): object => ({
  metadata: { name, namespace: 'default' },
  spec: {
    schedulerName: 'default-scheduler',
    containers: [{ name: 'c', resources: { requests: { cpu } } }],
    ...spec,
  },
  status: { phase: 'Pending' },
});

async function setUp(
  configuration?: SchedulerConfiguration,
): Promise<{
  clock: FakeClock;
  client: FakeClient;
  stop(): void;
  nodeOf(name: string): string | undefined;
  pod(name: string): Pod;
}> {
  const clock = new FakeClock();
  const client = new FakeClient(clock);
  const mirrors = mirrorFactory(client, clock, silentLog);
  const scheduler = await startScheduler({
    client,
    mirrors,
    clock,
    log: silentLog,
    ...(configuration && { configuration }),
  });
  const get = (name: string): Pod =>
    client.all<Pod>(refs.pods).find((p) => p.metadata.name === name) as Pod;
  return {
    clock,
    client,
    stop: () => scheduler.stop(),
    nodeOf: (name) => get(name)?.spec.nodeName,
    pod: get,
  };
}

describe('the scheduler', () => {
  it('binds what fits and tells why the rest waits, until an event helps', async () => {
    const t = await setUp();
    await t.client.create(refs.nodes, node('n1', '1'));
    await t.client.create(refs.pods, pod('a', '600m'));
    await t.client.create(refs.pods, pod('b', '600m'));
    await t.clock.advance(10);
    expect(t.nodeOf('a')).toBe('n1');
    expect(t.nodeOf('b')).toBeUndefined();
    expect(t.pod('b').status.conditions?.[0]).toMatchObject({
      reason: 'Unschedulable',
      message:
        '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, ' +
        'preemption: 0/1 nodes are available: 1 ' +
        'No preemption victims found for incoming pod.',
    });
    await t.client.delete(
      refs.pods,
      { namespace: 'default', name: 'a' },
      { gracePeriodSeconds: 0 },
    );
    await t.clock.advance(2000);
    expect(t.nodeOf('b')).toBe('n1');
    t.stop();
  });

  it('preempts for a more important pod and gives it the room', async () => {
    const t = await setUp();
    await t.client.create(refs.nodes, node('n1', '1'));
    await t.client.create(refs.pods, pod('low', '800m', { priority: 1 }));
    await t.clock.advance(10);
    await t.client.create(refs.pods, pod('high', '800m', { priority: 1000 }));
    await t.clock.advance(1500);
    expect(t.pod('low').metadata.deletionTimestamp).toBeDefined();
    expect(t.pod('high').status.nominatedNodeName).toBe('n1');
    await t.client.delete(
      refs.pods,
      { namespace: 'default', name: 'low' },
      { gracePeriodSeconds: 0 },
    );
    await t.clock.advance(3000);
    expect(t.nodeOf('high')).toBe('n1');
    t.stop();
  });

  it('leaves other schedulers’ and gated pods alone', async () => {
    const t = await setUp();
    await t.client.create(refs.nodes, node('n1', '1'));
    await t.client.create(refs.pods, pod('other', '1m', { schedulerName: 'mine' }));
    await t.client.create(refs.pods, pod('gated', '1m', { schedulingGates: [{ name: 'g' }] }));
    await t.clock.advance(10);
    expect([t.nodeOf('other'), t.nodeOf('gated')]).toEqual([undefined, undefined]);
    t.stop();
  });

  it('gives a gated pod its node once its gates are gone', async () => {
    const t = await setUp();
    await t.client.create(refs.nodes, node('n1', '1'));
    await t.client.create(refs.pods, pod('gated', '1m', { schedulingGates: [{ name: 'g' }] }));
    await t.clock.advance(600_000);
    expect(t.nodeOf('gated')).toBeUndefined();
    await t.client.patch(
      refs.pods,
      { namespace: 'default', name: 'gated' },
      { type: 'merge', body: { spec: { schedulingGates: null } } },
    );
    await t.clock.advance(10);
    expect(t.nodeOf('gated')).toBe('n1');
    t.stop();
  });

  it('waits for a node when there is none, without trying again and again', async () => {
    const t = await setUp();
    await t.client.create(refs.pods, pod('a', '1m'));
    await t.clock.advance(100_000);
    expect(t.pod('a').status.conditions?.[0]?.message).toBe('no nodes available to schedule pods');
    expect(t.client.writes.filter((w) => w.subresource === 'status')).toHaveLength(1);
    await t.client.create(refs.nodes, node('n1', '1'));
    await t.clock.advance(10);
    expect(t.nodeOf('a')).toBe('n1');
    t.stop();
  });

  it('tries again after its back-off when binding fails, and gives the room back', async () => {
    const t = await setUp();
    await t.client.create(refs.nodes, node('n1', '1'));
    let broken = true;
    t.client.intercept = (_verb, _ref, { name, subresource }) => {
      if (broken && subresource === 'binding' && name === 'a') throw new Error('the line is dead');
    };
    await t.client.create(refs.pods, pod('a', '800m'));
    await t.clock.advance(10);
    expect(t.pod('a').status.conditions?.[0]).toMatchObject({
      reason: 'SchedulerError',
      message: 'the line is dead',
    });
    // What was assumed is free again: another pod may have it.
    await t.client.create(refs.pods, pod('b', '800m'));
    await t.clock.advance(10);
    expect(t.nodeOf('b')).toBe('n1');
    broken = false;
    await t.client.delete(
      refs.pods,
      { namespace: 'default', name: 'b' },
      { gracePeriodSeconds: 0 },
    );
    await t.clock.advance(5000);
    expect(t.nodeOf('a')).toBe('n1');
    t.stop();
  });

  it('schedules the pods of each profile in its way', async () => {
    const [standard] = defaultConfiguration.profiles;
    const packed = {
      ...standard!,
      schedulerName: 'packed',
      args: {
        ...standard!.args,
        NodeResourcesFit: {
          ...standard!.args.NodeResourcesFit,
          scoringStrategy: {
            type: 'MostAllocated' as const,
            resources: [{ name: 'cpu', weight: 1 }],
          },
        },
      },
    };
    const t = await setUp({ ...defaultConfiguration, profiles: [standard!, packed] });
    for (const name of ['n1', 'n2']) await t.client.create(refs.nodes, node(name, '10'));
    await t.client.create(refs.pods, pod('there', '1', { nodeName: 'n1' }));
    await t.clock.advance(10);
    await t.client.create(refs.pods, pod('packs', '1', { schedulerName: 'packed' }));
    await t.clock.advance(10);
    await t.client.create(refs.pods, pod('spreads', '1'));
    await t.clock.advance(10);
    expect([t.nodeOf('packs'), t.nodeOf('spreads')]).toEqual(['n1', 'n2']);
    t.stop();
  });

  it('keeps the room for the pod that evicted others, and lets a lesser one wait', async () => {
    const t = await setUp();
    await t.client.create(refs.nodes, node('n1', '1'));
    await t.client.create(refs.pods, pod('low', '800m', { priority: 1 }));
    await t.clock.advance(10);
    await t.client.create(refs.pods, pod('high', '800m', { priority: 1000 }));
    await t.clock.advance(10);
    // What it wrote about itself is no reason to look at it again.
    expect(t.pod('high').status.conditions?.[0]?.message).toBe(
      '0/1 nodes are available: 1 Insufficient cpu.',
    );
    await t.client.create(refs.pods, pod('sneaky', '800m', { priority: 10 }));
    const gone = { gracePeriodSeconds: 0 };
    await t.client.delete(refs.pods, { namespace: 'default', name: 'low' }, gone);
    await t.clock.advance(20_000);
    expect([t.nodeOf('high'), t.nodeOf('sneaky')]).toEqual(['n1', undefined]);
    const conditions = JSON.stringify(t.client.writes);
    expect(conditions).toContain('preempting to accommodate a higher priority pod');
    t.stop();
  });

  it('allocates devices for a claim and reserves it before it binds', async () => {
    const t = await setUp();
    for (const name of ['n1', 'n2']) await t.client.create(refs.nodes, node(name, '1'));
    await t.client.create(refs.deviceClasses, { metadata: { name: 'gpu' }, spec: {} });
    await t.client.create(refs.resourceSlices, {
      metadata: { name: 's' },
      spec: {
        driver: 'd.example.com',
        pool: { name: 'n2', generation: 1, resourceSliceCount: 1 },
        nodeName: 'n2',
        devices: [{ name: 'g0' }],
      },
    });
    const using = { resourceClaims: [{ name: 'g', resourceClaimName: 'c' }] };
    await t.client.create(refs.pods, pod('first', '1m', using));
    await t.clock.advance(10);
    expect(t.nodeOf('first')).toBeUndefined();
    const claim = (name: string): object => ({
      metadata: { name, namespace: 'default' },
      spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu' } }] } },
    });
    await t.client.create(refs.resourceClaims, claim('c'));
    await t.clock.advance(3000);
    expect(t.nodeOf('first')).toBe('n2');
    const [written] = t.client.all<ResourceClaim>(refs.resourceClaims);
    expect(written?.metadata.finalizers).toEqual(['resource.kubernetes.io/delete-protection']);
    expect(written?.status).toMatchObject({
      allocation: {
        devices: { results: [{ request: 'r', driver: 'd.example.com', pool: 'n2', device: 'g0' }] },
      },
      reservedFor: [{ resource: 'pods', name: 'first', uid: t.pod('first').metadata.uid }],
    });

    // The device is taken until its claim is let go.
    await t.client.create(refs.resourceClaims, claim('other'));
    const others = { resourceClaims: [{ name: 'g', resourceClaimName: 'other' }] };
    await t.client.create(refs.pods, pod('second', '1m', others));
    await t.clock.advance(3000);
    expect(t.pod('second').status.conditions?.[0]?.message).toContain(
      '2 cannot allocate all claims',
    );
    await t.client.update(
      refs.resourceClaims,
      { ...written, status: {} },
      { subresource: 'status' },
    );
    await t.clock.advance(3000);
    expect(t.nodeOf('second')).toBe('n2');
    t.stop();
  });

  describe('with a claim that waits for its first consumer', () => {
    const target = { namespace: 'default', name: 'data' };
    const selected = 'volume.kubernetes.io/selected-node';
    const wanting = (): object =>
      pod('p', '1m', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] });

    async function waiting(provisioner = 'example.com/p') {
      const t = await setUp();
      await t.client.create(refs.nodes, node('n1', '1'));
      await t.client.create(refs.storageClasses, {
        metadata: { name: 'wait' },
        provisioner,
        volumeBindingMode: 'WaitForFirstConsumer',
      });
      await t.client.create(refs.persistentVolumeClaims, {
        metadata: target,
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: 'wait',
          resources: { requests: { storage: '1Gi' } },
        },
        status: { phase: 'Pending' },
      });
      const claim = (): PersistentVolumeClaim =>
        t.client.all<PersistentVolumeClaim>(
          refs.persistentVolumeClaims,
        )[0] as PersistentVolumeClaim;
      const bind = (): Promise<unknown> =>
        t.client.patch(refs.persistentVolumeClaims, target, {
          type: 'merge',
          body: { spec: { volumeName: 'pv' }, status: { phase: 'Bound' } },
        });
      return { ...t, claim, bind };
    }
    const volume = (more: object = {}): object => ({
      metadata: { name: 'pv' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'wait',
        capacity: { storage: '1Gi' },
        ...more,
      },
      status: { phase: 'Available' },
    });

    it('binds the pod only after the claim', async () => {
      const t = await waiting();
      await t.client.create(refs.pods, wanting());
      await t.clock.advance(60_000);
      expect([t.claim().metadata.annotations?.[selected], t.nodeOf('p')]).toEqual([
        'n1',
        undefined,
      ]);
      await t.bind();
      await t.clock.advance(10);
      expect(t.nodeOf('p')).toBeUndefined(); // the claim names a volume that is not there yet
      await t.client.create(refs.persistentVolumes, volume());
      await t.clock.advance(10);
      expect(t.nodeOf('p')).toBe('n1');
      t.stop();
    });

    it('promises a volume that is there to the claim', async () => {
      const t = await waiting('kubernetes.io/no-provisioner');
      await t.client.create(refs.persistentVolumes, volume());
      await t.client.create(refs.pods, wanting());
      await t.clock.advance(10);
      expect(
        t.client.all<PersistentVolume>(refs.persistentVolumes)[0]?.spec.claimRef,
      ).toMatchObject({ namespace: 'default', name: 'data', uid: t.claim().metadata.uid });
      expect([t.claim().metadata.annotations?.[selected], t.nodeOf('p')]).toEqual([
        undefined,
        undefined,
      ]);
      await t.bind();
      await t.clock.advance(10);
      expect(t.nodeOf('p')).toBe('n1');
      t.stop();
    });

    it(
      'tries again when the provisioner takes the node out of the claim, and gives up after ' +
        'ten minutes',
      async () => {
        const t = await waiting();
        await t.client.create(refs.pods, wanting());
        await t.clock.advance(10);
        await t.client.patch(refs.persistentVolumeClaims, target, {
          type: 'merge',
          body: { metadata: { annotations: { [selected]: null } } },
        });
        await t.clock.advance(10);
        expect(t.claim().metadata.annotations?.[selected]).toBeUndefined();
        await t.clock.advance(3000);
        expect([t.claim().metadata.annotations?.[selected], t.nodeOf('p')]).toEqual([
          'n1',
          undefined,
        ]);
        await t.clock.advance(600_000);
        expect(t.nodeOf('p')).toBeUndefined();
        expect(JSON.stringify(t.client.writes)).toContain(
          'binding volumes: timed out waiting for the condition',
        );
        t.stop();
      },
    );

    it('does not wait for a pod that is gone', async () => {
      const t = await waiting();
      await t.client.create(refs.pods, wanting());
      await t.clock.advance(10);
      await t.client.delete(
        refs.pods,
        { namespace: 'default', name: 'p' },
        { gracePeriodSeconds: 0 },
      );
      await t.clock.advance(10);
      await t.bind();
      await t.clock.advance(10_000);
      expect(t.client.writes.some((w) => w.subresource === 'binding')).toBe(false);
      t.stop();
    });
  });
});
