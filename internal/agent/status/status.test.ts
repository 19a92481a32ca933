import { describe, expect, it } from 'vitest';
import type { ContainerStatus, Pod, PodStatus } from '../../api/generated/types/core-v1.ts';
import type { PodRuntime, RuntimeContainer } from '../pods/model.ts';
import { ownConditions } from './conditions.ts';
import { phaseOf } from './phase.ts';
import { podStatus, type PodStatusInput } from './pod-status.ts';
import { statusPatch } from './status-patch.ts';

const pod = (more: Partial<Pod['spec']> = {}, status: PodStatus = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { uid: 'u', name: 'p', namespace: 'n', generation: 4 },
    spec: {
      containers: [
        { name: 'a', image: 'i' },
        { name: 'b', image: 'i' },
      ],
      ...more,
    },
    status,
  }) as Pod;
const running = { running: { startedAt: 't' } };
const ended = (exitCode: number) => ({ terminated: { exitCode } });
const status = (
  name: string,
  state: object,
  lastState: object = {},
  started = true,
): ContainerStatus =>
  ({
    name,
    state,
    lastState,
    started,
    ready: true,
    restartCount: 0,
    image: 'i',
    imageID: '',
  }) as ContainerStatus;
const phase = (p: Pod, statuses: ContainerStatus[], terminal = false) =>
  phaseOf({ pod: p, statuses, terminal, hasRun: false, isStatic: false });

describe('phase', () => {
  it('follows the containers', () => {
    expect(phase(pod(), [status('a', running), status('b', { waiting: {} })])).toBe('Pending');
    expect(phase(pod(), [status('a', running), status('b', running)])).toBe('Running');
    expect(phase(pod(), [status('a', running), status('b', { waiting: {} }, ended(1))])).toBe(
      'Running',
    );
    expect(phase(pod(), [status('a', ended(0)), status('b', ended(0))])).toBe('Running');
    expect(
      phase(pod({ restartPolicy: 'OnFailure' }), [status('a', ended(0)), status('b', ended(0))]),
    ).toBe('Succeeded');
    expect(
      phase(pod({ restartPolicy: 'OnFailure' }), [status('a', ended(0)), status('b', ended(1))]),
    ).toBe('Running');
    expect(
      phase(pod({ restartPolicy: 'Never' }), [status('a', ended(0)), status('b', ended(1))]),
    ).toBe('Failed');
    expect(phase(pod(), [status('a', ended(0)), status('b', ended(0))], true)).toBe('Succeeded');
  });

  it('waits for init containers and their sidecars', () => {
    const p = pod({
      initContainers: [
        { name: 'i', image: 'i' },
        { name: 's', image: 'i', restartPolicy: 'Always' },
      ],
    } as never);
    const both = [status('a', running), status('b', running)];
    expect(phase(p, [...both, status('i', running), status('s', { waiting: {} })])).toBe('Pending');
    expect(phase(p, [...both, status('i', ended(0)), status('s', running, {}, false)])).toBe(
      'Pending',
    );
    expect(phase(p, [...both, status('i', ended(0)), status('s', running)])).toBe('Running');
    expect(
      phase(pod({ restartPolicy: 'Never', initContainers: [{ name: 'i', image: 'i' }] } as never), [
        status('i', ended(1)),
        ...['a', 'b'].map((n) => status(n, { waiting: {} })),
      ]),
    ).toBe('Failed');
  });
});

describe('the whole status', () => {
  const c = (
    name: string,
    state: RuntimeContainer['state'],
    at: bigint,
    exitCode = 0,
  ): RuntimeContainer => ({
    id: `${name}${at}`,
    name,
    sandboxId: '',
    state,
    createdAt: at,
    startedAt: at,
    finishedAt: at,
    exitCode,
    reason: exitCode ? 'Error' : '',
    message: '',
    image: 'i',
    imageRef: 'sha256:x',
    restartCount: 1,
    hash: '',
    logPath: '',
  });
  const second = 1_000_000_000n;
  const runtime: PodRuntime = {
    sandboxes: [
      { id: 's', attempt: 0, ready: true, createdAt: 1n, ips: ['10.42.0.9'], hostNetwork: false },
    ],
    containers: [
      c('b', 'exited', 3n * second, 2),
      c('a', 'running', 2n * second),
      c('a', 'exited', second, 1),
    ],
  };
  const input = (more: Partial<PodStatusInput> = {}): PodStatusInput => ({
    pod: pod(),
    old: {},
    runtime,
    waiting: new Map([['b', { reason: 'CrashLoopBackOff', message: 'back-off' }]]),
    probes: { started: () => true, ready: () => true },
    hostIPs: ['192.0.2.1'],
    now: 'now',
    startTime: 'start',
    terminal: false,
    extra: [],
    resources: () => undefined,
    ...more,
  });

  it('shows what runs, what waits and why, and what was before', () => {
    const made = podStatus(input());
    expect(made).toMatchObject({
      phase: 'Running',
      podIP: '10.42.0.9',
      podIPs: [{ ip: '10.42.0.9' }],
      hostIP: '192.0.2.1',
      qosClass: 'BestEffort',
      startTime: 'start',
      observedGeneration: 4,
    });
    const [a, b] = made.containerStatuses!;
    expect(a).toMatchObject({
      name: 'a',
      ready: true,
      started: true,
      containerID: 'containerd://a2000000000',
      state: { running: { startedAt: '1970-01-01T00:00:02Z' } },
      lastState: { terminated: { exitCode: 1, reason: 'Error' } },
    });
    expect(b).toMatchObject({
      name: 'b',
      ready: false,
      started: false,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 2 } },
    });
    expect(made.conditions).toContainEqual({
      type: 'Ready',
      status: 'False',
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [b]',
      lastProbeTime: null,
      lastTransitionTime: 'now',
      observedGeneration: 4,
    });
  });

  it('keeps the time of a condition that did not change, and what others wrote', () => {
    const shown = {
      conditions: [
        { type: 'PodScheduled', status: 'True', lastTransitionTime: 'before' },
        { type: 'example.com/gate', status: 'True' },
      ],
    } as PodStatus;
    const made = podStatus(input({ pod: pod({}, shown) }));
    expect(made.conditions?.find((x) => x.type === 'PodScheduled')?.lastTransitionTime).toBe(
      'before',
    );
    expect(made.conditions?.[0]?.type).toBe('example.com/gate');
  });

  it('never leaves a final phase', () => {
    expect(podStatus(input({ pod: pod({}, { phase: 'Failed', reason: 'Evicted' }) })).phase).toBe(
      'Failed',
    );
  });

  it('says that a lost container has ended', () => {
    const old = { containerStatuses: [status('a', running)] } as PodStatus;
    const made = podStatus(
      input({ old, runtime: { ...runtime, containers: [] }, waiting: new Map() }),
    );
    expect(made.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      lastState: { terminated: { exitCode: 137, reason: 'ContainerStatusUnknown' } },
    });
  });
});

describe('the patch', () => {
  it('is nothing when nothing differs', () => {
    expect(
      statusPatch({ phase: 'Running', conditions: [] }, { phase: 'Running' }, ownConditions),
    ).toBeUndefined();
  });

  it('names changed conditions only, clears their old reasons, and leaves those of others', () => {
    const old = {
      conditions: [
        { type: 'Ready', status: 'False', reason: 'X' },
        { type: 'PodScheduled', status: 'True' },
        { type: 'mine', status: 'True' },
        { type: 'PodResizePending', status: 'True' },
      ],
    } as PodStatus;
    const next = {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'PodScheduled', status: 'True' },
      ],
    } as PodStatus;
    expect(statusPatch(old, next, ownConditions)).toEqual({
      conditions: [
        { type: 'Ready', status: 'True', reason: null },
        { $patch: 'delete', type: 'PodResizePending' },
      ],
    });
  });

  it('replaces addresses that changed', () => {
    expect(
      statusPatch(
        { podIP: '1', podIPs: [{ ip: '1' }] },
        { podIP: '2', podIPs: [{ ip: '2' }] },
        ownConditions,
      ),
    ).toEqual({ podIP: '2', podIPs: [{ ip: '2' }, { $patch: 'delete', ip: '1' }] });
  });
});
