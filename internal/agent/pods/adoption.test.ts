import { beforeEach, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { backOffSeen } from './adoption.ts';
import type { CriClient } from '../cri/client.ts';
import type { RuntimeContainer } from './model.ts';
import type { PodSetPorts } from './pod-set.ts';
import { RuntimeReader } from './runtime-reader.ts';
import {
  begin,
  client,
  clock,
  create,
  exits,
  newSet,
  runtime,
  set,
  settle,
} from './testing/worker-world.ts';

/** What the agent that lives now has been asked to do. */
let asked: string[];
/** Mounting fails with these words. */
let broken: string | undefined;

/** Ends the life of the agent that is there: from now on it hears nothing and can do nothing. */
let die: () => void = () => undefined;

function lived(cri: CriClient): CriClient {
  let alive = true;
  die = () => (alive = false);
  const never = new Promise<never>(() => undefined);
  return new Proxy(cri, {
    get: (target, name) => async (request: never) =>
      alive
        ? (target[name as 'version'] as unknown as (r: never) => Promise<never>)(request).then(
            (answer) => (alive ? answer : never),
          )
        : never,
  });
}

/**
 * A new life of the agent on the same machine; nothing but the runtime and the API remembers the
 * old one.
 */
async function newLife(more: Partial<PodSetPorts> = {}): Promise<void> {
  die();
  asked = [];
  const volumes = {
    mount: (pod: Pod, options: { adopted?: boolean }) => {
      asked.push(`mount ${pod.metadata.name}${options.adopted ? ' adopted' : ''}`);
      return broken ? Promise.reject(new Error(broken)) : Promise.resolve(new Map());
    },
    update: () => undefined,
    mounted: () => new Map(),
    podDir: () => '/p',
    unmount: () => Promise.resolve(),
    leftovers: () => Promise.resolve([]),
  };
  const cgroups = {
    ensure: (pod: Pod) => Promise.resolve(void asked.push(`cgroup ${pod.metadata.name}`)),
    remove: () => Promise.resolve(),
    parentOf: () => '/kubepods/x',
    sweep: () => Promise.resolve(),
  };
  newSet({
    volumes,
    cgroups,
    cri: lived(runtime.cri),
    reader: new RuntimeReader(lived(runtime.cri)),
    ...more,
  } as Partial<PodSetPorts>);
  await set.look();
  for (const pod of client.all<Pod>(refs.pods)) set.apply(pod);
  await settle();
}

const shown = (): Pod => client.all<Pod>(refs.pods)[0] as Pod;

beforeEach(async () => {
  begin();
  broken = undefined;
  await newLife();
});

describe('an adopted pod', () => {
  it('has its volumes followed and its control group in the books; nothing starts', async () => {
    await create();
    const calls = runtime.calls.length;
    await newLife();
    expect(asked.toSorted()).toEqual(['cgroup p', 'mount p adopted']);
    expect(runtime.calls).toHaveLength(calls);
    set.relist();
    await settle();
    expect(asked).toHaveLength(2);
  });

  it('runs on while its volumes cannot be followed, which is tried again', async () => {
    await create({
      containers: [
        {
          name: 'a',
          image: 'i',
          terminationMessagePath: '',
          livenessProbe: { exec: { command: ['x'] }, periodSeconds: 1, failureThreshold: 1 },
        },
      ],
    });
    broken = 'the server is away';
    await newLife();
    await clock.advance(700).then(settle);
    expect(runtime.running()).toEqual(['a']);
    // A probe is not held up by it.
    exits.set('a', 1);
    await clock.advance(1000).then(settle);
    expect(runtime.calls.filter((c) => c.startsWith('stop'))).toHaveLength(1);
    exits.set('a', 0);
    broken = undefined;
    await clock.advance(10_000).then(settle);
    expect(runtime.running()).toEqual(['a']);
  });

  it.each([
    [
      'readiness',
      { readinessProbe: { exec: { command: ['x'] }, periodSeconds: 1, failureThreshold: 1 } },
      () => shown().status.containerStatuses?.[0]?.ready === false,
    ],
    [
      'liveness',
      { livenessProbe: { exec: { command: ['x'] }, periodSeconds: 1, failureThreshold: 1 } },
      () => (shown().status.containerStatuses?.[0]?.restartCount ?? 0) > 0,
    ],
  ])('is asked by its %s probe', async (_what, probe, told) => {
    await create({ containers: [{ name: 'a', image: 'i', terminationMessagePath: '', ...probe }] });
    await clock.advance(2000).then(settle);
    expect(shown().status.containerStatuses?.[0]).toMatchObject({ ready: true, restartCount: 0 });
    await newLife();
    expect(shown().status.containerStatuses?.[0]).toMatchObject({ ready: true });
    exits.set('a', 1);
    await clock.advance(3000).then(settle);
    expect(told()).toBe(true);
  });

  it('is failed at the deadline that it began with', async () => {
    await create({ activeDeadlineSeconds: 60 });
    await clock.advance(40_000);
    await newLife();
    await clock.advance(19_000).then(settle);
    expect(shown().status.phase).toBe('Running');
    await clock.advance(2000).then(settle);
    expect(shown().status).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
  });

  it('is failed at that deadline by a node that has only its memory of the pod', async () => {
    const pod = await create({ activeDeadlineSeconds: 60 });
    await clock.advance(40_000);
    die();
    const all = client.all.bind(client);
    client.all = (() => []) as typeof client.all;
    await newLife();
    set.apply({ ...pod, status: {} } as Pod);
    client.all = all;
    await clock.advance(21_000).then(settle);
    expect(runtime.running()).toEqual([]);
  });

  it('waits for its restart as long as it would have', async () => {
    await create();
    for (const waitMs of [0, 10_000, 20_000, 40_000]) {
      runtime.end('a', 1);
      await settle();
      await clock.advance(waitMs + 100).then(settle);
      expect(runtime.running()).toEqual(['a']);
    }
    await newLife();
    runtime.end('a', 1);
    await settle();
    await clock.advance(79_000).then(settle);
    expect(runtime.running()).toEqual([]);
    await clock.advance(1500).then(settle);
    expect(runtime.running()).toEqual(['a']);
  });

  it('waits for nothing when it was the machine that had been off', async () => {
    await create();
    for (let cut = 0; cut < 4; cut++) {
      die();
      runtime.sandboxes.at(-1)!.state = 1;
      runtime.end('a', 137);
      await clock.advance(5000);
      await newLife();
      expect(runtime.running()).toEqual(['a']);
    }
  });

  it('shows who is ready and who has ended while others take long to stop', async () => {
    const exec = { command: ['x'] };
    const readinessProbe = { exec, periodSeconds: 1, failureThreshold: 1 };
    const a = { name: 'a', image: 'i', terminationMessagePath: '' };
    await create({
      containers: [
        { ...a, readinessProbe },
        { ...a, name: 'b' },
      ],
    });
    await clock.advance(1000);
    await settle();
    const shown = () => client.all<Pod>(refs.pods)[0]?.status;
    const ready = () => shown()?.containerStatuses?.map((status) => status.ready);
    expect(ready()).toEqual([true, true]);
    runtime.slowStop = true;
    await client.delete(refs.pods, { namespace: 'n', name: 'p' });
    set.apply(client.all<Pod>(refs.pods)[0]!);
    await settle();
    exits.set('a', 1);
    await clock.advance(1000);
    await settle();
    expect(ready()).toEqual([false, true]);
    expect(shown()?.conditions?.find((c) => c.type === 'Ready')?.status).toBe('False');
    runtime.end('b', 0);
    await settle();
    expect(shown()?.containerStatuses?.[1]?.state?.terminated?.exitCode).toBe(0);
    runtime.slowStop = false;
    runtime.end('a', 0);
    await settle();
  });

  it('goes on ending when its end had begun', async () => {
    await create({ terminationGracePeriodSeconds: 7 });
    runtime.slowStop = true;
    await client.delete(refs.pods, { namespace: 'n', name: 'p' });
    await settle();
    await newLife();
    expect(runtime.running()).toEqual(['a']);
    runtime.slowStop = false;
    runtime.end('a', 143);
    await settle();
    await clock.advance(200);
    await settle();
    expect([runtime.containers, client.all(refs.pods)]).toEqual([[], []]);
  });

  it('keeps the resources it was granted when more had been asked for than there is', async () => {
    const cpu = (amount: string) => ({
      containers: [
        {
          name: 'a',
          image: 'i',
          terminationMessagePath: '',
          resources: { requests: { cpu: amount } },
        },
      ],
    });
    const pod = await create(cpu('500m'));
    await client.patch(
      refs.pods,
      { namespace: 'n', name: 'p' },
      { type: 'merge', body: { spec: cpu('16') } },
    );
    await settle();
    expect(
      set.worker(pod.metadata.uid!)?.status.conditions?.find((c) => c.type === 'PodResizePending'),
    ).toMatchObject({ reason: 'Infeasible' });
    await newLife();
    expect(
      set.worker(pod.metadata.uid!)?.allocated.spec.containers[0]?.resources?.requests,
    ).toEqual({ cpu: '500m' });
  });
});

describe('a start that was cut off', () => {
  it('is made again under another name when the first try failed half-way', async () => {
    runtime.failing.push({ message: 'plugin type="ptp" failed (add): no link', kept: true });
    await create();
    await clock.advance(1000).then(settle);
    expect(runtime.running()).toEqual(['a']);
    expect(runtime.sandboxes.map((s) => [s.state, s.config.metadata?.attempt])).toEqual([[0, 1]]);
  });

  it('leaves nothing behind when the agent was killed in its middle', async () => {
    // Killed between the making of the container and its start: it stays as one that never ran.
    const start = runtime.cri.startContainer;
    runtime.cri.startContainer = () => {
      die();
      return Promise.reject(new Error('killed'));
    };
    await create();
    runtime.cri.startContainer = start;
    expect([runtime.running(), runtime.sandboxes.length, runtime.containers.length]).toEqual([
      [],
      1,
      1,
    ]);
    await newLife();
    expect([runtime.running(), runtime.sandboxes.length, runtime.containers.length]).toEqual([
      ['a'],
      1,
      1,
    ]);
    runtime.end('a', 1);
    await settle();
    expect(runtime.containers.map((c) => c.state).toSorted()).toEqual([1, 2]);
  });
});

it('makes no sandbox before it is known what the runtime holds', async () => {
  let settled = false;
  await newLife({
    readiness: { network: () => true, runtimeSettled: () => settled, offline: () => false },
  });
  await create();
  expect(runtime.calls).toEqual([]);
  settled = true;
  set.relist();
  await settle();
  expect(runtime.running()).toEqual(['a']);
});

describe('a sandbox whose first process is killed', () => {
  it.each([0, 3])(
    'is made again, its containers too, when the runtime lags %i looks behind its event',
    async (lag) => {
      await create();
      runtime.kill(lag);
      await settle();
      await clock.advance(100).then(settle);
      expect(runtime.running()).toEqual(['a']);
      expect(runtime.sandboxes.filter((s) => s.state === 0)).toHaveLength(1);
      expect(runtime.calls.filter((c) => c === 'sandbox')).toHaveLength(2);
      expect(shown().status.containerStatuses?.[0]).toMatchObject({
        restartCount: 1,
        state: { running: {} },
      });
    },
  );

  it('is made again although the runtime denies the end for long: its disk was full', async () => {
    await create();
    runtime.kill(205);
    for (let i = 0; i < 400; i++) await clock.advance(5).then(settle);
    expect(runtime.calls.filter((c) => c === 'sandbox')).toHaveLength(1);
    for (let i = 0; i < 60; i++) await clock.advance(1000).then(settle);
    expect(runtime.running()).toEqual(['a']);
    expect(runtime.calls.filter((c) => c === 'sandbox')).toHaveLength(2);
  });

  it('fails a pod that is never restarted', async () => {
    await create({ restartPolicy: 'Never' });
    runtime.kill(0);
    await settle();
    expect([runtime.running(), shown().status.phase]).toEqual([[], 'Failed']);
    expect(runtime.calls.filter((c) => c === 'sandbox')).toHaveLength(1);
  });

  it('is not kept: after many, as much is left as after one', async () => {
    await create({
      containers: [
        { name: 'a', image: 'i', terminationMessagePath: '' },
        { name: 'b', image: 'i', terminationMessagePath: '' },
      ],
    });
    for (let cut = 0; cut < 6; cut++) {
      runtime.sandboxes.at(-1)!.state = 1;
      for (const name of ['a', 'b']) runtime.end(name, 137);
      set.relist();
      await settle();
      await clock.advance(700_000).then(settle);
    }
    expect(runtime.running()).toEqual(['a', 'b']);
    expect([runtime.sandboxes.length, runtime.containers.length]).toEqual([2, 4]);
  });
});

it('reads the back-off from the times of the newest instances', () => {
  const at = (seconds: number): bigint => BigInt(seconds) * 1_000_000_000n;
  const seen = (waited: number, restartCount: number) =>
    backOffSeen(
      { state: 'exited', finishedAt: at(1000), createdAt: at(900) } as RuntimeContainer,
      {
        state: 'running',
        createdAt: at(1000) + BigInt(Math.round(waited * 1e9)),
        restartCount,
      } as RuntimeContainer,
    )?.backOffMs;
  expect([
    seen(0.2, 1),
    seen(10.1, 2),
    seen(20.5, 3),
    seen(80, 5),
    seen(160.2, 6),
    seen(301, 12),
  ]).toEqual([10_000, 20_000, 40_000, 160_000, 300_000, 300_000]);
  // The machine was off for three minutes: the first restart is still the first.
  expect(seen(180, 1)).toBe(10_000);
  expect(
    backOffSeen(
      { state: 'created', finishedAt: 0n } as RuntimeContainer,
      { createdAt: 1n } as RuntimeContainer,
    ),
  ).toBeUndefined();
});
