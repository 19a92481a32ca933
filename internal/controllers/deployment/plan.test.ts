import { partOf } from '../../base/testing/part-of.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Deployment, ReplicaSet } from '../../api/generated/types/apps-v1.ts';
import { nowMs, World } from '../testing/world.ts';
import { planDeployment } from './plan.ts';
import type { RolloutView } from './rollout.ts';
import * as view from './view.ts';

interface Shape {
  replicas: number;
  surge: number;
  unavailable: number;
}

const template = (image: string): object => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image }] },
});

const deploymentOf = (shape: Shape, image: string): Deployment =>
  partOf<Deployment>({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'n', uid: 'd', generation: 1 },
    spec: {
      replicas: shape.replicas,
      selector: { matchLabels: { app: 'web' } },
      template: template(image),
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxSurge: shape.surge, maxUnavailable: shape.unavailable },
      },
    },
  });

const setsOf = (world: World): ReplicaSet[] =>
  [...world.objects.values()].filter((o) => o.kind === 'ReplicaSet') as ReplicaSet[];

const viewOf = (world: World): RolloutView => {
  const deployment = world.objects.get('d') as Deployment;
  const owned = setsOf(world);
  return {
    deployment,
    owned,
    named: (name) => owned.find((rs) => rs.metadata.name === name),
    podsOf: () => [],
    nowMs,
  };
};

const available = (rs: ReplicaSet): number =>
  Math.min(rs.status?.availableReplicas ?? 0, view.size(rs));
const total = (world: World, of: (rs: ReplicaSet) => number): number =>
  setsOf(world).reduce((n, rs) => n + of(rs), 0);

/** The sets do their part, as far as `share` says how many of the missing pods are up by now. */
const setsWork = (world: World, share: (missing: number) => number): void => {
  for (const rs of setsOf(world)) {
    const up = available(rs);
    const now = up + share(view.size(rs) - up);
    const status = {
      replicas: view.size(rs),
      readyReplicas: now,
      availableReplicas: now,
      observedGeneration: rs.metadata.generation ?? 0,
    };
    world.objects.set(rs.metadata.uid!, { ...rs, status } as ReplicaSet);
  }
};

const shape = fc
  .record({
    replicas: fc.nat({ max: 8 }),
    surge: fc.nat({ max: 3 }),
    unavailable: fc.nat({ max: 3 }),
  })
  .filter((s) => s.surge + s.unavailable > 0);

describe('the plan of a deployment', () => {
  it('keeps to maxSurge and maxUnavailable in every state, and comes to an end', () =>
    fc.assert(
      fc.property(
        shape,
        fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 6 }),
        (s, shares, updateAfter) => {
          const world = new World();
          world.add(deploymentOf(s, 'one'));
          let image = 'one';
          for (let pass = 0; pass < 80; pass += 1) {
            if (pass === updateAfter) {
              image = 'two';
              const d = world.objects.get('d') as Deployment;
              world.objects.set('d', { ...d, spec: deploymentOf(s, image).spec } as Deployment);
            }
            const before = total(world, available);
            const floor = Math.min(before, s.replicas - Math.min(s.unavailable, s.replicas));
            world.carryOut(planDeployment(viewOf(world)), () => {
              expect(total(world, view.size)).toBeLessThanOrEqual(s.replicas + s.surge);
              expect(total(world, available)).toBeGreaterThanOrEqual(floor);
            });
            const some = shares[pass % shares.length]!;
            setsWork(world, (missing) => (pass > 60 ? missing : Math.min(missing, some)));
          }
          const live = setsOf(world).filter((rs) => view.size(rs) > 0);
          expect(live.map((rs) => view.size(rs))).toEqual(s.replicas > 0 ? [s.replicas] : []);
          for (const rs of live) expect(rs.spec.template?.spec?.containers[0]?.image).toBe(image);
          expect(planDeployment(viewOf(world)).steps).toEqual([]);
        },
      ),
      { numRuns: 60 },
    ));

  it('shares a change of size among the sets of a rollout, and keeps to the new bound', () =>
    fc.assert(
      fc.property(shape, fc.nat({ max: 12 }), fc.nat({ max: 6 }), (s, next, passes) => {
        const world = new World();
        world.add(deploymentOf(s, 'one'));
        const go = (): void => {
          world.carryOut(planDeployment(viewOf(world)));
          setsWork(world, (missing) => Math.ceil(missing / 2));
        };
        for (let i = 0; i < 8; i += 1) go();
        const change = (size: number, image: string): void => {
          const d = world.objects.get('d') as Deployment;
          const { spec } = deploymentOf({ ...s, replicas: size }, image);
          world.objects.set('d', { ...d, spec } as Deployment);
        };
        change(s.replicas, 'two');
        for (let i = 0; i < passes; i += 1) go();
        change(next, 'two');
        for (let i = 0; i < 60; i += 1) go();
        expect(total(world, view.size)).toBe(next);
        expect(planDeployment(viewOf(world)).steps).toEqual([]);
      }),
      { numRuns: 60 },
    ));

  it('writes each object once in a pass', () =>
    fc.assert(
      fc.property(shape, fc.nat({ max: 5 }), (s, passes) => {
        const world = new World();
        world.add(deploymentOf(s, 'one'));
        for (let i = 0; i <= passes; i += 1) {
          const seen = new Set<string | undefined>();
          world.carryOut(planDeployment(viewOf(world)), (write) => {
            if (write.verb !== 'update') return;
            expect(seen.has(write.object.metadata.uid)).toBe(false);
            seen.add(write.object.metadata.uid);
          });
          setsWork(world, (missing) => missing);
        }
      }),
    ));

  it('counts a collision up when a stranger has the name of its set', () => {
    const world = new World();
    world.add(deploymentOf({ replicas: 1, surge: 1, unavailable: 0 }, 'one'));
    const stranger = { metadata: { name: 'taken', namespace: 'n' } } as ReplicaSet;
    world.carryOut(planDeployment({ ...viewOf(world), named: () => stranger }));
    expect((world.objects.get('d') as Deployment).status.collisionCount).toBe(1);
    expect(setsOf(world)).toEqual([]);
  });
});
