import type { Pod } from '../api/generated/types/core-v1.ts';
import { SkiffError } from '../base/errors.ts';
import type { Clock } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import type { AgentMetrics } from './agent-metrics.ts';
import type { Cgroups } from './cgroups/cgroups.ts';
import type { CallOptions, CriClient } from './cri/client.ts';
import { statusOf } from './server/container-logs.ts';
import { containerNamed, type RuntimeContainer } from './pods/model.ts';
import type { PodSet } from './pods/pod-set.ts';
import type { ContainerInstance, NodeView, TerminatedSample } from './server/node-view.ts';
import { readDetails, readUsage } from './usage.ts';
import { volumeUsage, type StandingClaim } from './volumes/volume-usage.ts';

/**
 * The runtime only prepares a stream, which is quick. kubectl asks twice (WebSocket, then SPDY), so
 * a hung runtime costs twice this.
 */
const streamAnswerMs = 5000;

/** What the node's HTTPS server sees of the agent. */
export function agentView(options: {
  nodeName: string;
  pauseImage: string;
  cri: CriClient;
  down(): string | undefined;
  pods: PodSet;
  clock: Clock;
  config: Record<string, unknown>;
  ended: Ended;
  terminated: { samples(): TerminatedSample[] };
  metrics: AgentMetrics;
  counting: { disk: Disk; cgroups: Cgroups };
  localPaths: NodeView['localPaths'];
  knowsPods: NodeView['knowsPods'];
  claims(): StandingClaim[];
}): NodeView {
  const { nodeName, cri, pods } = options;
  const withStatus = (worker: { pod: Pod; status: Pod['status'] }): Pod => ({
    ...worker.pod,
    status: worker.status,
  });
  const instance = (
    pod: Pod,
    container: string,
    previous: boolean,
  ): RuntimeContainer | undefined => {
    const all =
      pods.worker(pod.metadata.uid!)?.runtime.containers.filter((c) => c.name === container) ?? [];
    if (!previous) return all[0];
    // The one that the status shows as the last: while a container waits to be started again, that
    // is the newest.
    const status = statusOf(pod, container);
    const id = status?.lastState?.terminated?.containerID?.replace(/^containerd:\/\//, '');
    return id ? all.find((c) => c.id === id) : undefined;
  };
  /** A user waits at a terminal: when the runtime does not answer in time, the call fails. */
  const up = <Q, R>(
    call: (request: Q, options: CallOptions) => Promise<R>,
    request: Q,
  ): Promise<R> => {
    const why = options.down();
    if (why !== undefined)
      return Promise.reject(new SkiffError(why, { code: 'RUNTIME_DOWN', op: 'agent.stream' }));
    return call(request, { timeoutMs: streamAnswerMs });
  };
  return {
    nodeName,
    localPaths: options.localPaths,
    knowsPods: options.knowsPods,
    pods: () => [...pods.workers()].map(withStatus),
    pod: (namespace, name) => {
      const worker = pods.named(namespace, name);
      return worker && withStatus(worker);
    },
    container: (pod, container, previous): Promise<ContainerInstance | undefined> => {
      const found = instance(pod, container, previous);
      const spec = containerNamed(pod, container);
      return Promise.resolve(
        found && {
          id: found.id,
          logPath: found.logPath,
          running: found.state === 'running',
          tty: spec?.tty ?? false,
          stdin: spec?.stdin ?? false,
        },
      );
    },
    sandbox: (pod) =>
      Promise.resolve(pods.worker(pod.metadata.uid!)?.runtime.sandboxes.find((s) => s.ready)?.id),
    ended: (id, signal) =>
      options.ended.wait(id, signal, () =>
        [...pods.workers()].some((w) =>
          w.runtime.containers.some((c) => c.id === id && c.state === 'running'),
        ),
      ),
    exec: async (request) =>
      (
        await up(cri.exec, {
          containerId: request.containerId,
          cmd: request.command,
          tty: request.tty,
          stdin: request.stdin,
          stdout: request.stdout,
          stderr: request.stderr,
        })
      ).url,
    attach: async (request) => (await up(cri.attach, request)).url,
    portForward: async (request) =>
      (await up(cri.portForward, { podSandboxId: request.sandboxId, port: request.ports })).url,
    execSync: async (request) =>
      cri.execSync(
        { containerId: request.containerId, cmd: request.command, timeout: request.timeoutSeconds },
        { timeoutMs: request.timeoutSeconds > 0 ? request.timeoutSeconds * 1000 + 10_000 : 0 },
      ),
    stats: () => readUsage(cri, pods),
    details: () => readDetails(cri, pods, { ...options.counting, image: options.pauseImage }),
    metrics: () => options.metrics,
    volumes: () => volumeUsage(options.claims(), options.clock.now()),
    terminated: () => options.terminated.samples(),
    config: () => options.config,
  };
}

/** Callers that wait for a container's end. */
export class Ended {
  readonly #waiting = new Map<string, Set<() => void>>();

  tell(id: string): void {
    for (const done of this.#waiting.get(id) ?? []) done();
    this.#waiting.delete(id);
  }

  wait(id: string, signal: AbortSignal, running: () => boolean): Promise<void> {
    if (signal.aborted || !running()) return Promise.resolve();
    return new Promise((resolve) => {
      const set = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, set);
      set.add(resolve);
      signal.addEventListener('abort', () => {
        set.delete(resolve);
        resolve();
      });
    });
  }
}
