import type { CriClient } from '../cri/client.ts';
import { annotationNames, labelNames } from '../config/labels.ts';
import type { ContainerConfig, PodSandboxConfig } from '../../wire/cri/cri.ts';

interface FakeContainer {
  id: string;
  sandbox: string;
  config: ContainerConfig;
  state: number;
  exitCode: number;
  at: bigint;
  finishedAt: bigint;
}

interface FakeSandbox {
  id: string;
  config: PodSandboxConfig;
  state: number;
  at: bigint;
}

/** A container runtime in memory, the twin of containerd for tests of workers. */
export class FakeRuntime {
  readonly calls: string[] = [];
  readonly sandboxes: FakeSandbox[] = [];
  readonly containers: FakeContainer[] = [];
  readonly cri: CriClient;
  /** Called as the event stream would. */
  exited: (id: string) => void = () => undefined;
  /** Containers ignore SIGTERM until they are ended by the test. */
  slowStop = false;
  /**
   * The next sandboxes fail with these words, half-made and keeping their names (`kept`), or
   * without a trace.
   */
  readonly failing: { message: string; kept: boolean }[] = [];
  /**
   * So many stops of sandboxes leave the network behind: the sandbox has ended, and the call fails.
   */
  failingStops = 0;
  /** Sandboxes whose network was given back. */
  readonly released = new Set<string>();
  /** How often a lost sandbox is still listed as ready: the event of its end comes first. */
  lagLooks = 0;
  readonly #stopping: (() => void)[] = [];
  readonly #now: () => number;
  #count = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.cri = this.#client() as unknown as CriClient;
  }

  running(): string[] {
    return this.containers.filter((c) => c.state === 1).map((c) => c.config.metadata?.name ?? '');
  }

  /** The newest instance of a container ends by itself. */
  end(name: string, exitCode: number): void {
    const container = this.containers.findLast(
      (c) => c.config.metadata?.name === name && c.state === 1,
    );
    if (!container) throw new Error(`${name} does not run`);
    this.#finish(container, exitCode);
  }

  #finish(container: FakeContainer, exitCode: number): void {
    Object.assign(container, { state: 2, exitCode, finishedAt: BigInt(this.#now()) * 1_000_000n });
    this.exited(container.id);
    for (const resolve of this.#stopping.splice(0)) resolve();
  }

  /** The first process of the newest sandbox dies: its containers live on. */
  kill(lagLooks: number): void {
    const sandbox = this.sandboxes.at(-1)!;
    sandbox.state = 1;
    this.lagLooks = lagLooks;
    this.exited(sandbox.id);
  }

  #shown(sandbox: FakeSandbox): number {
    if (sandbox.state === 1 && this.lagLooks > 0) {
      this.lagLooks -= 1;
      return 0;
    }
    return sandbox.state;
  }

  #client() {
    const note = (name: string): void => void this.calls.push(name);
    const at = (): bigint => BigInt(this.#now()) * 1_000_000n + BigInt(this.#count++);
    const find = (id: string): FakeContainer => this.containers.find((c) => c.id === id)!;
    const inUid = (
      filter: { labelSelector?: Record<string, string> } | undefined,
      labels: Record<string, string> | undefined,
    ): boolean =>
      !filter?.labelSelector ||
      labels?.[labelNames.podUid] === filter.labelSelector[labelNames.podUid];
    return {
      runPodSandbox: async ({ config }: { config: PodSandboxConfig }) => {
        note('sandbox');
        const id = `sandbox-${this.#count++}`;
        const attempt = config.metadata?.attempt;
        if (
          this.sandboxes.some(
            (s) =>
              s.config.metadata?.uid === config.metadata?.uid &&
              s.config.metadata?.attempt === attempt,
          )
        )
          throw new Error(
            `failed to reserve sandbox name "p_n_${config.metadata?.uid}_${attempt}": name ` +
              'is reserved',
          );
        const failure = this.failing.shift();
        if (failure?.kept) this.sandboxes.push({ id, config, state: 1, at: at() });
        if (failure) throw new Error(failure.message);
        this.sandboxes.push({ id, config, state: 0, at: at() });
        return { podSandboxId: id };
      },
      podSandboxStatus: async ({ podSandboxId }: { podSandboxId: string }) => {
        const s = this.sandboxes.find((x) => x.id === podSandboxId)!;
        return {
          status: {
            id: s.id,
            metadata: s.config.metadata,
            state: s.state,
            createdAt: s.at,
            network: { ip: '10.42.0.5', additionalIps: [] },
            linux: { namespaces: { options: { network: 0 } } },
          },
        };
      },
      createContainer: async ({
        podSandboxId,
        config,
      }: {
        podSandboxId: string;
        config: ContainerConfig;
      }) => {
        note(`create ${config.metadata?.name}`);
        const id = `${config.metadata?.name}-${this.#count++}`;
        this.containers.push({
          id,
          sandbox: podSandboxId,
          config,
          state: 0,
          exitCode: 0,
          at: at(),
          finishedAt: 0n,
        });
        return { containerId: id };
      },
      startContainer: async ({ containerId }: { containerId: string }) =>
        void (find(containerId).state = 1),
      stopContainer: async ({ containerId, timeout }: { containerId: string; timeout: number }) => {
        note(`stop ${find(containerId).config.metadata?.name} ${timeout}`);
        if (!this.slowStop && find(containerId).state === 1) this.#finish(find(containerId), 143);
        while (find(containerId).state === 1)
          await new Promise<void>((resolve) => this.#stopping.push(resolve));
      },
      removeContainer: async ({ containerId }: { containerId: string }) =>
        void this.containers.splice(this.containers.indexOf(find(containerId)), 1),
      stopPodSandbox: async ({ podSandboxId }: { podSandboxId: string }) => {
        this.sandboxes.find((s) => s.id === podSandboxId)!.state = 1;
        if (this.failingStops-- > 0) throw new Error('failed to destroy network for sandbox');
        this.released.add(podSandboxId);
      },
      removePodSandbox: async ({ podSandboxId }: { podSandboxId: string }) =>
        void this.sandboxes.splice(
          this.sandboxes.findIndex((s) => s.id === podSandboxId),
          1,
        ),
      listPodSandbox: async ({
        filter,
      }: {
        filter?: { labelSelector?: Record<string, string> };
      }) => ({
        items: this.sandboxes
          .filter((s) => inUid(filter, s.config.labels))
          .map((s) => ({
            id: s.id,
            metadata: s.config.metadata,
            state: this.#shown(s),
            labels: s.config.labels,
          })),
      }),
      listContainers: async ({
        filter,
      }: {
        filter?: { labelSelector?: Record<string, string> };
      }) => ({
        containers: this.containers
          .filter((c) => inUid(filter, c.config.labels))
          .map((c) => ({ id: c.id, podSandboxId: c.sandbox, state: c.state })),
      }),
      containerStatus: async ({ containerId }: { containerId: string }) => {
        const c = find(containerId);
        const reason = c.state !== 2 ? '' : c.exitCode === 0 ? 'Completed' : 'Error';
        return {
          status: {
            id: c.id,
            metadata: c.config.metadata,
            state: c.state,
            createdAt: c.at,
            startedAt: c.at,
            finishedAt: c.finishedAt,
            exitCode: c.exitCode,
            image: c.config.image,
            imageRef: 'sha256:1',
            reason,
            message: '',
            labels: c.config.labels,
            annotations: c.config.annotations ?? { [annotationNames.restartCount]: '0' },
            mounts: [],
            logPath: '',
          },
        };
      },
    };
  }
}
