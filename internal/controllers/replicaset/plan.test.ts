import { partOf } from '../../base/testing/part-of.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { isActive } from '../pod-facts.ts';
import { nowMs, ready, World } from '../testing/world.ts';
import { planSet, type SetView } from './plan.ts';

const set = { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 's', uid: 'set' } };
const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [] } };

const viewOf = (world: World, replicas: number, ending = false): SetView => {
  const active = world.pods().filter(isActive);
  const metadata = { ...set.metadata, ...(ending ? { deletionTimestamp: 'now' } : {}) };
  return {
    set: { ...set, metadata },
    ref: refs.replicaSets,
    facts: { replicas, minReadySeconds: 0, templateLabels: {}, generation: 1, status: {} },
    template,
    active,
    related: active,
    terminating: 0,
    nowMs,
  };
};

const podFact = fc.record({
  phase: fc.constantFrom('Pending', 'Running', 'Succeeded', 'Failed'),
  ready: fc.boolean(),
  node: fc.constantFrom('', 'a', 'b'),
});

describe('the plan of a set', () => {
  it('makes as many pods as are asked for, never overshoots, and then has nothing to do', () =>
    fc.assert(
      fc.property(fc.array(podFact, { maxLength: 12 }), fc.nat({ max: 12 }), (facts, replicas) => {
        const world = new World();
        for (const f of facts)
          world.add(
            partOf<Pod>({
              kind: 'Pod',
              metadata: { namespace: 'n' },
              spec: { containers: [], ...(f.node ? { nodeName: f.node } : {}) },
              status: { phase: f.phase, conditions: f.ready ? [ready] : [] },
            }),
          );
        const count = (): number => world.pods().filter(isActive).length;
        const [low, high] = [Math.min(count(), replicas), Math.max(count(), replicas)];
        world.carryOut(planSet(viewOf(world, replicas)), () => {
          expect(count()).toBeGreaterThanOrEqual(low);
          expect(count()).toBeLessThanOrEqual(high);
        });
        expect(count()).toBe(replicas);
        expect(planSet(viewOf(world, replicas)).steps).toEqual([]);
      }),
    ));

  it('deletes no ready pod while there is one that is not', () =>
    fc.assert(
      fc.property(fc.nat({ max: 8 }), fc.nat({ max: 8 }), fc.nat({ max: 16 }), (up, down, keep) => {
        const world = new World();
        for (let i = 0; i < up + down; i += 1)
          world.add(
            partOf<Pod>({
              kind: 'Pod',
              metadata: { namespace: 'n' },
              spec: { containers: [], nodeName: 'a' },
              status: { phase: 'Running', conditions: i < up ? [ready] : [] },
            }),
          );
        world.carryOut(planSet(viewOf(world, keep)));
        const left = world.pods().filter((p) => p.status?.conditions?.length).length;
        expect(left).toBe(Math.min(up, Math.max(keep, 0)));
      }),
    ));

  it('does nothing for a set that is being deleted', () =>
    expect(planSet(viewOf(new World(), 3, true)).steps).toEqual([]));
});
