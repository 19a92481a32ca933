import type { ContainerStatus, Pod } from '../../api/generated/types/core-v1.ts';
import type { Clock } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { ServerAnswer } from '../../io/https-server.ts';
import { containerNamed } from '../pods/model.ts';
import { sayText } from './answer.ts';
import { nanosOf } from './log-line.ts';
import { readLog, type LogOptions } from './log-reader.ts';
import type { NodeView } from './node-view.ts';

/** Query of /containerLogs, as core/v1 PodLogOptions. Returns a message for a bad one. */
function logOptions(
  query: URLSearchParams,
  nowMs: number,
): (LogOptions & { previous: boolean }) | string {
  const number = (name: string): number | undefined =>
    query.has(name) ? Number(query.get(name)) : undefined;
  const [tailLines, limitBytes, sinceSeconds] = [
    number('tailLines'),
    number('limitBytes'),
    number('sinceSeconds'),
  ];
  for (const [name, value] of Object.entries({ tailLines, limitBytes, sinceSeconds })) {
    if (value !== undefined && (!Number.isInteger(value) || value < 0))
      return `invalid ${name}: ${query.get(name)}`;
  }
  const sinceTime = query.get('sinceTime');
  const since = sinceTime
    ? nanosOf(sinceTime)
    : sinceSeconds === undefined
      ? undefined
      : BigInt(Math.round(nowMs - sinceSeconds * 1000)) * 1_000_000n;
  if (sinceTime && since === undefined) return `invalid sinceTime: ${sinceTime}`;
  const flag = (name: string): boolean =>
    query.has(name) && !['false', '0'].includes(query.get(name) ?? '');
  const stream = (query.get('stream') || 'All') as LogOptions['stream'];
  return {
    follow: flag('follow'),
    timestamps: flag('timestamps'),
    previous: flag('previous'),
    tailLines,
    limitBytes,
    since,
    stream,
  };
}

/** Sends a container's log; the client's going away ends a following one. */
export async function serveLogs(
  context: { view: NodeView; disk: Disk; clock: Clock },
  request: { namespace: string; pod: string; container: string; query: URLSearchParams },
  answer: ServerAnswer,
): Promise<void> {
  const { view, disk } = context;
  const pod = view.pod(request.namespace, request.pod);
  if (!pod) {
    const { status, text } = missing(view, request.pod);
    return sayText(answer, status, text + '\n');
  }
  if (!containerNamed(pod, request.container))
    return sayText(
      answer,
      404,
      `container ${JSON.stringify(request.container)} not found in pod ` +
        `${JSON.stringify(request.pod)}\n`,
    );
  const options = logOptions(request.query, context.clock.now());
  if (typeof options === 'string') return sayText(answer, 400, options + '\n');
  const instance = await view.container(pod, request.container, options.previous);
  if (!instance) return sayText(answer, 400, whyNone(pod, request.container, options.previous));
  const gone = new AbortController();
  answer.on('close', () => gone.abort());
  answer.statusCode = 200;
  answer.setHeader('Content-Type', 'text/plain');
  if ('flushHeaders' in answer) answer.flushHeaders();
  const write = (data: Buffer): Promise<void> =>
    new Promise((resolve) => {
      const more = (answer.write as (data: Buffer) => boolean).call(answer, data);
      if (more || gone.signal.aborted) return resolve();
      answer.once('drain', resolve);
      gone.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  const ended =
    options.follow && instance.running ? view.ended(instance.id, gone.signal) : Promise.resolve();
  await readLog(instance.logPath, options, { disk, ended, signal: gone.signal, write });
  answer.end();
}

/** What the pod's status says of a container. */
export function statusOf(pod: Pod, container: string): ContainerStatus | undefined {
  const {
    initContainerStatuses = [],
    containerStatuses = [],
    ephemeralContainerStatuses = [],
  } = pod.status;
  return [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses].find(
    (s) => s.name === container,
  );
}

/**
 * Why a pod is not known here. A node that has just started has not read its pods yet: saying 404
 * would tell the caller that the pod is gone.
 */
export function missing(view: NodeView, pod: string): { status: 404 | 503; text: string } {
  if (view.knowsPods()) return { status: 404, text: `pod "${pod}" does not exist` };
  return { status: 503, text: `node ${view.nodeName} has just started and knows no pods yet` };
}

/** The kubelet's words for a log that is not there. */
function whyNone(pod: Pod, container: string, previous: boolean): string {
  const name = pod.metadata.name ?? '';
  if (previous) return `previous terminated container "${container}" in pod "${name}" not found`;
  const state = statusOf(pod, container)?.state;
  if (state?.terminated) return `container "${container}" in pod "${name}" is terminated`;
  const why = state?.waiting?.reason;
  const start = `container "${container}" in pod "${name}" is waiting to start`;
  if (why === 'ErrImagePull') return `${start}: image can't be pulled`;
  if (why === 'ImagePullBackOff') return `${start}: trying and failing to pull image`;
  return why === undefined ? `${start} - no logs yet` : `${start}: ${why}`;
}
