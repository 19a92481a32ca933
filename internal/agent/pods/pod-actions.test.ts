import { describe, expect, it } from 'vitest';
import type { Container, Pod } from '../../api/generated/types/core-v1.ts';
import { containerHash } from '../config/labels.ts';
import type { ContainerStateName, PodRuntime, RuntimeContainer } from './model.ts';
import { podActions } from './pod-actions.ts';
import type { ActionsInput } from './action-types.ts';

const container = (name: string, more: Partial<Container> = {}): Container =>
  ({ name, image: 'busybox:1', ...more }) as Container;

function pod(containers: Container[], more: Partial<Pod['spec']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { uid: 'u', name: 'p', namespace: 'n' },
    spec: { containers, ...more },
  } as Pod;
}

let made = 0n;
function instance(spec: Container, state: ContainerStateName, exitCode = 0): RuntimeContainer {
  made += 1n;
  const base = {
    sandboxId: 's',
    reason: '',
    message: '',
    image: spec.image ?? '',
    imageRef: '',
    restartCount: 0,
    logPath: '',
  };
  return {
    ...base,
    id: `${spec.name}-${made}`,
    name: spec.name,
    state,
    exitCode,
    createdAt: made,
    startedAt: made,
    finishedAt: made,
    hash: containerHash(spec),
  };
}

const sandbox = {
  id: 's',
  attempt: 0,
  ready: true,
  createdAt: 1n,
  ips: ['10.42.0.2'],
  hostNetwork: false,
};
const runtime = (...containers: RuntimeContainer[]): PodRuntime => ({
  sandboxes: [sandbox],
  containers: containers.reverse(),
});
const ask = (p: Pod, r: PodRuntime, more: Partial<ActionsInput> = {}) =>
  podActions({ pod: p, runtime: r, liveness: () => undefined, startup: () => undefined, ...more });
const names = (list: { name: string }[]): string[] => list.map((c) => c.name);

describe('a pod without a sandbox', () => {
  it('gets one, and its containers', () => {
    const todo = ask(pod([container('a'), container('b')]), { sandboxes: [], containers: [] });
    expect(todo).toMatchObject({ createSandbox: true, attempt: 0 });
    expect(names(todo.start)).toEqual(['a', 'b']);
  });

  it('starts with its first init container only', () => {
    const todo = ask(
      pod([container('a')], { initContainers: [container('i1'), container('i2')] }),
      { sandboxes: [], containers: [] },
    );
    expect(names(todo.startInit)).toEqual(['i1']);
    expect(todo.start).toEqual([]);
  });

  it('is not begun again when it must not restart and has run', () => {
    const a = container('a');
    const todo = ask(pod([a], { restartPolicy: 'Never' }), {
      sandboxes: [{ ...sandbox, ready: false }],
      containers: [instance(a, 'exited', 1)],
    });
    expect(todo).toMatchObject({ createSandbox: false, killPod: true });
  });

  it('is made again when the sandbox was lost or has no address', () => {
    const a = container('a');
    expect(
      ask(pod([a]), {
        sandboxes: [{ ...sandbox, ready: false }],
        containers: [instance(a, 'exited', 137)],
      }),
    ).toMatchObject({ createSandbox: true, attempt: 1, killPod: true });
    expect(ask(pod([a]), { sandboxes: [{ ...sandbox, ips: [] }], containers: [] })).toMatchObject({
      createSandbox: true,
      attempt: 1,
    });
  });
});

describe('init containers', () => {
  const i1 = container('i1');
  const side = container('side', { restartPolicy: 'Always' });
  const i2 = container('i2');
  const a = container('a');
  const p = pod([a], { initContainers: [i1, side, i2] });

  it('run one after the other', () => {
    expect(names(ask(p, runtime(instance(i1, 'running'))).startInit)).toEqual([]);
    expect(names(ask(p, runtime(instance(i1, 'exited'))).startInit)).toEqual(['side']);
    expect(
      names(ask(p, runtime(instance(i1, 'exited'), instance(side, 'running'))).startInit),
    ).toEqual(['i2']);
    expect(
      names(
        ask(p, runtime(instance(i1, 'exited'), instance(side, 'running'), instance(i2, 'exited')))
          .start,
      ),
    ).toEqual(['a']);
  });

  it('wait for the startup of a sidecar', () => {
    const probed = { ...side, startupProbe: { exec: { command: ['true'] } } } as Container;
    const q = pod([a], { initContainers: [probed, i2] });
    const now = runtime(instance(probed, 'running'));
    expect(names(ask(q, now).startInit)).toEqual([]);
    expect(names(ask(q, now, { startup: () => 'success' }).startInit)).toEqual(['i2']);
    expect(ask(q, now, { startup: () => 'failure' }).kill).toMatchObject([
      { name: 'side', reason: 'StartupProbe' },
    ]);
  });

  it('fail the pod when they may not run again', () => {
    expect(
      ask(
        pod([a], { initContainers: [i1], restartPolicy: 'Never' }),
        runtime(instance(i1, 'exited', 1)),
      ),
    ).toMatchObject({ killPod: true, startInit: [], start: [] });
    expect(
      names(ask(pod([a], { initContainers: [i1] }), runtime(instance(i1, 'exited', 1))).startInit),
    ).toEqual(['i1']);
  });

  it('bring a dead sidecar back beside running containers, and none for a pod that is over', () => {
    const dead = runtime(
      instance(i1, 'exited'),
      instance(side, 'exited', 1),
      instance(i2, 'exited'),
      instance(a, 'running'),
    );
    expect(names(ask(p, dead).startInit)).toEqual(['side']);
    const over = pod([a], { initContainers: [side], restartPolicy: 'Never' });
    expect(ask(over, runtime(instance(side, 'running'), instance(a, 'exited')))).toMatchObject({
      killPod: true,
      startInit: [],
    });
  });
});

describe('containers', () => {
  const a = container('a', {
    livenessProbe: { exec: { command: ['true'] } },
  } as Partial<Container>);

  it('restart by policy and exit code', () => {
    const starts = (policy: string, code: number): string[] =>
      names(
        ask(
          pod([a, container('b')], { restartPolicy: policy }),
          runtime(instance(a, 'exited', code), instance(container('b'), 'running')),
        ).start,
      );
    expect(starts('Always', 0)).toEqual(['a']);
    expect(starts('OnFailure', 0)).toEqual([]);
    expect(starts('OnFailure', 2)).toEqual(['a']);
    expect(starts('Never', 2)).toEqual([]);
  });

  it('restart by their own rules first', () => {
    const ruled = container('a', {
      restartPolicy: 'Never',
      restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }],
    } as Partial<Container>);
    const p = pod([ruled], { restartPolicy: 'Never' });
    expect(names(ask(p, runtime(instance(ruled, 'exited', 42))).start)).toEqual(['a']);
    expect(ask(p, runtime(instance(ruled, 'exited', 1)))).toMatchObject({
      killPod: true,
      start: [],
    });
  });

  it('are killed and replaced when they do not live, or are no longer what the pod says', () => {
    const now = runtime(instance(a, 'running'));
    expect(ask(pod([a]), now, { liveness: () => 'failure' })).toMatchObject({
      kill: [
        {
          name: 'a',
          message: 'Container a failed liveness probe, will be restarted',
          reason: 'LivenessProbe',
        },
      ],
      start: [{ name: 'a' }],
    });
    expect(ask(pod([{ ...a, image: 'busybox:2' }]), now).kill).toMatchObject([
      { message: 'Container a definition changed, will be restarted' },
    ]);
  });

  it('never start in a pod that is being deleted', () => {
    const p = pod([a]);
    p.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    expect(ask(p, runtime(instance(a, 'exited', 1)))).toMatchObject({ start: [], killPod: true });
  });
});
