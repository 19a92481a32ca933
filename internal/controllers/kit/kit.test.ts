import { partOf } from '../../base/testing/part-of.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { selectorFromMap } from '../../api/selectors.ts';
import { forbidden, notFound } from '../../api/status.ts';
import { refs } from '../../client/refs.ts';
import { FakeClient } from '../../client/fake-client.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { controllerOf } from '../owners.ts';
import { planClaim } from './adoption.ts';
import { carryOut, type Hands } from './carry-out.ts';
import { OwnWrites } from './own-writes.ts';
import type { Write } from './write.ts';

const owner = { metadata: { name: 'mine', namespace: 'n', uid: 'me' } };
const candidate = fc.record({
  owner: fc.constantFrom(undefined, 'me', 'another'),
  matches: fc.boolean(),
  ending: fc.boolean(),
});

describe('adoption', () => {
  it('takes only matching orphans that stay, releases only its own, and never steals', () =>
    fc.assert(
      fc.property(fc.array(candidate, { maxLength: 20 }), fc.boolean(), (all, ownerEnds) => {
        const pods = all.map((c, i) =>
          partOf<Pod>({
            metadata: {
              name: `p${i}`,
              uid: `p${i}`,
              namespace: 'n',
              labels: { app: c.matches ? 'a' : 'b' },
              ...(c.ending ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
              ...(c.owner
                ? { ownerReferences: [{ uid: c.owner, controller: true, kind: 'ReplicaSet' }] }
                : {}),
            },
          }),
        );
        const metadata = {
          ...owner.metadata,
          ...(ownerEnds ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
        };
        const plan = planClaim({
          owner: { metadata },
          ownerRef: refs.replicaSets,
          ref: refs.pods,
          selector: selectorFromMap({ app: 'a' }),
          candidates: pods,
        });
        const written = [...plan.adopt.map((a) => a.write), ...plan.release].map(
          (w) => (w as Extract<Write, { verb: 'patch' }>).object as Pod,
        );
        for (const pod of written) expect(controllerOf(pod)?.uid).not.toBe('another');
        if (ownerEnds) expect(written).toEqual([]);
        for (const { candidate: pod } of plan.adopt) {
          expect(controllerOf(pod)).toBeUndefined();
          expect(pod.metadata.labels).toEqual({ app: 'a' });
          expect(pod.metadata.deletionTimestamp).toBeUndefined();
        }
        expect(plan.owned.map((p) => p.metadata.name)).toEqual(
          pods
            .filter((_, i) => all[i]!.owner === 'me' && all[i]!.matches)
            .map((p) => p.metadata.name),
        );
      }),
    ));
});

const hands = (): { client: FakeClient; hands: Hands; told: string[] } => {
  const client = new FakeClient(new FakeClock());
  const told: string[] = [];
  const events = {
    normal: (_: unknown, reason: string) => void told.push(reason),
    warning: (_: unknown, reason: string) => void told.push(reason),
    flushed: () => Promise.resolve(),
  };
  return { client, told, hands: { client, events, guard: new OwnWrites([]) } };
};
const pod = (name: string): Write => ({
  verb: 'create',
  ref: refs.pods,
  object: { metadata: { name, namespace: 'n' } },
});
const names = (client: FakeClient): (string | undefined)[] =>
  client.all<Pod>(refs.pods).map((p) => p.metadata.name);

describe('carrying out', () => {
  it('stops at the first failure, and says which write it was', async () => {
    const h = hands();
    h.client.intercept = (_verb, _ref, { name }) => {
      if (name === 'b') throw forbidden(refs.pods, 'x', 'no');
    };
    const [a, b, c] = [pod('a'), pod('b'), pod('c')];
    const outcome = await carryOut(h.hands, 'k', { steps: [a, b, c] });
    expect(names(h.client)).toEqual(['a']);
    expect([outcome.done(a), outcome.done(b), outcome.done(c)]).toEqual([true, false, false]);
    expect(outcome.failedWrite).toBe(b);
  });

  it('starts slowly, so that a quota is not run into many times', async () => {
    const h = hands();
    let asked = 0;
    h.client.intercept = () => {
      asked += 1;
      throw forbidden(refs.pods, 'x', 'quota');
    };
    const writes = Array.from({ length: 50 }, (_, i) => pod(`p${i}`));
    await carryOut(h.hands, 'k', { steps: [{ pace: 'slow-start', writes }] });
    expect(asked).toBe(1);
  });

  it('does all of a batch that is done together, whatever one of them meets', async () => {
    const h = hands();
    h.client.intercept = (_verb, _ref, { name }) => {
      if (name === 'p1') throw forbidden(refs.pods, 'x', 'no');
    };
    const writes = [pod('p0'), pod('p1'), pod('p2')];
    const steps = [{ pace: 'together' as const, writes }, pod('after')];
    const outcome = await carryOut(h.hands, 'k', { steps });
    expect(names(h.client)).toEqual(['p0', 'p2']);
    expect(outcome.failure).toBeDefined();
  });

  it('forgives that something is gone, and tells nobody that it did it', async () => {
    const h = hands();
    h.client.intercept = () => {
      throw notFound(refs.pods, 'gone');
    };
    const write: Write = {
      verb: 'delete',
      ref: refs.pods,
      object: { metadata: { name: 'gone', namespace: 'n', uid: 'u' } },
      done: () => ({
        verb: 'event',
        about: { kind: 'Pod' },
        type: 'Normal',
        reason: 'Deleted',
        message: '',
      }),
    };
    const outcome = await carryOut(h.hands, 'k', { steps: [write] });
    expect(outcome.failure).toBeUndefined();
    expect(outcome.done(write)).toBe(true);
    expect(h.told).toEqual([]);
  });
});

describe('the guard of own writes', () => {
  const mirror = (): { resourceVersion: string; get: (key: string) => object | undefined } => ({
    resourceVersion: '10',
    get: () => undefined,
  });
  const guardOf = (m: ReturnType<typeof mirror>): OwnWrites =>
    new OwnWrites([{ ref: refs.pods, mirror: m as never }]);

  it('waits for the version that was written', () => {
    const m = mirror();
    const guard = guardOf(m);
    guard.wrote('k', refs.pods, { metadata: { resourceVersion: '12' } });
    expect([guard.seen('k'), guard.seen('other')]).toEqual([false, true]);
    m.resourceVersion = '12';
    expect(guard.seen('k')).toBe(true);
  });
  it('waits until what was deleted is gone, marked, or another of the same name', () => {
    const m = mirror();
    const guard = guardOf(m);
    const metadata = { name: 'p', namespace: 'n', uid: 'u' };
    m.get = () => ({ metadata });
    guard.deleted('k', refs.pods, { metadata });
    expect(guard.seen('k')).toBe(false);
    m.get = () => ({ metadata: { ...metadata, deletionTimestamp: 'now' } });
    expect(guard.seen('k')).toBe(true);
    guard.deleted('k', refs.pods, { metadata });
    m.get = () => ({ metadata: { ...metadata, uid: 'next' } });
    expect(guard.seen('k')).toBe(true);
  });
  it('does not wait for what has no mirror', () => {
    const guard = guardOf(mirror());
    guard.wrote('k', refs.secrets, { metadata: { resourceVersion: '99' } });
    expect(guard.seen('k')).toBe(true);
  });
});
