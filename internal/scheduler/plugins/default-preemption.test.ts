import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { podInfo } from '../cache/pod-info.ts';
import { node, pod, TestCluster } from '../testing/cluster.ts';

const low = (cpu: string): Pod => pod(cpu, { priority: 1 });
const high = (cpu: string): Pod => pod(cpu, { priority: 100 });

/** The pods that were evicted, once the eviction has run. */
async function evicted(cluster: TestCluster): Promise<string[]> {
  await cluster.clock.advance(10);
  return cluster.client.writes.filter((w) => w.verb !== 'create').map((w) => w.target);
}

describe('preemption', () => {
  it('takes as few and as unimportant pods as it can', async () => {
    const [a1, a2, b1] = [low('400m'), low('500m'), pod('900m', { priority: 5 })];
    const cluster = new TestCluster().with(node('a'), a1, a2).with(node('b'), b1);
    expect(cluster.preempt(high('500m'))).toEqual({ nominated: 'a', message: '' });
    expect(await evicted(cluster)).toEqual([`default/${a2.metadata.name}`]);
  });

  it('spares pods whose budget is used up', () => {
    const protectedPod = pod('900m', { priority: 1 }, { app: 'db' });
    const budget = (disruptionsAllowed: number, more: object = {}): object => ({
      metadata: { namespace: 'default' },
      spec: { selector: { matchLabels: { app: 'db' } } },
      status: { disruptionsAllowed, ...more },
    });
    const of = (...budgets: object[]): string | undefined =>
      new TestCluster({ budgets })
        .with(node('a'), protectedPod)
        .with(node('b'), pod('900m', { priority: 2 }))
        .preempt(high('500m')).nominated;
    expect(of(budget(0))).toBe('b');
    expect(of(budget(1))).toBe('a');
    expect(of(budget(0, { disruptedPods: { [protectedPod.metadata.name ?? '']: 'x' } }))).toBe('a');
  });

  it('breaks a budget when there is no other way, and reprieves the protected first', async () => {
    const budgets = [
      {
        metadata: { namespace: 'default' },
        spec: { selector: { matchLabels: { app: 'db' } } },
        status: { disruptionsAllowed: 0 },
      },
    ];
    const [safe, other] = [pod('400m', { priority: 1 }, { app: 'db' }), low('400m')];
    const cluster = new TestCluster({ budgets }).with(node('a'), safe, other);
    expect(cluster.preempt(high('500m')).nominated).toBe('a');
    expect(await evicted(cluster)).toEqual([`default/${other.metadata.name}`]);
  });

  it('prefers the node whose first victim started last', () => {
    const started = (startTime: string): Pod => ({ ...low('900m'), status: { startTime } }) as Pod;
    const cluster = new TestCluster()
      .with(node('a'), started('2026-01-01T00:00:00Z'))
      .with(node('b'), started('2026-01-02T00:00:00Z'));
    expect(cluster.preempt(high('500m')).nominated).toBe('b');
  });

  it('sees what goes with the victims: ports, spread, anti-affinity', () => {
    const term = {
      labelSelector: { matchLabels: { app: 'x' } },
      topologyKey: 'kubernetes.io/hostname',
    };
    const affinity = {
      podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] },
    };
    const cluster = new TestCluster().with(node('a'), pod('1m', { priority: 1 }, { app: 'x' }));
    expect(cluster.preempt(pod('1m', { priority: 9, affinity } as never)).nominated).toBe('a');
  });

  it('says when it is of no use', () => {
    const cluster = new TestCluster()
      .with(node('a'), pod('900m', { priority: 100 }))
      .with(node('b', { unschedulable: true }));
    expect(cluster.preempt(high('500m'))).toEqual({
      nominated: '',
      message:
        'no new claims to deallocate, preemption: 0/2 nodes are available: ' +
        '1 No preemption victims found for incoming pod, ' +
        '1 Preemption is not helpful for scheduling.',
    });
    const never = pod('500m', { priority: 200, preemptionPolicy: 'Never' });
    expect(cluster.preempt(never).message).toBe(
      'no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.',
    );
  });

  it('waits for the victims that are going already', () => {
    const going = {
      ...low('900m'),
      status: {
        conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }],
      },
    } as Pod;
    going.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    const cluster = new TestCluster().with(node('a'), going);
    const waiting = high('500m');
    cluster.cache.nominate(podInfo(waiting), 'a');
    expect(cluster.preempt(waiting).message).toContain(
      'not eligible due to a terminating pod on the nominated node.',
    );
  });

  it('keeps the promised room from lesser pods', () => {
    const cluster = new TestCluster().with(node('a'));
    cluster.cache.nominate(podInfo(high('800m')), 'a');
    expect(cluster.place(low('500m'))).toContain('1 Insufficient cpu');
    expect(cluster.place(pod('500m', { priority: 1000 }))).toBe('a');
  });
});
