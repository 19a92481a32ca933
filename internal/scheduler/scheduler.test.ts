import { describe, expect, it } from 'vitest';
import type { Pod } from '../api/generated/types/core-v1.ts';
import { FakeClient } from '../client/fake-client.ts';
import { mirrorFactory } from '../client/mirrors.ts';
import { refs } from '../client/refs.ts';
import { FakeClock } from '../io/clock-fake.ts';
import { silentLog } from '../io/log.ts';
import { startScheduler } from './scheduler.ts';

const node = (name: string, cpu: string): object => ({ metadata: { name }, spec: {}, status: { allocatable: { cpu, memory: '1Gi', pods: '10' } } });
const pod = (name: string, cpu: string, spec: object = {}): object => ({
  metadata: { name, namespace: 'default' },
  spec: { schedulerName: 'default-scheduler', containers: [{ name: 'c', resources: { requests: { cpu } } }], ...spec },
  status: { phase: 'Pending' },
});

async function setUp(): Promise<{ clock: FakeClock; client: FakeClient; stop(): void; nodeOf(name: string): string | undefined; pod(name: string): Pod }> {
  const clock = new FakeClock();
  const client = new FakeClient(clock);
  const mirrors = mirrorFactory(client, clock, silentLog);
  const scheduler = await startScheduler({ client, mirrors, clock, log: silentLog });
  const get = (name: string): Pod => client.all<Pod>(refs.pods).find((p) => p.metadata.name === name) as Pod;
  return { clock, client, stop: () => scheduler.stop(), nodeOf: (name) => get(name)?.spec.nodeName, pod: get };
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
      message: '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    });
    await t.client.delete(refs.pods, { namespace: 'default', name: 'a' }, { gracePeriodSeconds: 0 });
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
    await t.client.delete(refs.pods, { namespace: 'default', name: 'low' }, { gracePeriodSeconds: 0 });
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
});
