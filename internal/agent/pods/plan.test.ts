import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Container, Pod } from '../../api/generated/types/core-v1.ts';
import { deepFreeze } from '../../api/object.ts';
import { isSidecar } from '../config/pod-resources.ts';
import { testSeed } from '../../io/test-seed.ts';
import { latest, type ContainerStateName, type PodRuntime } from './model.ts';
import { plan } from './plan.ts';
import { surplusOf } from './surplus.ts';
import { SimulatedPod, type Failure } from './testing/simulated-pod.ts';

const runs = { numRuns: 200, seed: testSeed() };

const pods: fc.Arbitrary<Pod> = fc
  .record({
    policy: fc.constantFrom('Always', 'OnFailure', 'Never'),
    init: fc.array(fc.boolean(), { maxLength: 3 }),
    main: fc.array(fc.boolean(), { minLength: 1, maxLength: 3 }),
  })
  .map(
    ({ policy, init, main }) =>
      ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { uid: 'u', name: 'p', namespace: 'n' },
        spec: {
          restartPolicy: policy,
          initContainers: init.map((sidecar, i) => ({
            name: `i${i}`,
            image: 'x',
            ...(sidecar && { restartPolicy: 'Always' }),
          })),
          containers: main.map((probed, i) => ({
            name: `c${i}${'x'.repeat(i)}`,
            image: 'x',
            ...(probed && { livenessProbe: {} }),
          })),
        },
      }) as Pod,
  );

interface Found {
  sandboxes: { ready: boolean; address: boolean }[];
  containers: { of: number; state: ContainerStateName; exitCode: number }[];
  restored: boolean;
}

/** Whatever a runtime may hold of a pod: also what no agent would have left. */
const found: fc.Arbitrary<Found> = fc.record({
  sandboxes: fc.array(fc.record({ ready: fc.boolean(), address: fc.boolean() }), { maxLength: 2 }),
  containers: fc.array(
    fc.record({
      of: fc.nat(5),
      state: fc.constantFrom<ContainerStateName>('created', 'running', 'exited', 'unknown'),
      exitCode: fc.constantFrom(0, 1),
    }),
    { maxLength: 6 },
  ),
  restored: fc.boolean(),
});

function simulate(pod: Pod, { sandboxes, containers, restored }: Found): SimulatedPod {
  const made = new SimulatedPod(pod, { sandboxes: [], containers: [] }, { restored });
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const truth: PodRuntime = {
    sandboxes: sandboxes.map(({ ready, address }, i) => ({
      id: `s${i}`,
      attempt: sandboxes.length - i,
      ready,
      createdAt: BigInt(10 - i),
      ips: address ? ['10.42.0.5'] : [],
      hostNetwork: false,
    })),
    containers: [],
  };
  if (sandboxes.length > 0)
    for (const { of, state, exitCode } of containers) {
      const container = all[of % all.length]!;
      // Two of the same that run: the rules say that this never comes to be.
      const second = latest(truth, container.name);
      if (second && second.state !== 'exited' && second.state !== 'created') continue;
      truth.containers.unshift(made.instance(container, state, exitCode, 's0'));
    }
  made.truth = truth;
  made.read();
  return made;
}

/** Passes without failures until nothing is left to do. Init containers end by themselves. */
function settle(sim: SimulatedPod): void {
  for (let i = 0; i < 80; i++) {
    for (const c of sim.pod.spec.initContainers ?? []) if (!isSidecar(c)) sim.end(c.name, 0);
    sim.sick.clear();
    // Past every back-off.
    sim.nowMs += 3600_000;
    const steps = sim.pass(() => undefined);
    if (steps.every((s) => s.do === 'tell' || s.do === 'adopt')) return;
    if (lostForGood(sim) && steps.every((s) => s.do !== 'start' && s.do !== 'createSandbox'))
      return;
  }
  throw new Error(`no end: ${sim.done.slice(-20).join(', ')}`);
}

/**
 * As with the kubelet, a pod gets no second sandbox when it is never restarted, whether all of it
 * had begun or not, or when all its containers are done.
 */
const lostForGood = (sim: SimulatedPod): boolean =>
  sim.state.phase === 'running' &&
  !sim.truth.sandboxes.some((s) => s.ready) &&
  sim.truth.containers.every((c) => c.state !== 'running') &&
  (sim.pod.spec.restartPolicy === 'Never' || !sim.pod.spec.containers.some((c) => sim.wanted(c)));

/** What runs is what should run. */
function expectDesired(sim: SimulatedPod): void {
  const { pod, truth, state } = sim;
  const running = truth.containers.filter((c) => c.state === 'running');
  if (state.phase !== 'running') {
    expect(running).toEqual([]);
    expect(truth.sandboxes.some((s) => s.ready)).toBe(false);
    expect(state.phase).toBe(pod.metadata.deletionTimestamp ? 'gone' : 'terminated');
    if (pod.metadata.deletionTimestamp) expect(truth).toEqual({ sandboxes: [], containers: [] });
    return;
  }
  if (lostForGood(sim)) return;
  expect(truth.sandboxes.filter((s) => s.ready)).toHaveLength(1);
  for (const c of pod.spec.containers)
    expect([c.name, latest(truth, c.name)?.state === 'running']).toEqual([c.name, sim.wanted(c)]);
  for (const c of (pod.spec.initContainers ?? []).filter(isSidecar))
    expect([c.name, latest(truth, c.name)?.state]).toEqual([c.name, 'running']);
  expect(new Set(running.map((c) => c.name)).size).toBe(running.length);
  expect(surplusOf(truth)).toEqual({ containers: [], sandboxes: [] });
}

const failures = fc.array(
  fc.option(fc.constantFrom<Failure>('before', 'half', 'after'), { nil: undefined }),
  { maxLength: 40 },
);

/** What happens to a pod from outside, between two passes. */
type Event =
  | { is: 'exit'; of: number; code: number }
  | { is: 'sandboxLost' }
  | { is: 'sick'; of: number }
  | { is: 'time'; seconds: number };

const events: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ is: fc.constant('exit' as const), of: fc.nat(5), code: fc.constantFrom(0, 1) }),
  fc.constant({ is: 'sandboxLost' as const }),
  fc.record({ is: fc.constant('sick' as const), of: fc.nat(2) }),
  fc.record({ is: fc.constant('time' as const), seconds: fc.nat(400) }),
);

function happen(sim: SimulatedPod, event: Event): void {
  const { spec } = sim.pod;
  const all: Container[] = [...(spec.initContainers ?? []), ...spec.containers];
  if (event.is === 'time') sim.nowMs += event.seconds * 1000;
  else if (event.is === 'exit') sim.end(all[event.of % all.length]!.name, event.code);
  else if (event.is === 'sandboxLost') {
    if (sim.truth.sandboxes[0]) sim.truth.sandboxes[0].ready = false;
  } else {
    const probed = spec.containers[event.of % spec.containers.length]!;
    const status = latest(sim.truth, probed.name);
    if (probed.livenessProbe && status) sim.sick.add(status.id);
  }
  sim.read();
}

describe('the plan of a pod', () => {
  it('comes from any state to what should be', () => {
    fc.assert(
      fc.property(pods, found, (pod, what) => {
        const sim = simulate(pod, what);
        settle(sim);
        expectDesired(sim);
      }),
      runs,
    );
  });

  it('comes there through any failures, and whatever happens meanwhile', () => {
    fc.assert(
      fc.property(
        pods,
        found,
        failures,
        fc.array(events, { maxLength: 12 }),
        (pod, what, bad, happened) => {
          const sim = simulate(pod, what);
          const failing = [...bad];
          for (const event of happened) {
            happen(sim, event);
            sim.pass(() => failing.shift());
          }
          settle(sim);
          expectDesired(sim);
        },
      ),
      runs,
    );
  });

  it('leaves nothing of a pod that is deleted at any moment', () => {
    fc.assert(
      fc.property(pods, found, failures, fc.nat(6), fc.nat(60), (pod, what, bad, passes, grace) => {
        const sim = simulate(pod, what);
        const failing = [...bad];
        for (let i = 0; i < passes; i++) sim.pass(() => failing.shift());
        sim.delete(grace);
        sim.done.length = 0;
        while (failing.length > 0) sim.pass(() => failing.shift());
        settle(sim);
        expectDesired(sim);
        expect(sim.done).not.toContain('start');
      }),
      runs,
    );
  });

  it('is the same for the same state, and changes nothing', () => {
    fc.assert(
      fc.property(pods, found, (pod, what) => {
        const sim = simulate(pod, what);
        deepFreeze(sim.pod);
        deepFreeze(sim.state.runtime);
        Object.freeze(sim.state);
        const world = sim.world();
        expect(plan(sim.state, sim.pod, world)).toEqual(plan(sim.state, sim.pod, world));
      }),
      runs,
    );
  });

  it('ends a pod whose time is over', () => {
    fc.assert(
      fc.property(pods, found, (pod, what) => {
        const sim = simulate(
          { ...pod, spec: { ...pod.spec, activeDeadlineSeconds: 5 } } as Pod,
          what,
        );
        sim.nowMs += 6000;
        settle(sim);
        expect(sim.state.phase).toBe('terminated');
        expectDesired(sim);
      }),
      runs,
    );
  });
});
