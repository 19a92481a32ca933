import { beforeEach, describe, expect, it } from 'vitest';
import {
  begin,
  clock,
  create,
  events,
  exits,
  goDeaf,
  runtime,
  settle,
  shown,
} from './testing/worker-world.ts';

beforeEach(begin);

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
  beforeEach(goDeaf);

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
