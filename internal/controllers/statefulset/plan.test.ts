import { partOf } from '../../base/testing/part-of.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ControllerRevision, StatefulSet } from '../../api/generated/types/apps-v1.ts';
import type { PersistentVolumeClaim } from '../../api/generated/types/core-v1.ts';
import { isReadyPod, nowMs, World } from '../testing/world.ts';
import { revisionNameOf } from './identity.ts';
import { concludeStatefulSet, planStatefulSet, type StatefulSetView } from './pass.ts';

interface Shape {
  replicas: number;
  start: number;
  parallel: boolean;
  claims: boolean;
  partition: number;
}

const setOf = (s: Shape, image: string): StatefulSet =>
  partOf<StatefulSet>({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'n', uid: 'set', generation: 1 },
    spec: {
      replicas: s.replicas,
      ordinals: { start: s.start },
      podManagementPolicy: s.parallel ? 'Parallel' : 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: s.partition } },
      selector: { matchLabels: { app: 'db' } },
      template: {
        metadata: { labels: { app: 'db' } },
        spec: { containers: [{ name: 'c', image }] },
      },
      ...(s.claims ? { volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] } : {}),
    },
  });

const viewOf = (world: World): StatefulSetView => {
  const all = [...world.objects.values()];
  const named = <T>(name: string, is: (o: object) => boolean): T | undefined =>
    all.find((o) => o.metadata.name === name && is(o)) as T | undefined;
  return {
    set: world.objects.get('set') as StatefulSet,
    pods: world.pods(),
    revisions: all.filter((o) => 'revision' in o) as ControllerRevision[],
    named: (name) => named<ControllerRevision>(name, (o) => 'revision' in o),
    claimNamed: (name) =>
      named<PersistentVolumeClaim>(name, (o) => !('revision' in o) && !('kind' in o)),
    nowMs,
  };
};

const pass = (world: World, each?: () => void): void => {
  const view = viewOf(world);
  const outcome = world.carryOut(planStatefulSet(view), each);
  world.carryOut(concludeStatefulSet(view, outcome));
};

const names = (world: World): (string | undefined)[] =>
  world
    .pods()
    .map((p) => p.metadata.name)
    .sort((a, b) => Number(a?.slice(3)) - Number(b?.slice(3)));
const wanted = (s: Shape): string[] =>
  Array.from({ length: s.replicas }, (_, i) => `db-${s.start + i}`);

const shape = fc.record({
  replicas: fc.nat({ max: 5 }),
  start: fc.nat({ max: 3 }),
  parallel: fc.boolean(),
  claims: fc.boolean(),
  partition: fc.nat({ max: 5 }),
});

const settle = (world: World, each?: () => void): void => {
  for (let i = 0; i < 30; i += 1) {
    // What one pass made is not ready when the next ones look.
    for (let looks = 0; looks < 3; looks += 1) pass(world, each);
    world.makeReady();
  }
};

describe('the plan of a stateful set', () => {
  it('makes its replicas, their claims first, and then has nothing to do', () =>
    fc.assert(
      fc.property(shape, (s) => {
        const world = new World();
        world.add(setOf(s, 'one'));
        settle(world, () => {
          // An ordered set waits for each replica; no pod is there before its claim.
          if (!s.parallel)
            expect(world.pods().filter((p) => !isReadyPod(p)).length).toBeLessThanOrEqual(1);
          if (s.claims)
            for (const p of world.pods())
              expect(viewOf(world).claimNamed(`data-${p.metadata.name}`)).toBeDefined();
        });
        expect(names(world)).toEqual(wanted(s));
        expect(planStatefulSet(viewOf(world)).steps).toEqual([]);
      }),
      { numRuns: 60 },
    ));

  it('updates one replica at a time, from the last down to the partition', () =>
    fc.assert(
      fc.property(shape, (s) => {
        const world = new World();
        world.add(setOf(s, 'one'));
        settle(world);
        const set = world.objects.get('set') as StatefulSet;
        const next = { ...set, spec: setOf(s, 'two').spec } as StatefulSet;
        world.objects.set('set', { ...next, metadata: { ...set.metadata, generation: 2 } });
        const before = new Set(world.pods().map(revisionNameOf));
        settle(world, () => {
          const up = world.pods().filter(isReadyPod).length;
          expect(up).toBeGreaterThanOrEqual(s.replicas - 1);
        });
        expect(names(world)).toEqual(wanted(s));
        for (const p of world.pods()) {
          const at = Number(p.metadata.name!.slice(3)) - s.start;
          expect(before.has(revisionNameOf(p))).toBe(at < s.partition);
        }
        expect(planStatefulSet(viewOf(world)).steps).toEqual([]);
      }),
      { numRuns: 60 },
    ));

  it('shrinks from the end, an ordered one replica after the other', () =>
    fc.assert(
      fc.property(shape, fc.nat({ max: 5 }), (s, fewer) => {
        const world = new World();
        world.add(setOf(s, 'one'));
        settle(world);
        const smaller = { ...s, replicas: Math.min(s.replicas, fewer) };
        const set = world.objects.get('set') as StatefulSet;
        world.objects.set('set', { ...set, spec: setOf(smaller, 'one').spec } as StatefulSet);
        let last = names(world).length;
        for (let i = 0; i < 10; i += 1) {
          pass(world);
          const now = names(world);
          expect(now).toEqual(wanted(s).slice(0, now.length));
          if (!s.parallel) expect(last - now.length).toBeLessThanOrEqual(1);
          last = now.length;
        }
        expect(names(world)).toEqual(wanted(smaller));
      }),
      { numRuns: 60 },
    ));

  it('waits with the next replica while one has failed, and makes that one again', () => {
    const s = { replicas: 3, start: 0, parallel: false, claims: false, partition: 0 };
    const world = new World();
    world.add(setOf(s, 'one'));
    pass(world);
    world.setPhase(world.pods()[0]!, 'Failed');
    pass(world);
    expect(names(world)).toEqual([]);
    pass(world);
    expect(names(world)).toEqual(['db-0']);
  });
});
