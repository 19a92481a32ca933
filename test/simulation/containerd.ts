import type { CriClient, ContainerdClient } from '../../internal/agent/cri/client.ts';
import { labelNames } from '../../internal/agent/config/labels.ts';
import { IoError } from '../../internal/base/errors.ts';
import type { FakeClock } from '../../internal/io/clock-fake.ts';
import { GrpcError } from '../../internal/io/grpc.ts';
import type { Random } from '../../internal/io/random.ts';
import { containerdCodec } from '../../internal/wire/cri/cri.ts';
import type { ContainerConfig, PodSandboxConfig } from '../../internal/wire/cri/cri.ts';
import type { ProcessClock } from './process-clock.ts';

export interface Sandbox {
  id: string;
  config: PodSandboxConfig;
  ready: boolean;
  at: bigint;
  /** Empty: the network of the host. */
  ip: string;
}

export interface Container {
  id: string;
  sandbox: string;
  config: ContainerConfig;
  state: 'created' | 'running' | 'exited';
  exitCode: number;
  at: bigint;
  startedAt: bigint;
  finishedAt: bigint;
}

type Labels = Record<string, string> | undefined;
type ByImage = { image?: { image?: string } };
type ById = { filter?: { labelSelector?: Record<string, string>; id?: string } };

const states = { created: 0, running: 1, exited: 2 };
const notFound = 5;
const unknown = 2;
/** What a container does with SIGTERM. */
const longestEndMs = 3000;
const sigterm = 143;
const sigkill = 137;

function refusal(code: number, details: string): GrpcError {
  const error = Object.assign(new Error(details), { code, details, metadata: undefined as never });
  return new GrpcError('cri', error);
}

/** Asks for a container's life in the name of its image: `ends-30s-0` ends by itself. */
function lifeOf(image: string): { afterMs: number; exitCode: number } | undefined {
  const [, seconds, exitCode] = /ends-(\d+)s-(\d+)/.exec(image) ?? [];
  return seconds === undefined
    ? undefined
    : { afterMs: Number(seconds) * 1000, exitCode: Number(exitCode) };
}

/**
 * The containers of one machine. They outlive agents, and end with the power. Each call takes some
 * time and may be refused.
 */
export class SimulatedRuntime {
  sandboxes: Sandbox[] = [];
  containers: Container[] = [];
  /** Addresses that were given out, by sandbox. */
  readonly addresses = new Map<string, string>();
  podCidr = '';
  /** So many of the next calls that change something fail, half of them after they were done. */
  failures = 0;
  callMs = 5;
  /** Told before a container runs. */
  starting: (container: Container, sandbox: Sandbox) => void = () => undefined;
  readonly #time: FakeClock;
  readonly #random: Random;
  readonly #followers = new Set<(id: string) => void>();
  /** Of which life of the machine: what an earlier one began does not go on. */
  #life = 0;
  #count = 0;

  constructor(time: FakeClock, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  powerCut(): void {
    this.#life += 1;
    this.sandboxes = [];
    this.containers = [];
    this.addresses.clear();
    this.#followers.clear();
  }

  running(): Container[] {
    return this.containers.filter((c) => c.state === 'running');
  }

  finish(container: Container, exitCode: number): void {
    if (container.state !== 'running') return;
    Object.assign(container, { state: 'exited', exitCode, finishedAt: this.#now() });
    for (const follower of this.#followers) follower(container.id);
  }

  /** What an agent's process talks to. */
  clientsFor(clock: ProcessClock): { cri: CriClient; containerd: ContainerdClient } {
    const life = this.#life;
    const answers: Record<string, (request: never) => object | Promise<object>> = this.#calls();
    const cri = new Proxy(
      {},
      {
        get: (_target, name: string) => async (request: never) => {
          const call = answers[name];
          if (name === 'close') return undefined;
          if (!call) throw new IoError(`${name}: not simulated`, { op: name });
          await clock.sleep('cri', this.callMs);
          const changes = !/^(list|status|version|image|\w+Status$)/.test(name);
          const failing = changes && this.failures > 0;
          if (failing) this.failures -= 1;
          const early = failing && this.#random.int(2) === 0;
          if (early) throw refusal(unknown, `${name}: the runtime failed`);
          if (this.#life !== life) return new Promise(() => undefined);
          const answer = await call(request);
          if (failing) throw refusal(unknown, `${name}: the runtime failed after all`);
          return answer;
        },
      },
    ) as CriClient;
    const containerd = {
      subscribe: (on: Parameters<ContainerdClient['subscribe']>[0]) => {
        const follower = (id: string): void =>
          void clock.after('containerd.event', 1, () =>
            on.data({
              namespace: 'k8s.io',
              topic: '/tasks/exit',
              event: {
                typeUrl: 'containerd.events.TaskExit',
                value: containerdCodec.encode('TaskExit', { containerId: id, id }),
              },
            }),
          );
        this.#followers.add(follower);
        return () => void this.#followers.delete(follower);
      },
    } as ContainerdClient;
    return { cri, containerd };
  }

  #now(): bigint {
    return BigInt(Math.floor(this.#time.now())) * 1_000_000n + BigInt(this.#count++ % 1_000_000);
  }

  #sandbox(id: string | undefined): Sandbox {
    const found = this.sandboxes.find((s) => s.id === id);
    if (!found) throw refusal(notFound, `sandbox ${id}: not found`);
    return found;
  }

  #container(id: string | undefined): Container {
    const found = this.containers.find((c) => c.id === id);
    if (!found) throw refusal(notFound, `container ${id}: not found`);
    return found;
  }

  #address(): string {
    const given = new Set(this.addresses.values());
    const net = this.podCidr.replace(/\.\d+\/\d+$/, '');
    for (let host = 2; host < 255; host++)
      if (!given.has(`${net}.${host}`)) return `${net}.${host}`;
    throw refusal(unknown, 'failed to allocate for range 0: no IP addresses available');
  }

  #runSandbox({ config }: { config: PodSandboxConfig }): { podSandboxId: string } {
    const { uid, attempt, name, namespace } = config.metadata ?? {};
    const taken = this.sandboxes.some(
      ({ config: { metadata } }) => metadata?.uid === uid && metadata?.attempt === attempt,
    );
    if (taken)
      throw refusal(
        unknown,
        `failed to reserve sandbox name "${name}_${namespace}_${uid}_${attempt}": name is reserved`,
      );
    const id = `sandbox-${this.#count++}`;
    const host = config.linux?.securityContext?.namespaceOptions?.network === 2;
    const ip = host ? '' : this.#address();
    if (ip) this.addresses.set(id, ip);
    this.sandboxes.push({ id, config, ready: true, at: this.#now(), ip });
    return { podSandboxId: id };
  }

  #stopSandbox({ podSandboxId }: { podSandboxId: string }): object {
    const sandbox = this.#sandbox(podSandboxId);
    sandbox.ready = false;
    for (const c of this.containers) if (c.sandbox === sandbox.id) this.finish(c, sigkill);
    this.addresses.delete(sandbox.id);
    return {};
  }

  #removeSandbox({ podSandboxId }: { podSandboxId: string }): object {
    this.#stopSandbox({ podSandboxId });
    this.containers = this.containers.filter((c) => c.sandbox !== podSandboxId);
    this.sandboxes = this.sandboxes.filter((s) => s.id !== podSandboxId);
    return {};
  }

  #create(request: { podSandboxId: string; config: ContainerConfig }): { containerId: string } {
    const { podSandboxId, config } = request;
    const sandbox = this.#sandbox(podSandboxId);
    if (!sandbox.ready) throw refusal(unknown, `sandbox ${podSandboxId} is not ready`);
    const { name, attempt } = config.metadata ?? {};
    const taken = this.containers.some(
      (c) =>
        c.sandbox === podSandboxId &&
        c.config.metadata?.name === name &&
        c.config.metadata?.attempt === attempt,
    );
    if (taken) throw refusal(unknown, `failed to reserve container name "${name}_${attempt}"`);
    const id = `${name}-${this.#count++}`;
    const none = { exitCode: 0, at: this.#now(), startedAt: 0n, finishedAt: 0n };
    this.containers.push({ id, sandbox: podSandboxId, config, state: 'created', ...none });
    return { containerId: id };
  }

  #start({ containerId }: { containerId: string }): object {
    const container = this.#container(containerId);
    if (container.state !== 'created') throw refusal(unknown, `${containerId} was started before`);
    const sandbox = this.#sandbox(container.sandbox);
    if (!sandbox.ready) throw refusal(unknown, 'the sandbox has ended');
    this.starting(container, sandbox);
    Object.assign(container, { state: 'running', startedAt: this.#now() });
    const life = lifeOf(container.config.image?.image ?? '');
    if (life)
      this.#time.after('container', life.afterMs, () => this.finish(container, life.exitCode));
    return {};
  }

  async #stop(request: { containerId: string; timeout?: number }): Promise<object> {
    const container = this.#container(request.containerId);
    if (container.state !== 'running') return {};
    const wantsMs = this.#random.int(longestEndMs);
    const graceMs = Number(request.timeout ?? 0) * 1000;
    await this.#time.sleep('container', Math.min(wantsMs, graceMs));
    this.finish(container, wantsMs <= graceMs ? sigterm : sigkill);
    return {};
  }

  #removeContainer({ containerId }: { containerId: string }): object {
    const container = this.containers.find((c) => c.id === containerId);
    if (container) this.finish(container, sigkill);
    this.containers = this.containers.filter((c) => c !== container);
    return {};
  }

  #calls(): Record<string, (request: never) => object | Promise<object>> {
    const none = { repoTags: [], repoDigests: [], size: 1, username: '', pinned: false };
    const idOf = (name = ''): string => `sha256:${name}`;
    const chosen = (filter: ById['filter'], labels: Labels): boolean =>
      Object.entries(filter?.labelSelector ?? {}).every(([key, value]) => labels?.[key] === value);
    return {
      version: () => ({ runtimeName: 'containerd', runtimeVersion: '1.6.20' }),
      status: () => ({
        status: { conditions: [{ type: 'NetworkReady', status: this.podCidr !== '' }] },
        runtimeHandlers: [],
      }),
      listImages: () => ({ images: [] }),
      imageStatus: ({ image }: ByImage) => ({ image: { ...none, id: idOf(image?.image) } }),
      pullImage: ({ image }: ByImage) => ({ imageRef: idOf(image?.image) }),
      listContainerStats: () => ({ stats: [] }),
      listPodSandboxStats: () => ({ stats: [] }),
      reopenContainerLog: () => ({}),
      updateContainerResources: () => ({}),
      runPodSandbox: (request: { config: PodSandboxConfig }) => this.#runSandbox(request),
      stopPodSandbox: (request: { podSandboxId: string }) => this.#stopSandbox(request),
      removePodSandbox: (request: { podSandboxId: string }) =>
        this.sandboxes.some((s) => s.id === request.podSandboxId)
          ? this.#removeSandbox(request)
          : {},
      createContainer: (request: { podSandboxId: string; config: ContainerConfig }) =>
        this.#create(request),
      startContainer: (request: { containerId: string }) => this.#start(request),
      stopContainer: (request: { containerId: string; timeout?: number }) => this.#stop(request),
      removeContainer: (request: { containerId: string }) => this.#removeContainer(request),
      podSandboxStatus: ({ podSandboxId }: { podSandboxId: string }) => {
        const { id, config, ready, at, ip } = this.#sandbox(podSandboxId);
        return {
          status: {
            ...{ id, metadata: config.metadata, state: ready ? 0 : 1, createdAt: at },
            network: { ip: ready ? ip : '', additionalIps: [] },
            linux: { namespaces: { options: { network: ip ? 0 : 2 } } },
          },
        };
      },
      listPodSandbox: ({ filter }: ById) => ({
        items: this.sandboxes
          .filter((s) => chosen(filter, s.config.labels))
          .map(({ id, config, ready }) => ({
            ...{ id, metadata: config.metadata, labels: config.labels, state: ready ? 0 : 1 },
          })),
      }),
      listContainers: ({ filter }: ById) => ({
        containers: this.containers
          .filter((c) => chosen(filter, c.config.labels))
          .map(({ id, sandbox, state }) => ({
            ...{ id, podSandboxId: sandbox, state: states[state], imageRef: '' },
          })),
      }),
      containerStatus: ({ containerId }: { containerId: string }) => {
        const c = this.#container(containerId);
        const reason = c.state !== 'exited' ? '' : c.exitCode === 0 ? 'Completed' : 'Error';
        return {
          status: {
            ...{ id: c.id, metadata: c.config.metadata, state: states[c.state] },
            ...{ createdAt: c.at, startedAt: c.startedAt, finishedAt: c.finishedAt },
            ...{ exitCode: c.exitCode, image: c.config.image, imageRef: '', reason },
            ...{ message: '', labels: c.config.labels, mounts: [], logPath: '' },
            annotations: c.config.annotations ?? {},
          },
        };
      },
    };
  }
}

/** The pod that a sandbox is of. */
export function podOf({ config }: Sandbox): { uid: string; name: string } {
  const { namespace = '', name = '' } = config.metadata ?? {};
  return { uid: config.labels?.[labelNames.podUid] ?? '', name: `${namespace}/${name}` };
}
