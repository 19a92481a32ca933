import {
  ContainerState,
  NamespaceMode,
  PodSandboxState,
  type Container,
  type ContainerStatus,
  type PodSandbox,
  type PodSandboxStatus,
} from '../../wire/cri/cri.ts';
import { annotationNames, labelNames } from '../config/labels.ts';
import { isNotFound, type CriClient } from '../cri/client.ts';
import {
  emptyRuntime,
  type ContainerStateName,
  type PodRuntime,
  type RuntimeContainer,
  type RuntimeSandbox,
} from './model.ts';
import { terminationMessage } from './termination-message.ts';

const stateNames: Record<number, ContainerStateName> = {
  [ContainerState.CONTAINER_CREATED]: 'created',
  [ContainerState.CONTAINER_RUNNING]: 'running',
  [ContainerState.CONTAINER_EXITED]: 'exited',
};

/** Reads pods from the runtime, asking only for what can have changed. */
export class RuntimeReader {
  readonly #cri: CriClient;

  constructor(cri: CriClient) {
    this.#cri = cri;
  }

  /** Every pod that the runtime holds anything of, by uid. */
  async uids(): Promise<Map<string, { namespace: string; name: string }>> {
    const { items } = await this.#cri.listPodSandbox({});
    return new Map(
      items.map((s) => [
        s.labels[labelNames.podUid] ?? '',
        { namespace: s.metadata?.namespace ?? '', name: s.metadata?.name ?? '' },
      ]),
    );
  }

  /** The pod as it is now. `known` spares the questions whose answers cannot change any more. */
  async pod(uid: string, known: PodRuntime = emptyRuntime): Promise<PodRuntime> {
    const filter = { labelSelector: { [labelNames.podUid]: uid } };
    const [sandboxes, containers] = await Promise.all([
      this.#cri.listPodSandbox({ filter }),
      this.#cri.listContainers({ filter }),
    ]);
    const [readSandboxes, readContainers] = await Promise.all([
      Promise.all(sandboxes.items.map((s) => this.#fromSandbox(s, known))),
      Promise.all(containers.containers.map((c) => this.#fromContainer(c, known))),
    ]);
    return { sandboxes: newestFirst(readSandboxes), containers: newestFirst(readContainers) };
  }

  /** Undefined when the runtime does not know it. Its sandbox it does not tell here. */
  async container(id: string): Promise<RuntimeContainer | undefined> {
    try {
      const { status } = await this.#cri.containerStatus({ containerId: id });
      return status ? await this.#toContainer(status) : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async sandbox(id: string): Promise<RuntimeSandbox | undefined> {
    try {
      const { status } = await this.#cri.podSandboxStatus({ podSandboxId: id });
      return status ? toSandbox(status) : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #fromSandbox(listed: PodSandbox, known: PodRuntime): Promise<RuntimeSandbox | undefined> {
    const ready = listed.state === PodSandboxState.SANDBOX_READY;
    const before = known.sandboxes.find((s) => s.id === listed.id);
    return before?.ready === ready ? before : this.sandbox(listed.id);
  }

  async #fromContainer(
    listed: Container,
    known: PodRuntime,
  ): Promise<RuntimeContainer | undefined> {
    const before = known.containers.find((c) => c.id === listed.id);
    if (before?.state === 'exited') return before;
    const read = await this.container(listed.id);
    return read && { ...read, sandboxId: listed.podSandboxId };
  }

  async #toContainer(status: ContainerStatus): Promise<RuntimeContainer> {
    const state = stateNames[status.state] ?? 'unknown';
    const linux = status.resources?.linux;
    const user = status.user?.linux;
    const made: RuntimeContainer = {
      id: status.id,
      name: status.metadata?.name ?? '',
      sandboxId: '',
      state,
      createdAt: status.createdAt,
      startedAt: status.startedAt,
      finishedAt: status.finishedAt,
      exitCode: status.exitCode,
      reason: status.reason,
      message: status.message,
      image: status.image?.image ?? '',
      imageRef: status.imageRef,
      restartCount: Number(
        status.annotations[annotationNames.restartCount] ?? status.metadata?.attempt ?? 0,
      ),
      hash: status.annotations[annotationNames.hash] ?? '',
      logPath: status.logPath,
      ...(linux
        ? {
            resources: {
              cpuShares: linux.cpuShares ?? 0,
              cpuQuota: linux.cpuQuota ?? 0,
              cpuPeriod: linux.cpuPeriod ?? 0,
              memoryLimitBytes: linux.memoryLimitInBytes ?? 0,
            },
          }
        : {}),
      ...(user
        ? {
            user: {
              uid: user.uid ?? 0,
              gid: user.gid ?? 0,
              supplementalGroups: user.supplementalGroups ?? [],
            },
          }
        : {}),
    };
    if (state === 'exited') made.message = await terminationMessage(status, made);
    return made;
  }
}

function toSandbox(status: PodSandboxStatus): RuntimeSandbox {
  const { ip = '', additionalIps = [] } = status.network ?? {};
  return {
    id: status.id,
    attempt: status.metadata?.attempt ?? 0,
    ready: status.state === PodSandboxState.SANDBOX_READY,
    createdAt: status.createdAt,
    ips: ip ? [ip, ...additionalIps.map((a) => a.ip ?? '')] : [],
    hostNetwork: status.linux?.namespaces?.options?.network === NamespaceMode.NODE,
  };
}

function newestFirst<T extends { createdAt: bigint }>(list: (T | undefined)[]): T[] {
  return list
    .filter((x) => x !== undefined)
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0));
}
