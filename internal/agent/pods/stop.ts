import type { Container, Pod } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import { isSidecar } from '../config/pod-resources.ts';
import { isNotFound } from '../cri/client.ts';
import { runHook } from '../hooks/run-hook.ts';
import { containerReference } from './container-reference.ts';
import type { StopPorts } from './ports.ts';
import { containerNamed, type PodRuntime, type RuntimeContainer } from './model.ts';
import type { KillReason } from './action-types.ts';

/** Containers always get this long to end by themselves. */
const leastGraceSeconds = 2;
/** How much longer than the grace period the runtime may take to answer. */
const stopSlackMs = 120_000;
const defaultGraceSeconds = 30;

export interface KillInput {
  pod: Pod;
  status: Pick<RuntimeContainer, 'id' | 'name'>;
  message: string;
  reason: KillReason;
  /** Overrides what the pod says. */
  graceSeconds?: number;
  podIP: string;
  /** Resolves when it is this container's turn to be stopped. */
  turn?: Promise<void>;
}

/**
 * preStop hook, then SIGTERM, then SIGKILL when the grace period is over. Resolves when the
 * container is dead.
 */
export async function killContainer(ports: StopPorts, input: KillInput): Promise<void> {
  const { pod, status } = input;
  const container = containerNamed(pod, status.name);
  let graceSeconds = asGiven(input.graceSeconds ?? graceOf(pod, container, input.reason));
  if (container)
    ports.events.normal(
      containerReference(pod, container),
      'Killing',
      input.message || `Stopping container ${status.name}`,
    );
  const started = ports.clock.monotonicMs();
  const spent = (): number => Math.floor((ports.clock.monotonicMs() - started) / 1000);
  const whole = graceSeconds;
  if (container?.lifecycle?.preStop && graceSeconds > 0)
    await preStop(ports, input, container, graceSeconds);
  graceSeconds = whole - spent();
  if (input.turn && graceSeconds > 0) {
    const waited = new AbortController();
    await Promise.race([
      input.turn,
      ports.clock.sleep('pod.stop.turn', graceSeconds * 1000, waited.signal),
    ]);
    waited.abort();
    graceSeconds = whole - spent();
  }
  const timeout = Math.max(leastGraceSeconds, graceSeconds);
  try {
    await ports.cri.stopContainer(
      { containerId: status.id, timeout },
      { timeoutMs: timeout * 1000 + stopSlackMs },
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** A negative grace period counts as one second. */
const asGiven = (graceSeconds: number): number => (graceSeconds < 0 ? 1 : graceSeconds);

function graceOf(pod: Pod, container: Container | undefined, reason: KillReason): number {
  if (pod.metadata.deletionGracePeriodSeconds !== undefined)
    return pod.metadata.deletionGracePeriodSeconds;
  const probe =
    reason === 'StartupProbe'
      ? container?.startupProbe
      : reason === 'LivenessProbe'
        ? container?.livenessProbe
        : undefined;
  return (
    probe?.terminationGracePeriodSeconds ??
    pod.spec.terminationGracePeriodSeconds ??
    defaultGraceSeconds
  );
}

async function preStop(
  ports: StopPorts,
  input: KillInput,
  container: Container,
  graceSeconds: number,
): Promise<void> {
  const { pod, status } = input;
  const about = containerReference(pod, container);
  const over = new AbortController();
  const timer = ports.clock.after('pod.prestop', graceSeconds * 1000, () => over.abort());
  try {
    await runHook(
      {
        pod,
        container,
        containerId: status.id,
        podIP: input.podIP,
        handler: container.lifecycle!.preStop!,
        signal: over.signal,
        fellBack: (message) => ports.events.warning(about, 'LifecycleHTTPFallback', message),
      },
      ports.probeDoors,
    );
  } catch (error) {
    ports.log.info('preStop hook failed', {
      pod: pod.metadata.name,
      container: container.name,
      error: messageOf(error),
    });
    ports.events.warning(about, 'FailedPreStopHook', 'PreStopHook failed');
  } finally {
    timer.cancel();
  }
}

/**
 * Ends all containers that run: ordinary ones together, then sidecars one after the other, last one
 * first. Then the sandboxes.
 */
export async function stopPod(
  ports: StopPorts,
  pod: Pod,
  runtime: PodRuntime,
  graceSeconds: number | undefined,
): Promise<void> {
  const running = runtime.containers.filter((c) => c.state !== 'exited');
  const podIP = runtime.sandboxes[0]?.ips[0] ?? '';
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar).map((c) => c.name);
  const kill = (status: RuntimeContainer, turn?: Promise<void>): Promise<void> =>
    killContainer(ports, { pod, status, message: '', reason: '', graceSeconds, podIP, turn });
  const ordinary = running.filter((c) => !sidecars.includes(c.name)).map((c) => kill(c));
  let before: Promise<unknown> = Promise.allSettled(ordinary);
  const all = [...ordinary];
  for (const name of sidecars.reverse()) {
    const mine = running.filter((c) => c.name === name);
    if (mine.length === 0) continue;
    const turn = before.then(() => undefined);
    const killed = mine.map((c) => kill(c, turn));
    all.push(...killed);
    before = Promise.allSettled(killed);
  }
  const results = await Promise.allSettled(all);
  await stopSandboxes(ports, runtime);
  const failed = results.find((r) => r.status === 'rejected');
  if (failed) throw failed.reason;
}

/**
 * Gives their networks back. One that has ended by itself, or whose stop failed half-way, is not
 * ready and has its network still.
 */
export async function stopSandboxes(ports: StopPorts, { sandboxes }: PodRuntime): Promise<void> {
  await Promise.all(
    sandboxes.map((s) => ifThere(ports.cri.stopPodSandbox({ podSandboxId: s.id }))),
  );
}

/** Everything the runtime holds of a pod goes away, logs too. */
export async function removePod(
  ports: StopPorts,
  uid: string,
  logDirectory: string | undefined,
): Promise<void> {
  const { sandboxes, containers } = await ports.reader.pod(uid);
  for (const container of containers)
    await ifThere(ports.cri.removeContainer({ containerId: container.id }));
  for (const sandbox of sandboxes) await removeSandbox(ports, sandbox.id);
  if (logDirectory) await ports.mountDoors.disk.remove('pod.logs', logDirectory);
}

export async function removeSandbox(ports: StopPorts, podSandboxId: string): Promise<void> {
  await ifThere(ports.cri.stopPodSandbox({ podSandboxId }));
  await ifThere(ports.cri.removePodSandbox({ podSandboxId }));
}

export async function ifThere(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
