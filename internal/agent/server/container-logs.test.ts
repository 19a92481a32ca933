import { partOf } from '../../base/testing/part-of.ts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ContainerStatus, Pod } from '../../api/generated/types/core-v1.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { realDisk } from '../../io/disk.ts';
import type { ServerAnswer } from '../../io/https-server.ts';
import { AgentMetrics } from '../agent-metrics.ts';
import { agentView, Ended } from '../agent-view.ts';
import type { PodSet } from '../pods/pod-set.ts';
import { serveLogs } from './container-logs.ts';

let dir = '';
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), 'logs-'))));
afterEach(() => rm(dir, { recursive: true, force: true }));

/**
 * What the node answers for the log of container `c`, when this is its status and these are its
 * instances, newest first.
 */
async function ask(
  status: Partial<ContainerStatus> | undefined,
  query = '',
  ids: string[] = [],
  container = 'c',
): Promise<{ status: number; text: string }> {
  const pod = {
    metadata: { namespace: 'n', name: 'p', uid: 'u' },
    spec: { containers: [{ name: 'c' }] },
    status: { containerStatuses: status ? [{ name: 'c', ...status }] : [] },
  } as Pod;
  const containers = ids.map((id) => ({
    id,
    name: 'c',
    state: 'exited' as const,
    logPath: join(dir, `${id}.log`),
  }));
  for (const { id, logPath } of containers)
    await writeFile(logPath, `2026-01-01T00:00:00.000000000Z stdout F ${id}\n`);
  const worker = { pod, status: pod.status, runtime: { containers, sandboxes: [] } };
  const pods = partOf<PodSet>({
    named: () => worker,
    worker: () => worker,
    workers: () => [worker],
  });
  const clock = new FakeClock();
  const view = agentView({
    nodeName: 'x',
    pauseImage: 'pause',
    metrics: new AgentMetrics(clock),
    counting: partOf<{ disk: never; cgroups: never }>({}),
    down: () => undefined,
    cri: {} as never,
    pods,
    clock,
    config: {},
    ended: new Ended(),
    terminated: { samples: () => [] },
    knowsPods: () => true,
    localPaths: { make: () => Promise.resolve(), remove: () => Promise.resolve() },
    claims: () => [],
  });
  let text = '';
  const answer = Object.assign(
    new Writable({ write: (part: Buffer, _encoding, done) => ((text += part.toString()), done()) }),
    { statusCode: 0, setHeader: () => undefined },
  );
  await serveLogs(
    { view, disk: realDisk, clock },
    { namespace: 'n', pod: 'p', container, query: new URLSearchParams(query) },
    answer as unknown as ServerAnswer,
  );
  return { status: answer.statusCode, text: text.trim() };
}

const waiting = (reason: string): Partial<ContainerStatus> => ({ state: { waiting: { reason } } });
const ended = (id: string) => ({ terminated: { exitCode: 1, containerID: `containerd://${id}` } });

describe('the log of a container that has none yet', () => {
  it.each([
    [
      'CreateContainerConfigError',
      'container "c" in pod "p" is waiting to start: CreateContainerConfigError',
    ],
    ['ContainerCreating', 'container "c" in pod "p" is waiting to start: ContainerCreating'],
    ['PodInitializing', 'container "c" in pod "p" is waiting to start: PodInitializing'],
    ['ErrImagePull', 'container "c" in pod "p" is waiting to start: image can\'t be pulled'],
    [
      'ImagePullBackOff',
      'container "c" in pod "p" is waiting to start: trying and failing to pull image',
    ],
  ])('is refused with its reason: %s', async (reason, text) => {
    expect(await ask(waiting(reason))).toEqual({ status: 400, text });
  });

  it('is refused for what is not in the pod, and for what says nothing', async () => {
    expect(await ask(undefined, '', [], 'other')).toEqual({
      status: 404,
      text: 'container "other" not found in pod "p"',
    });
    expect(await ask(undefined)).toEqual({
      status: 400,
      text: 'container "c" in pod "p" is waiting to start - no logs yet',
    });
  });
});

describe('the log of the instance before', () => {
  it('is that of lastState, also while the container waits to be started again', async () => {
    expect(
      await ask({ ...waiting('CrashLoopBackOff'), lastState: ended('c2') }, 'previous=true', [
        'c2',
        'c1',
      ]),
    ).toEqual({ status: 200, text: 'c2' });
    expect(
      await ask({ ...waiting('CrashLoopBackOff'), lastState: ended('c2') }, '', ['c2', 'c1']),
    ).toEqual({ status: 200, text: 'c2' });
    expect(
      await ask({ state: { running: {} }, lastState: ended('c1') }, 'previous=true', ['c2', 'c1']),
    ).toEqual({ status: 200, text: 'c1' });
  });

  it('is refused when there was none', async () => {
    const none = { status: 400, text: 'previous terminated container "c" in pod "p" not found' };
    expect(await ask({ state: { running: {} } }, 'previous=true', ['c1'])).toEqual(none);
    expect(
      await ask({ state: { running: {} }, lastState: ended('gone') }, 'previous=true', ['c1']),
    ).toEqual(none);
  });
});
