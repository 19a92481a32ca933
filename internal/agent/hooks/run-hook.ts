import type { Container, LifecycleHandler, Pod } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { ProbeDoors } from '../probes/run-probe.ts';
import { httpGet, type HttpGetRequest } from '../probes/http-get.ts';

export interface HookInput {
  pod: Pod;
  container: Container;
  containerId: string;
  podIP: string;
  handler: LifecycleHandler;
  /** Ends the wait: the grace period is over or the container is gone. */
  signal: AbortSignal;
  /** An HTTPS hook that was answered in plain HTTP has been called again that way. */
  fellBack?(message: string): void;
}

/** Go's http.Client of the kubelet has no limit either; the grace period ends it. */
const longestHttpMs = 24 * 3600_000;

/**
 * Runs a lifecycle handler to its end. Throws when it failed; what an aborted one does later is not
 * waited for.
 */
export async function runHook(input: HookInput, doors: ProbeDoors): Promise<void> {
  const { handler, container, pod, signal } = input;
  const who =
    `for Container ${JSON.stringify(container.name)} in Pod ` +
    `"${pod.metadata.name ?? ''}_${pod.metadata.namespace ?? ''}(${pod.metadata.uid ?? ''})"`;
  const work = start(input, doors, who);
  if (handler.sleep) return work;
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new Error('context deadline exceeded'));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
    work.catch(() => undefined);
  }
}

async function start(input: HookInput, doors: ProbeDoors, who: string): Promise<void> {
  const { handler, signal } = input;
  if (handler.exec) {
    const command = handler.exec.command ?? [];
    const { exitCode, output } = await doors.exec(input.containerId, command, 0);
    if (exitCode === 0) return;
    throw new Error(
      `Exec lifecycle hook ([${command.join(' ')}]) ${who} failed - error: command ` +
        `'${command.join(' ')}' exited with ${exitCode}: ${output}, message: ` +
        `${JSON.stringify(output)}`,
    );
  }
  if (handler.httpGet) {
    await httpHook(input, doors).catch((cause: unknown) => {
      throw new Error(
        `HTTP lifecycle hook (${handler.httpGet?.path ?? ''}) ${who} failed - error: ` +
          `${messageOf(cause)}`,
        { cause },
      );
    });
    return;
  }
  if (handler.sleep) {
    await doors.clock.sleep('hook.sleep', handler.sleep.seconds * 1000, signal);
    if (signal.aborted) throw new Error('container terminated before sleep hook finished');
    return;
  }
  throw new Error('Cannot run handler: invalid handler');
}

async function httpHook(input: HookInput, doors: ProbeDoors): Promise<void> {
  const action = input.handler.httpGet;
  if (!action) return;
  const request: HttpGetRequest = {
    action,
    container: input.container,
    podIP: input.podIP,
    purpose: 'lifecycle',
    timeoutMs: longestHttpMs,
  };
  try {
    await httpGet(request, doors);
  } catch (error) {
    if (!messageOf(error).includes('server gave HTTP response to HTTPS client')) throw error;
    const headers = (action.httpHeaders ?? []).filter(
      (header) => header.name.toLowerCase() !== 'authorization',
    );
    await httpGet(
      { ...request, scheme: 'http', action: { ...action, httpHeaders: headers } },
      doors,
    );
    input.fellBack?.(
      `request to HTTPS lifecycle hook ${action.host || input.podIP}:${action.port} got HTTP ` +
        'response, retry with HTTP succeeded',
    );
  }
}
