import { describe, expect, test } from 'vitest';
import type { Lease } from '../api/generated/types/coordination-v1.ts';
import { FakeClock } from '../io/clock-fake.ts';
import { silentLog } from '../io/log.ts';
import { FakeClient } from './fake-client.ts';
import { electLeader, type LeaderElection } from './leader-election.ts';
import type { Client } from './client.ts';
import { mirrorFactory } from './mirrors.ts';
import { refs } from './refs.ts';

/** Candidates that share a store; `cut` makes one's calls hang, as a lost network does. */
function cluster() {
  const clock = new FakeClock();
  const store = new FakeClient(clock);
  const working = new Set<string>();
  let most = 0;
  const cut = new Set<string>();
  const viewOf = (who: string): Client =>
    new Proxy(store, {
      get: (target, name) => {
        const value = Reflect.get(target, name) as unknown;
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) =>
          cut.has(who)
            ? new Promise(() => undefined)
            : (value as (...all: unknown[]) => unknown).apply(target, args);
      },
    });
  const candidate = (identity: string): LeaderElection =>
    electLeader({
      client: viewOf(identity),
      mirrors: mirrorFactory(viewOf(identity), clock, silentLog),
      clock,
      log: silentLog,
      namespace: 'kube-system',
      name: 'test',
      identity,
      lead: () => {
        working.add(identity);
        most = Math.max(most, working.size);
        return Promise.resolve({ stop: () => void working.delete(identity) });
      },
    });
  const lease = (): Lease['spec'] => store.all<Lease>(refs.leases)[0]?.spec;
  return { clock, store, working, cut, candidate, lease, most: () => most };
}

describe('leader election', () => {
  test('one works, and keeps the lease by renewing it', async () => {
    const c = cluster();
    const [a, b] = [c.candidate('a'), c.candidate('b')];
    await c.clock.advance(100);
    expect([...c.working]).toEqual(['a']);
    expect([a.leads, b.leads]).toEqual([true, false]);
    const first = c.lease();
    await c.clock.advance(60_000);
    expect([...c.working]).toEqual(['a']);
    expect(c.lease()).toMatchObject({
      holderIdentity: 'a',
      leaseTransitions: 0,
      leaseDurationSeconds: 15,
      acquireTime: first?.acquireTime,
    });
    expect(c.lease()?.renewTime).not.toBe(first?.renewTime);
  });

  test('who stops gives the lease back, and the next takes it at once', async () => {
    const c = cluster();
    const a = c.candidate('a');
    await c.clock.advance(100);
    c.candidate('b');
    await c.clock.advance(5_000);
    const stopped = a.stop();
    await c.clock.advance(10);
    await stopped;
    await c.clock.advance(100);
    expect([...c.working]).toEqual(['b']);
    expect(c.most()).toBe(1);
    expect(c.lease()).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  test('who cannot renew stops before the lease runs out and another begins', async () => {
    const c = cluster();
    c.candidate('a');
    await c.clock.advance(100);
    c.candidate('b');
    await c.clock.advance(30_000);
    c.cut.add('a');
    await c.clock.advance(11_000);
    expect(c.working.size).toBe(0);
    await c.clock.advance(4_500);
    expect([...c.working]).toEqual(['b']);
    c.cut.delete('a');
    await c.clock.advance(60_000);
    expect([...c.working]).toEqual(['b']);
    expect(c.most()).toBe(1);
  });

  test(
    'the same identity goes on at once after its process was killed; a wall clock that jumps ' +
      'changes nothing',
    async () => {
      const c = cluster();
      c.candidate('a');
      await c.clock.advance(100);
      c.candidate('b');
      c.clock.jump(3_600_000);
      await c.clock.advance(20_000);
      expect([...c.working]).toEqual(['a']);
      const again = c.candidate('a');
      await c.clock.advance(10);
      expect(again.leads).toBe(true);
    },
  );

  test('a lease that somebody else takes by force is given up', async () => {
    const c = cluster();
    const a = c.candidate('a');
    await c.clock.advance(100);
    await c.store.patch(
      refs.leases,
      { namespace: 'kube-system', name: 'test' },
      { type: 'merge', body: { spec: { holderIdentity: 'c' } } },
    );
    await c.clock.advance(2_500);
    expect([a.leads, c.working.size]).toEqual([false, 0]);
  });
});
