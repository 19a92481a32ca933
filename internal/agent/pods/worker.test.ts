import { beforeEach, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import {
  addresses,
  begin,
  client,
  clock,
  create,
  events,
  held,
  newSet,
  noted,
  runtime,
  set,
  settle,
  shown,
  starts,
  undone,
} from './testing/worker-world.ts';

beforeEach(begin);

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
    await clock.advance(200);
    await settle();
    expect([runtime.sandboxes, runtime.containers, [...set.workers()]]).toEqual([[], [], []]);
    expect(clock.timers).toBe(0);
  });

  it('leaves its last traces until nothing is being started, and not for long', async () => {
    const traces = (): string[] => runtime.sandboxes.map((s) => s.id);
    await create({});
    let end = (): void => undefined;
    await client.delete(refs.pods, { namespace: 'n', name: 'p' });
    const start = starts.run(() => new Promise<void>((resolve) => (end = resolve)));
    await clock.advance(1000);
    await settle();
    expect([traces(), client.all(refs.pods)]).toEqual([['sandbox-0'], []]);
    end();
    await start;
    await clock.advance(40);
    await settle();
    expect(traces()).toEqual([]);
    await create({});
    await client.delete(refs.pods, { namespace: 'n', name: 'p' });
    void starts.run(() => new Promise<void>(() => undefined));
    for (let s = 0; s < 7; s++) {
      expect(traces()).toHaveLength(s < 6 ? 1 : 0);
      for (let i = 0; i < 100; i++) await clock.advance(10);
      await settle();
    }
  });

  it('is gone at once when another of its name waits', async () => {
    await create({});
    runtime.slowStop = true;
    await client.delete(refs.pods, { namespace: 'n', name: 'p' }, { gracePeriodSeconds: 0 });
    await settle();
    await create({});
    runtime.slowStop = false;
    runtime.end('a', 143);
    await settle();
    expect(runtime.running()).toEqual(['a']);
    expect(runtime.sandboxes).toHaveLength(1);
  });

  it('is gone at once when another of its name comes while its last traces wait', async () => {
    await create({});
    await client.delete(refs.pods, { namespace: 'n', name: 'p' });
    await settle();
    expect(runtime.sandboxes).toHaveLength(1);
    await create({});
    expect(runtime.running()).toEqual(['a']);
    expect(runtime.sandboxes.map((s) => s.state)).toEqual([0]);
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

  it('is told of the addresses while the sandbox is being started', async () => {
    const run = runtime.cri.runPodSandbox;
    let fail = true;
    runtime.cri.runPodSandbox = async (request, options) => {
      noted('10.42.0.5');
      if (fail) throw new Error('no room');
      return run(request, options);
    };
    const { metadata } = await create({});
    expect(held.slice(0, 2)).toEqual(['hold p 10.42.0.5', `forget ${metadata.uid}`]);
    expect(held.at(-1)).toBe(`forget ${metadata.uid}`);
    fail = false;
    held.length = 0;
    await clock.advance(5000);
    await settle();
    expect(held.slice(0, 2)).toEqual(['hold p 10.42.0.5', 'hold p 10.42.0.5']);
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
  newSet();
  await set.look();
  set.apply(client.all<Pod>(refs.pods)[0]!);
  await settle();
  await set.sweep();
  expect(runtime.calls.length).toBe(before);
  expect(set.worker(pod.metadata.uid!)?.runtime.containers).toHaveLength(1);
  await set.stop();
  newSet();
  await set.look();
  await set.sweep();
  expect(runtime.sandboxes).toEqual([]);
});
