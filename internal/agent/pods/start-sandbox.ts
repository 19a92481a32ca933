import type { Pod } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { PodSandboxConfig } from '../../wire/cri/cri.ts';
import { sandboxConfig } from '../config/sandbox-config.ts';
import type { StartPorts } from './ports.ts';
import type { RuntimeSandbox } from './model.ts';

/** A sandbox could not be made; the pod stays and is tried again. */
class SandboxError extends Error {}

/** Makes the pod's sandbox and reads its addresses. */
export async function startSandbox(
  ports: StartPorts,
  pod: Pod,
  { attempt, signal }: { attempt: number; signal: AbortSignal },
): Promise<{ sandbox: RuntimeSandbox; config: PodSandboxConfig }> {
  try {
    const config = configFor(ports, pod, attempt);
    const runtimeHandler = await ports.node.runtimeHandler(pod);
    const { podSandboxId } = await ports.starts.run(
      () => ports.cri.runPodSandbox({ config, runtimeHandler }, { timeoutMs: sandboxTimeoutMs }),
      signal,
    );
    const sandbox = await ports.reader.sandbox(podSandboxId);
    if (!sandbox) throw new Error(`sandbox ${podSandboxId} vanished`);
    return { sandbox, config };
  } catch (cause) {
    if (signal.aborted) throw cause;
    ports.events.warning(
      pod,
      'FailedCreatePodSandBox',
      `Failed to create pod sandbox: rpc error: ${messageOf(cause)}`,
    );
    throw new SandboxError(
      `failed to "CreatePodSandbox" for "${pod.metadata.name}": ${messageOf(cause)}`,
      { cause },
    );
  }
}

/** The kubelet gives sandboxes twice the usual runtime request timeout. */
const sandboxTimeoutMs = 240_000;

/** The configuration of a pod's sandbox, for its creation and for the containers put into it. */
export function configFor(ports: StartPorts, pod: Pod, attempt: number): PodSandboxConfig {
  const { config, warnings } = sandboxConfig(pod, {
    node: ports.node.facts(),
    attempt,
    cgroupParent: ports.cgroups.parentOf(pod),
  });
  for (const message of warnings) ports.events.warning(pod, 'DNSConfigForming', message);
  return config;
}
