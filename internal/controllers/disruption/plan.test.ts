import { partOf } from '../../base/testing/part-of.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { PodDisruptionBudget } from '../../api/generated/types/policy-v1.ts';
import { timeOf } from '../../api/times.ts';
import { isReadyPod, nowMs, ready, World } from '../testing/world.ts';
import { plan, selectedBy, type BudgetView } from './plan.ts';

const budgetOf = (spec: object): PodDisruptionBudget =>
  partOf<PodDisruptionBudget>({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'pdb', namespace: 'n', uid: 'pdb', generation: 1 },
    spec: { selector: { matchLabels: { app: 'a' } }, ...spec },
  });

const viewOf = (world: World, expected: number): BudgetView => {
  const budget = world.objects.get('pdb') as PodDisruptionBudget;
  const pods = selectedBy(budget, world.pods());
  return { what: 'budget', budget, pods, scale: { expected, unmanaged: 0 }, nowMs };
};

const addPods = (world: World, states: boolean[]): void => {
  for (const up of states)
    world.add(
      partOf<Pod>({
        kind: 'Pod',
        metadata: { namespace: 'n', labels: { app: 'a' } },
        spec: {},
        status: { phase: 'Running', conditions: up ? [ready] : [] },
      }),
    );
};

const limit = fc.oneof(
  fc.nat({ max: 8 }),
  fc.nat({ max: 100 }).map((n) => `${n}%`),
);

describe('the plan of a disruption budget', () => {
  it('lets go of so many that what it asks for is left, and then has nothing to say', () =>
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
        fc.constantFrom('minAvailable', 'maxUnavailable'),
        limit,
        (states, which, value) => {
          const world = new World();
          world.add(budgetOf({ [which]: value }));
          addPods(world, states);
          const n = states.length;
          const part = (v: string | number): number =>
            typeof v === 'number' ? v : Math.ceil((n * parseInt(v, 10)) / 100);
          const least = which === 'minAvailable' ? part(value) : Math.max(0, n - part(value));
          world.carryOut(plan(viewOf(world, n)));
          for (;;) {
            const { status } = world.objects.get('pdb') as PodDisruptionBudget;
            const up = world.pods().filter(isReadyPod);
            if (status.disruptionsAllowed === 0) break;
            world.objects.delete(up[0]!.metadata.uid!);
            expect(up.length - 1).toBeGreaterThanOrEqual(least);
            world.carryOut(plan(viewOf(world, n)));
          }
          // A budget in pods counts those that are there; all else counts those that should be.
          expect(
            plan(viewOf(world, n)).steps.filter((s) => !('verb' in s) || s.verb !== 'event'),
          ).toEqual([]);
        },
      ),
    ));

  it('counts a pod that is being evicted as gone, until that takes too long', () => {
    const world = new World();
    world.add(budgetOf({ maxUnavailable: 1 }));
    addPods(world, [true, true]);
    const [first] = world.pods();
    const evictedAt = (ms: number): void => {
      const budget = world.objects.get('pdb') as PodDisruptionBudget;
      const disruptedPods = { [first!.metadata.name!]: timeOf(ms) };
      world.objects.set('pdb', { ...budget, status: { disruptedPods } } as never);
    };
    const after = (): PodDisruptionBudget['status'] => {
      world.carryOut(plan(viewOf(world, 2)));
      return (world.objects.get('pdb') as PodDisruptionBudget).status;
    };
    evictedAt(nowMs - 60_000);
    expect(plan(viewOf(world, 2)).againInMs).toBe(60_001);
    expect(after()).toMatchObject({ currentHealthy: 1, disruptionsAllowed: 0 });
    evictedAt(nowMs - 180_000);
    expect(after()).toMatchObject({ currentHealthy: 2, disruptionsAllowed: 1 });
  });

  it('lets nobody go while it is not known how many there should be', () => {
    const world = new World();
    world.add(budgetOf({ maxUnavailable: 1 }));
    addPods(world, [true, true]);
    const view = { ...viewOf(world, 2), scale: { unknown: 'no owner' } };
    const made = plan(view);
    expect(made.failure).toBe('no owner');
    world.carryOut(made);
    const { status } = world.objects.get('pdb') as PodDisruptionBudget;
    expect(status).toMatchObject({ disruptionsAllowed: 0, conditions: [{ reason: 'SyncFailed' }] });
  });
});
