import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  begin,
  clock,
  create,
  events,
  newSet,
  runtime,
  set,
  settle,
  shown,
} from './testing/worker-world.ts';

beforeEach(begin);

// What ends late must not be told to the next test's pods.
afterEach(async () => {
  await settle();
  await set.stop();
});

describe('a pod that nothing leads to any more', () => {
  it('gets a new sandbox, though the runtime takes the old one for well', async () => {
    await create({});
    const [lost] = set.linked();
    set.cutOff(lost!.sandboxId);
    await settle();
    expect(runtime.sandboxes.map((s) => s.state)).toEqual([1, 0]);
    expect(runtime.running()).toEqual(['a']);
    expect(shown()?.status?.containerStatuses?.[0]).toMatchObject({ restartCount: 1 });
    expect(events).toContain(
      'SandboxChanged: Pod sandbox changed, it will be killed and re-created.',
    );
    // Late news of the old sandbox mean nothing.
    set.cutOff(lost!.sandboxId);
    await settle();
    expect(runtime.sandboxes).toHaveLength(2);
    expect(set.linked().map((each) => each.sandboxId)).not.toContain(lost!.sandboxId);
  });

  it.each([
    ['uses the network of the host', { hostNetwork: true }, 0],
    ['ends', {}, 1],
  ])('is not asked after when it %s', async (_what, spec, before) => {
    const pod = await create(spec);
    expect(set.linked()).toHaveLength(before);
    set.remove(pod.metadata.uid!);
    expect(set.linked()).toEqual([]);
  });
});

it('leaves nothing of a finished pod but its status when there is little room', async () => {
  await create({ restartPolicy: 'Never' });
  runtime.end('a', 0);
  set.relist();
  await settle();
  const told = (): object => ({ ...shown()?.status, conditions: undefined });
  const before = told();
  expect(before).toMatchObject({
    phase: 'Succeeded',
    containerStatuses: [{ state: { terminated: { exitCode: 0, reason: 'Completed' } } }],
  });
  expect([runtime.containers.length, runtime.sandboxes.length]).toEqual([1, 1]);
  await set.removeDead();
  expect([runtime.containers, runtime.sandboxes]).toEqual([[], []]);
  // Neither a look at everything nor another life of the agent takes the status for lost.
  set.relist();
  await settle();
  expect(told()).toEqual(before);
  await set.stop();
  newSet();
  await set.look();
  set.apply(shown()!);
  await settle();
  expect(told()).toEqual(before);
  expect(runtime.calls).toEqual(['sandbox', 'create a']);
});

it('leaves what runs as it is when there is too little room', async () => {
  await create({});
  runtime.end('a', 1);
  set.relist();
  await clock.advance(20_000);
  await settle();
  const before = runtime.containers.map((c) => c.state);
  expect(before).toEqual([2, 1]);
  await set.removeDead();
  expect(runtime.containers.map((c) => c.state)).toEqual(before);
});
