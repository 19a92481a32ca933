import type { Container, Pod } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import { GrpcError } from '../../io/grpc.ts';
import type { ContainerConfig, PodSandboxConfig } from '../../wire/cri/cri.ts';
import { containerConfig } from '../config/container-config.ts';
import { hostnameAndDomain } from '../config/hostname.ts';
import { makeEnvironment } from '../env/environment.ts';
import { runHook } from '../hooks/run-hook.ts';
import { ImageError, type EnsuredImage } from '../images/image-puller.ts';
import { containerDevices, containerMounts } from '../volumes/container-mounts.ts';
import { containerReference } from './container-reference.ts';
import type { StartPorts } from './ports.ts';

export interface StartInput {
  pod: Pod;
  container: Container;
  sandboxId: string;
  sandboxConfig: PodSandboxConfig;
  podIPs: string[];
  restartCount: number;
  targetId?: string;
  signal: AbortSignal;
}

/** Why a container did not start: what status.state.waiting shows. */
export class StartFailure extends Error {
  readonly reason: string;
  /** The container runs all the same (its postStart hook failed) and must be killed. */
  readonly containerId: string | undefined;
  /** Back-off of an image pull: when to try again. */
  readonly retryMs: number | undefined;

  constructor(
    reason: string,
    message: string,
    more: { containerId?: string; retryMs?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause });
    this.reason = reason;
    this.containerId = more.containerId;
    this.retryMs = more.retryMs;
  }
}

/**
 * Image, environment, mounts, create, start, postStart: one container of a standing sandbox.
 * Returns its id.
 */
export async function startContainer(ports: StartPorts, input: StartInput): Promise<string> {
  const { pod, container } = input;
  const about = containerReference(pod, container);
  const image = await imageFor(ports, input);
  input.signal.throwIfAborted();
  const config = await configured(ports, input, image).catch((cause: unknown) => {
    ports.events.warning(about, 'Failed', `Error: ${messageOf(cause)}`);
    throw new StartFailure('CreateContainerConfigError', messageOf(cause), { cause });
  });
  input.signal.throwIfAborted();
  return ports.starts.run(() => createAndStart(ports, input, config), input.signal);
}

async function createAndStart(
  ports: StartPorts,
  input: StartInput,
  config: ContainerConfig,
): Promise<string> {
  const about = containerReference(input.pod, input.container);
  const containerId = await ports.cri
    .createContainer({ podSandboxId: input.sandboxId, config, sandboxConfig: input.sandboxConfig })
    .then((answer) => answer.containerId)
    .catch((cause: unknown) => {
      ports.events.warning(about, 'Failed', `Error: ${runtimeText(cause)}`);
      throw new StartFailure('CreateContainerError', runtimeText(cause), { cause });
    });
  ports.events.normal(about, 'Created', 'Container created');
  await ports.cri.startContainer({ containerId }).catch((cause: unknown) => {
    ports.events.warning(about, 'Failed', `Error: ${runtimeText(cause)}`);
    throw new StartFailure('RunContainerError', runtimeText(cause), { containerId, cause });
  });
  ports.events.normal(about, 'Started', 'Container started');
  return containerId;
}

/** Runs the postStart hook, if there is one; its failure ends the container. */
export async function postStart(
  ports: StartPorts,
  input: StartInput,
  containerId: string,
): Promise<void> {
  const { pod, container, signal } = input;
  const handler = container.lifecycle?.postStart;
  if (!handler) return;
  const about = containerReference(pod, container);
  try {
    await runHook(
      {
        pod,
        container,
        containerId,
        podIP: input.podIPs[0] ?? '',
        handler,
        signal,
        fellBack: (message) => ports.events.warning(about, 'LifecycleHTTPFallback', message),
      },
      ports.probeDoors,
    );
  } catch (cause) {
    if (signal.aborted) return;
    ports.log.info('postStart hook failed', {
      pod: pod.metadata.name,
      container: container.name,
      error: messageOf(cause),
    });
    ports.events.warning(about, 'FailedPostStartHook', 'PostStartHook failed');
    throw new StartFailure('PostStartHookError', messageOf(cause), { containerId, cause });
  }
}

async function imageFor(ports: StartPorts, input: StartInput): Promise<EnsuredImage> {
  const { pod, container } = input;
  try {
    return await ports.images.ensure({
      pod,
      image: container.image ?? '',
      policy: container.imagePullPolicy ?? 'IfNotPresent',
      about: containerReference(pod, container),
      sandboxConfig: input.sandboxConfig,
      signal: input.signal,
    });
  } catch (cause) {
    if (!(cause instanceof ImageError)) throw cause;
    const failure = new StartFailure(cause.reason, cause.message, {
      retryMs: cause.retryMs,
      cause,
    });
    ports.events.warning(containerReference(pod, container), 'Failed', `Error: ${cause.reason}`);
    throw failure;
  }
}

async function configured(ports: StartPorts, input: StartInput, image: EnsuredImage) {
  const { pod, container, podIPs } = input;
  const facts = { podIPs, hostIPs: ports.node.hostIPs(), allocatable: ports.node.allocatable() };
  const environment = await makeEnvironment({ pod, container, facts, sources: ports.sources });
  const node = ports.node.facts();
  const volumes = ports.volumes.mounted(pod.metadata.uid!) ?? new Map();
  const mounts = await containerMounts(
    {
      pod,
      container,
      volumes,
      environment,
      podDir: ports.volumes.podDir(pod.metadata.uid!),
      podIPs,
      ...hostnameAndDomain(pod, node.clusterDomain),
      recursiveReadOnly: false,
    },
    ports.mountDoors,
  );
  const logDir = `${input.sandboxConfig.logDirectory}/${container.name}`;
  await ports.mountDoors.disk.makeDir('pod.logs', logDir, 0o755);
  return containerConfig({
    pod,
    container,
    node,
    restartCount: input.restartCount,
    image,
    environment,
    mounts,
    devices: containerDevices({ container, volumes }),
    targetId: input.targetId,
  });
}

/** What the runtime said, without gRPC's frame. */
function runtimeText(cause: unknown): string {
  return cause instanceof GrpcError ? cause.message : messageOf(cause);
}
