import { partOf } from '../../base/testing/part-of.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ControllerRevision, DaemonSet } from '../../api/generated/types/apps-v1.ts';
import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { isReadyPod, nowMs, World } from '../testing/world.ts';
import { noteFailure, waitLeftMs, type Failures } from './failure-back-off.ts';
import { concludeDaemonSet, planDaemonSet, type DaemonSetView } from './pass.ts';
import { nodeOf, revisionLabel } from './placement.ts';

const setOf = (image: string, rollingUpdate: object): DaemonSet =>
  partOf<DaemonSet>({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'ds', namespace: 'n', uid: 'set', generation: 1 },
    spec: {
      selector: { matchLabels: { app: 'ds' } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate },
      template: {
        metadata: { labels: { app: 'ds' } },
        spec: { nodeSelector: { run: 'yes' }, containers: [{ name: 'c', image }] },
      },
    },
  });

const nodesOf = (runs: boolean[]): Node[] =>
  runs.map((run, i) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: `node-${i}`, uid: `node-${i}`, labels: { run: run ? 'yes' : 'no' } },
    spec: {},
    status: {},
  })) as unknown as Node[];

const viewOf = (world: World, nodes: Node[], failures?: Failures): DaemonSetView => {
  const revisions = [...world.objects.values()].filter(
    (o) => 'revision' in o,
  ) as ControllerRevision[];
  return {
    ds: world.objects.get('set') as DaemonSet,
    nodes,
    pods: world.pods(),
    revisions,
    named: (name) => revisions.find((r) => r.metadata.name === name),
    failures,
    nowMs,
    monotonicMs: 0,
  };
};

const pass = (world: World, nodes: Node[], each?: () => void): void => {
  const view = viewOf(world, nodes);
  const outcome = world.carryOut(planDaemonSet(view), each);
  world.carryOut(concludeDaemonSet(view, outcome));
};
const settle = (world: World, nodes: Node[], each?: () => void): void => {
  for (let i = 0; i < 16; i += 1) {
    // What one pass made is not ready when the next ones look.
    for (let looks = 0; looks < 3; looks += 1) pass(world, nodes, each);
    world.makeReady();
  }
};
const placed = (world: World): string[] => world.pods().map(nodeOf).sort();
const update = (world: World, image: string, rolling: object): void => {
  const ds = world.objects.get('set') as DaemonSet;
  world.objects.set('set', { ...ds, spec: setOf(image, rolling).spec } as DaemonSet);
};
const runs = fc.array(fc.boolean(), { maxLength: 6 });
const wanted = (nodes: Node[]): string[] =>
  nodes.filter((n) => n.metadata.labels?.['run'] === 'yes').map((n) => n.metadata.name!);

describe('the plan of a daemon set', () => {
  it('has one pod on each node that it selects, follows the nodes, and then does nothing', () =>
    fc.assert(
      fc.property(runs, runs, (before, after) => {
        const world = new World();
        world.add(setOf('one', { maxUnavailable: 1 }));
        for (const nodes of [nodesOf(before), nodesOf(after)]) {
          // Pods of nodes that are gone go with them; nobody but the pod collector sees to that.
          for (const p of world.pods())
            if (!nodes.some((n) => n.metadata.name === nodeOf(p)))
              world.objects.delete(p.metadata.uid!);
          settle(world, nodes);
          expect(placed(world)).toEqual(wanted(nodes));
          expect(planDaemonSet(viewOf(world, nodes)).steps).toEqual([]);
        }
      }),
      { numRuns: 40 },
    ));

  it('updates in place, and never has more nodes without a daemon than it may', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), (n, most) => {
        const world = new World();
        const nodes = nodesOf(Array.from({ length: n }, () => true));
        world.add(setOf('one', { maxUnavailable: most }));
        settle(world, nodes);
        update(world, 'two', { maxUnavailable: most });
        settle(world, nodes, () =>
          expect(world.pods().filter(isReadyPod).length).toBeGreaterThanOrEqual(n - most),
        );
        expect(placed(world)).toEqual(wanted(nodes));
        expect(new Set(world.pods().map((p) => p.spec.containers[0]!.image))).toEqual(
          new Set(['two']),
        );
        expect(planDaemonSet(viewOf(world, nodes)).steps).toEqual([]);
      }),
      { numRuns: 40 },
    ));

  it('updates by surge: no node is ever without a ready daemon, few have two', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), (n, surge) => {
        const rolling = { maxUnavailable: 0, maxSurge: surge };
        const world = new World();
        const nodes = nodesOf(Array.from({ length: n }, () => true));
        world.add(setOf('one', rolling));
        settle(world, nodes);
        update(world, 'two', rolling);
        settle(world, nodes, () => {
          const ready = new Set(world.pods().filter(isReadyPod).map(nodeOf));
          expect(ready.size).toBe(n);
          expect(world.pods().length).toBeLessThanOrEqual(n + surge);
        });
        expect(placed(world)).toEqual(wanted(nodes));
        expect(new Set(world.pods().map((p) => p.metadata.labels?.[revisionLabel])).size).toBe(1);
      }),
      { numRuns: 40 },
    ));

  it('leaves a failed pod until its time has come, and then takes it away', () => {
    const world = new World();
    const nodes = nodesOf([true]);
    world.add(setOf('one', { maxUnavailable: 1 }));
    pass(world, nodes);
    world.setPhase(world.pods()[0] as Pod, 'Failed');
    const failures: Failures = new Map();
    noteFailure(failures, 'node-0', -400);
    const waiting = planDaemonSet(viewOf(world, nodes, failures));
    expect([waiting.steps, waiting.againInMs]).toEqual([[], 600]);
    failures.set('node-0', { dueMs: 0, waitMs: 1000 });
    world.carryOut(planDaemonSet(viewOf(world, nodes, failures)));
    expect(world.pods()).toEqual([]);
  });

  it('waits twice as long after each failure, and starts over after a quiet time', () => {
    const failures: Failures = new Map();
    noteFailure(failures, 'n', 0);
    expect(waitLeftMs(failures, 'n', 0)).toBe(1000);
    noteFailure(failures, 'n', 1000);
    expect(waitLeftMs(failures, 'n', 1000)).toBe(2000);
    for (let i = 0; i < 20; i += 1) noteFailure(failures, 'n', 1000);
    expect(waitLeftMs(failures, 'n', 1000)).toBe(15 * 60_000);
    noteFailure(failures, 'n', 100 * 60_000);
    expect(waitLeftMs(failures, 'n', 100 * 60_000)).toBe(1000);
  });
});
