import { beforeEach, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { FakeClient } from '../../client/fake-client.ts';
import { refs } from '../../client/refs.ts';
import { FakeClock } from '../../io/clock-fake.ts';

import { fakePorts } from './ports-fake.ts';
import { FakeRuntime } from './fake-runtime.ts';
import { PodSet, type PodSetPorts } from './pod-set.ts';

let clock: FakeClock;
let runtime: FakeRuntime;
let client: FakeClient;
let set: PodSet;
let events: string[];
let undone: string[];
/** What the network is told of pods' addresses; `hold` may be made to fail or to wait. */
let addresses: PodSetPorts['podAddresses'];
let held: string[];
/** What exec probes answer, by container; a real set of probes asks. */
let exits: Map<string, number>;
/** The API's echo of our own writes stays away, as it may for any time: nothing must hang on it. */
let deaf: boolean;

const makePorts = (): PodSetPorts =>
  fakePorts({
    clock,
    runtime,
    client,
    events,
    undone,
    exits,
    set: () => set,
    more: { podAddresses: addresses },
  });

/** Lets everything that is due now happen. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 30; i++) await clock.advance(0);
};

async function create(spec: object): Promise<Pod> {
  const pod = await client.create<Pod>(refs.pods, {
    metadata: { name: 'p', namespace: 'n' },
    spec: {
      nodeName: 'here',
      containers: [{ name: 'a', image: 'i', terminationMessagePath: '' }],
      ...spec,
    },
  });
  set.apply(pod);
  await settle();
  return pod;
}

const shown = (): Pod | undefined => client.all<Pod>(refs.pods)[0];

beforeEach(() => {
  clock = new FakeClock();
  runtime = new FakeRuntime(() => clock.now());
  client = new FakeClient(clock);
  events = [];
  undone = [];
  exits = new Map();
  deaf = false;
  held = [];
  addresses = {
    hold: (pod, ips) => Promise.resolve(void held.push(`hold ${pod.metadata.name} ${ips.join()}`)),
    tell: (pod, ips) => void held.push(`tell ${pod.metadata.name} ${ips.join()}`),
    forget: (uid) => void held.push(`forget ${uid}`),
  };
  const desired = {
    put: () => undefined,
    remove: () => undefined,
    flushed: () => Promise.resolve(),
  };
  set = new PodSet({
    ports: makePorts(),
    desired: desired as never,
    node: () => undefined,
    unsafeSysctls: [],
  });
  runtime.exited = (id) => set.exited(id);
  // The mirror: every write of the API comes back.
  client.watch<Pod>(
    refs.pods,
    {},
    {
      onEvent: (type, pod) =>
        type === 'DELETED'
          ? set.remove(pod.metadata.uid!)
          : type === 'MODIFIED' && !deaf
            ? set.apply(pod)
            : undefined,
      onEnd: () => undefined,
    },
  );
});

describe('a pod', () => {
  it('runs, and says so in two writes', async () => {
    await create({});
    expect(runtime.calls).toEqual(['sandbox', 'create a']);
    expect(shown()?.status).toMatchObject({
      phase: 'Running',
      podIP: '10.42.0.5',
      containerStatuses: [{ name: 'a', ready: true, state: { running: {} } }],
    });
    expect(client.writes.filter((w) => w.subresource === 'status').length).toBeLessThanOrEqual(2);
    expect(events).toEqual(['Created: Container created', 'Started: Container started']);
  });

  it('finishes when its containers do, and stays until it is deleted', async () => {
    await create({ restartPolicy: 'Never' });
    runtime.end('a', 0);
    await settle();
    expect(shown()?.status).toMatchObject({
      phase: 'Succeeded',
      containerStatuses: [{ state: { terminated: { exitCode: 0, reason: 'Completed' } } }],
    });
    expect(runtime.sandboxes[0]?.state).toBe(1);
    expect(runtime.containers).toHaveLength(1);
  });

  it('gives its network back, however often that fails at first', async () => {
    await create({ restartPolicy: 'Never' });
    runtime.failingStops = 2;
    runtime.end('a', 0);
    await settle();
    expect(runtime.released.size).toBe(0);
    await clock.advance(10_000);
    await settle();
    expect([...runtime.released]).toEqual([runtime.sandboxes[0]?.id]);
    expect(shown()?.status?.phase).toBe('Succeeded');
  });

  it('says again that it is ready after somebody said that it is not', async () => {
    await create({});
    const condition = (type: string): string | undefined =>
      shown()?.status?.conditions?.find((c) => c.type === type)?.status;
    expect(condition('Ready')).toBe('True');
    const pod = shown() as Pod;
    // As node lifecycle does with the pods of a node that is not ready.
    const conditions = pod.status?.conditions?.map((c) =>
      c.type === 'Ready' ? { ...c, status: 'False' } : c,
    );
    const overwrite = async (): Promise<void> => {
      await client.update<Pod>(
        refs.pods,
        { ...shown()!, status: { ...pod.status, conditions } } as Pod,
        { subresource: 'status' },
      );
      await settle();
    };
    await overwrite();
    expect(condition('Ready')).toBe('True');
    const writes = client.writes.length;
    set.wake();
    await settle();
    expect(client.writes.length).toBe(writes);
    // Two who never agree do not write all the time.
    await overwrite();
    expect(condition('Ready')).toBe('False');
    await clock.advance(5000);
    await settle();
    expect(condition('Ready')).toBe('True');
  });

  it('restarts with a growing back-off', async () => {
    await create({});
    runtime.end('a', 1);
    await settle();
    expect(runtime.running()).toEqual(['a']); // the first time at once
    runtime.end('a', 1);
    await settle();
    expect(shown()?.status?.containerStatuses?.[0]).toMatchObject({
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 1 } },
      restartCount: 1,
    });
    await clock.advance(9000);
    expect(runtime.running()).toEqual([]);
    await clock.advance(1000);
    await settle();
    expect(runtime.running()).toEqual(['a']);
    expect(shown()?.status?.containerStatuses?.[0]?.restartCount).toBe(2);
    expect(runtime.containers).toHaveLength(2); // one dead instance is kept for `logs --previous`
  });

  it('ends gracefully, sidecars last, and takes its API object with it', async () => {
    const pod = await create({
      terminationGracePeriodSeconds: 7,
      initContainers: [
        { name: 's', image: 'i', restartPolicy: 'Always', terminationMessagePath: '' },
      ],
    });
    expect(runtime.running()).toEqual(['s', 'a']);
    await client.delete(refs.pods, { namespace: 'n', name: 'p' });
    await settle();
    expect(runtime.calls.filter((c) => c.startsWith('stop'))).toEqual(['stop a 30', 'stop s 30']);
    expect(client.writes.at(-1)).toMatchObject({
      verb: 'delete',
      body: { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } },
    });
    expect(undone).toEqual([`volumes ${pod.metadata.uid}`, `cgroup ${pod.metadata.uid}`]);
    await settle();
    expect([runtime.sandboxes, runtime.containers, [...set.workers()]]).toEqual([[], [], []]);
    expect(clock.timers).toBe(0);
  });

  it('is failed at its deadline', async () => {
    await create({ activeDeadlineSeconds: 60 });
    await clock.advance(59_000);
    expect(shown()?.status?.phase).toBe('Running');
    await clock.advance(1000);
    await settle();
    expect(shown()?.status).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
    expect(runtime.running()).toEqual([]);
  });

  it('is refused when it does not fit', async () => {
    await create({
      containers: [{ name: 'a', image: 'i', resources: { requests: { cpu: '4' } } }],
    });
    expect(shown()?.status).toMatchObject({ phase: 'Failed', reason: 'OutOfcpu' });
    expect(runtime.calls).toEqual([]);
  });

  it('gets a new sandbox when its own is lost', async () => {
    await create({});
    runtime.sandboxes[0]!.state = 1;
    runtime.end('a', 137);
    set.relist();
    await settle();
    expect(runtime.sandboxes).toHaveLength(2);
    expect(shown()?.status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      state: { running: {} },
    });
    expect(events).toContain(
      'SandboxChanged: Pod sandbox changed, it will be killed and re-created.',
    );
  });
});

const container = (name: string, more: object = {}): object => ({
  name,
  image: 'i',
  terminationMessagePath: '',
  ...more,
});
const sidecar = (name: string, more: object = {}): object =>
  container(name, { restartPolicy: 'Always', ...more });
const probe = { exec: { command: ['x'] }, periodSeconds: 1, failureThreshold: 30 };

it.each([
  ['of its own', {}, '10.42.0.5'],
  ['of the host', { hostNetwork: true }, '192.0.2.1'],
])('tells a container its addresses on a network %s', async (_what, spec, ip) => {
  const field = (name: string, fieldPath: string): object => ({
    name,
    valueFrom: { fieldRef: { fieldPath } },
  });
  await create({
    ...spec,
    containers: [
      container('a', {
        env: [
          field('POD', 'status.podIP'),
          field('PODS', 'status.podIPs'),
          field('HOST', 'status.hostIP'),
        ],
      }),
    ],
  });
  expect(
    runtime.containers[0]?.config.envs?.map(
      (e) => `${e.key}=${Buffer.from(e.value ?? '').toString()}`,
    ),
  ).toEqual([`POD=${ip}`, `PODS=${ip}`, 'HOST=192.0.2.1']);
});

it('keeps a pod back that asks for what the node cannot do', async () => {
  await create({ hostUsers: false });
  expect([runtime.calls, shown()?.status?.phase]).toEqual([[], 'Pending']);
  expect([...new Set(events)]).toEqual([
    'FailedCreatePodSandBox: Failed to create pod sandbox: runtime handler "" does not ' +
      'support user namespaces',
  ]);
});

/**
 * Every state that the next step waits for must wake the worker by itself: nothing else touches the
 * pod here.
 */
describe('init containers', () => {
  beforeEach(() => void (deaf = true));

  it('run again in a new sandbox, all of them, before anything else', async () => {
    await create({ initContainers: [container('i1'), container('i2')] });
    runtime.end('i1', 0);
    await settle();
    runtime.end('i2', 0);
    await settle();
    expect(runtime.running()).toEqual(['a']);
    runtime.kill(0);
    await settle();
    expect(runtime.running()).toEqual(['i1']);
    runtime.end('i1', 0);
    await settle();
    expect(runtime.running()).toEqual(['i2']);
    runtime.end('i2', 0);
    await clock.advance(600_000);
    await settle();
    expect(runtime.running()).toEqual(['a']);
    expect(runtime.calls.filter((c) => c.startsWith('create'))).toEqual(
      ['i1', 'i2', 'a', 'i1', 'i2', 'a'].map((name) => `create ${name}`),
    );
  });

  it.each([
    [
      'sidecars one after the other',
      { initContainers: [sidecar('s1'), sidecar('s2'), sidecar('s3'), sidecar('s4')] },
      ['s1', 's2', 's3', 's4', 'a'],
    ],
    [
      'a sidecar before an ordinary one',
      { initContainers: [sidecar('s1'), container('i1')] },
      ['s1', 'i1'],
    ],
    [
      'sidecars with startup probes',
      {
        initContainers: [
          sidecar('s1', { startupProbe: probe }),
          sidecar('s2', { startupProbe: probe }),
        ],
      },
      ['s1', 's2', 'a'],
    ],
    [
      'sidecars with postStart hooks',
      {
        initContainers: [
          sidecar('s1', { lifecycle: { postStart: { sleep: { seconds: 2 } } } }),
          sidecar('s2'),
        ],
      },
      ['s1', 's2', 'a'],
    ],
    [
      'a sidecar of a probed sidecar',
      {
        initContainers: [
          sidecar('s1', { startupProbe: probe }),
          sidecar('s2'),
          sidecar('s3', { startupProbe: probe }),
        ],
      },
      ['s1', 's2', 's3', 'a'],
    ],
  ])('start: %s', async (_name, spec, running) => {
    await create(spec);
    for (let second = 0; second < 5; second++) await clock.advance(1000).then(settle);
    expect(runtime.running()).toEqual(running);
  });

  it('go on after an ordinary one in the middle has ended', async () => {
    await create({
      initContainers: [sidecar('s1'), container('i1'), sidecar('s2'), container('i2')],
    });
    for (const name of ['i1', 'i2']) {
      runtime.end(name, 0);
      await settle();
    }
    expect(runtime.running()).toEqual(['s1', 's2', 'a']);
    expect(shown()?.status?.phase).toBe('Running');
  });

  it('wait for a startup probe, and no longer', async () => {
    exits.set('s1', 1);
    await create({ initContainers: [sidecar('s1', { startupProbe: probe }), sidecar('s2')] });
    await clock.advance(3000);
    await settle();
    expect(runtime.running()).toEqual(['s1']);
    exits.set('s1', 0);
    await clock.advance(1000);
    await settle();
    expect(runtime.running()).toEqual(['s1', 's2', 'a']);
  });
});

it('restarts the container that waits least first, whatever its place in the pod', async () => {
  await create({ containers: [container('a'), container('b')] });
  for (let i = 0; i < 4; i++) {
    runtime.end('b', 1);
    await settle();
    if (i < 3) await clock.advance(100_000).then(settle);
  }
  expect(runtime.running()).toEqual(['a']);
  runtime.end('a', 1);
  await settle();
  runtime.end('a', 1);
  await settle();
  expect(runtime.running()).toEqual([]);
  await clock.advance(10_000);
  await settle();
  expect(runtime.running()).toEqual(['a']);
});

describe('a successor', () => {
  it('waits until the pod of the same name has ended', async () => {
    await create({});
    runtime.slowStop = true;
    await client.delete(refs.pods, { namespace: 'n', name: 'p' }, { gracePeriodSeconds: 0 });
    await create({ containers: [{ name: 'b', image: 'i', terminationMessagePath: '' }] });
    expect(runtime.running()).toEqual(['a']);
    runtime.slowStop = false;
    runtime.end('a', 143);
    await settle();
    expect(runtime.running()).toEqual(['b']);
  });
});

describe('the network of a pod', () => {
  it('holds its rules before anything of it runs', async () => {
    let open: () => void = () => undefined;
    addresses.hold = (_pod, ips) =>
      new Promise(
        (resolve) => void ([open] = [() => resolve(void held.push(`held ${ips.join()}`))]),
      );
    await create({ initContainers: [{ name: 'i', image: 'i' }] });
    expect(runtime.calls).toEqual(['sandbox']);
    open();
    await settle();
    expect(runtime.calls).toEqual(['sandbox', 'create i']);
    expect(held).toContain('held 10.42.0.5');
  });

  it('keeps the pod waiting, and says why, when that fails', async () => {
    addresses.hold = () => Promise.reject(new Error('no table'));
    await create({});
    expect(runtime.calls).toEqual(['sandbox']);
    expect(new Set(events)).toEqual(new Set(['NetworkNotReady: network is not ready: no table']));
    addresses.hold = () => Promise.resolve();
    await clock.advance(2000);
    await settle();
    expect(runtime.running()).toEqual(['a']);
  });

  it('is told of what runs already, and of its end', async () => {
    const { metadata } = await create({});
    expect(held.slice(0, 1)).toEqual(['hold p 10.42.0.5']);
    expect(held).toContain('tell p 10.42.0.5');
    await client.delete(refs.pods, { namespace: 'n', name: 'p' }, { gracePeriodSeconds: 0 });
    await settle();
    expect(held.at(-1)).toBe(`forget ${metadata.uid}`);
  });
});

it('adopts what runs already, and ends what nobody wants', async () => {
  const pod = await create({});
  const before = runtime.calls.length;
  await set.stop();
  set = new PodSet({
    ports: makePorts(),
    desired: {
      put: () => undefined,
      remove: () => undefined,
      flushed: () => Promise.resolve(),
    } as never,
    node: () => undefined,
    unsafeSysctls: [],
  });
  runtime.exited = (id) => set.exited(id);
  await set.look();
  set.apply(client.all<Pod>(refs.pods)[0]!);
  await settle();
  await set.sweep();
  expect(runtime.calls.length).toBe(before);
  expect(set.worker(pod.metadata.uid!)?.runtime.containers).toHaveLength(1);
  await set.stop();
  set = new PodSet({
    ports: makePorts(),
    desired: {
      put: () => undefined,
      remove: () => undefined,
      flushed: () => Promise.resolve(),
    } as never,
    node: () => undefined,
    unsafeSysctls: [],
  });
  await set.look();
  await set.sweep();
  expect(runtime.sandboxes).toEqual([]);
});
