import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../io/clock-fake.ts';
import { podInfo } from '../cache/pod-info.ts';
import { action } from '../framework/events.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { node, pod, TestCluster } from '../testing/cluster.ts';
import { Heap } from './heap.ts';
import type { QueuedPod } from './queued-pod.ts';
import { SchedulingQueue } from './scheduling-queue.ts';

function setUp() {
  const clock = new FakeClock();
  const { profile } = new TestCluster();
  const queue = new SchedulingQueue({
    clock,
    firstBackoffMs: 1000,
    longestBackoffMs: 10_000,
    ready: () => undefined,
  });
  const add = (p: Pod): string => {
    const info = podInfo(p);
    queue.add(info, profile);
    return info.key;
  };
  const refuse = (p: QueuedPod, ...plugins: string[]): void =>
    queue.unschedulable(p, { plugins: new Set(plugins), pending: new Set() });
  const pop = (): QueuedPod => {
    const popped = queue.pop();
    if (!popped) throw new Error('the queue is empty');
    return popped;
  };
  return { clock, queue, add, refuse, pop };
}

const freed = { resource: 'Pod', actions: action.delete } as const;
const gone = (): object => ({
  ...freed,
  old: { ...pod('1'), spec: { containers: [], nodeName: 'n' } },
});

describe('the heap', () => {
  it('gives what is in it in order, whatever was put in and taken out', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: -5, max: 5 }))),
        (steps) => {
          const heap = new Heap<{ key: string; rank: number }>(
            (x) => x.key,
            (a, b) => a.rank - b.rank,
          );
          const model = new Map<string, number>();
          for (const [key, rank] of steps) {
            if (rank < -2) {
              expect(heap.delete(String(key))).toBe(model.delete(String(key)));
            } else {
              heap.set({ key: String(key), rank });
              model.set(String(key), rank);
            }
          }
          expect(heap.size).toBe(model.size);
          const out: number[] = [];
          for (let item = heap.pop(); item; item = heap.pop()) {
            expect(model.get(item.key)).toBe(item.rank);
            out.push(item.rank);
          }
          expect(out).toEqual([...model.values()].sort((a, b) => a - b));
        },
      ),
    );
  });
});

describe('the queue', () => {
  it('gives the most important pod first, then the one that came first', async () => {
    const { clock, add, pop } = setUp();
    const first = add(pod('1'));
    await clock.advance(5);
    const [second, important] = [add(pod('1')), add(pod('1', { priority: 7 }))];
    expect([pop().key, pop().key, pop().key]).toEqual([important, first, second]);
  });

  it('wakes a pod only by an event that may undo its refusal', () => {
    const { queue, add, pop, refuse } = setUp();
    const key = add(pod('1'));
    refuse(pop(), 'NodeResourcesFit');
    expect(queue.stateOf(key)).toBe('unschedulable');
    const small = node('s', { cpu: '500m' });
    queue.happened({ resource: 'Node', actions: action.add, now: small });
    queue.happened({ resource: 'PersistentVolume', actions: action.add, now: {} });
    expect(queue.stateOf(key)).toBe('unschedulable');
    queue.happened({ resource: 'Node', actions: action.add, now: node('l', { cpu: '2' }) });
    expect(queue.stateOf(key)).toBe('backoff');
  });

  it('wakes a pod that nobody in particular refused by any event', () => {
    const { queue, add, pop, refuse } = setUp();
    const key = add(pod('1'));
    refuse(pop());
    queue.happened({ resource: 'Node', actions: action.add, now: node('n') });
    expect(queue.stateOf(key)).toBe('backoff');
  });

  it('heeds what happened while the pod was looked at', () => {
    const { queue, add, pop, refuse } = setUp();
    const key = add(pod('1'));
    const popped = pop();
    queue.happened(gone() as never);
    refuse(popped, 'NodeResourcesFit');
    expect(queue.stateOf(key)).toBe('backoff');
  });

  it('rests longer each time, after errors apart from refusals', async () => {
    const { clock, queue, add, pop } = setUp();
    const key = add(pod('1'));
    for (const restMs of [1000, 2000, 4000, 8000, 10_000, 10_000]) {
      queue.failed(pop());
      await clock.advance(restMs - 1);
      expect(queue.stateOf(key)).toBe('backoff');
      expect(queue.pop()).toBeUndefined();
      await clock.advance(1);
      expect(queue.stateOf(key)).toBe('active');
    }
  });

  it('does not let a pod rest that was refused when there is nothing else to do', () => {
    const { queue, add, pop, refuse } = setUp();
    const key = add(pod('1'));
    refuse(pop(), 'NodeResourcesFit');
    queue.happened(gone() as never);
    expect(queue.stateOf(key)).toBe('backoff');
    expect(pop().key).toBe(key);
  });

  it('looks again after five minutes, should an event have been missed', async () => {
    const { clock, queue, add, pop, refuse } = setUp();
    const key = add(pod('1'));
    refuse(pop(), 'NodeResourcesFit');
    await clock.advance(299_999);
    expect(queue.stateOf(key)).toBe('unschedulable');
    await clock.advance(1);
    expect(queue.stateOf(key)).toBe('active');
  });

  it('holds gated pods back until their gates are gone', async () => {
    const { clock, queue, add } = setUp();
    const gated = pod('1', { schedulingGates: [{ name: 'g' }] });
    const key = add(gated);
    expect([queue.stateOf(key), queue.pop()]).toEqual(['gated', undefined]);
    await clock.advance(600_000);
    queue.happened({ resource: 'Node', actions: action.add, now: node('n') });
    expect(queue.stateOf(key)).toBe('gated');
    queue.update(podInfo({ ...gated, spec: { ...gated.spec, schedulingGates: [] } }));
    expect(queue.stateOf(key)).toBe('active');
  });

  it('forgets a pod that is gone, wherever it was', () => {
    const { queue, add, pop, refuse } = setUp();
    const [a, b] = [add(pod('1', { priority: 2 })), add(pod('1'))];
    const popped = pop();
    queue.remove(a);
    queue.remove(b);
    refuse(popped, 'NodeResourcesFit');
    expect([queue.size, queue.stateOf(a), queue.pop()]).toEqual([0, undefined, undefined]);
  });
});
