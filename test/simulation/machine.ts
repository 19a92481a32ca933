import { createAgent } from '../../internal/agent/agent.ts';
import type { OpenedRuntime } from '../../internal/agent/containerd/open-runtime.ts';
import type { Machine } from '../../internal/agent/machine.ts';
import { builtinScheme } from '../../internal/api/scheme.ts';
import { partOf } from '../../internal/base/testing/part-of.ts';
import { mirrorFactory } from '../../internal/client/mirrors.ts';
import { FakeFiles } from '../../internal/io/disk.fake.ts';
import type { FakeClock } from '../../internal/io/clock-fake.ts';
import type { Host } from '../../internal/io/host.ts';
import type { Log } from '../../internal/io/log.ts';
import { FakeMounts } from '../../internal/io/mounts.fake.ts';
import type { Random } from '../../internal/io/random.ts';
import type { Spawn } from '../../internal/io/spawn.ts';
import type { Tree } from '../../internal/io/tree.ts';
import { SimulatedRuntime } from './containerd.ts';
import { Link, remoteClient } from './network.ts';
import { ProcessClock, type Wall } from './process-clock.ts';
import type { ServerProcess } from './server.ts';

const scheme = builtinScheme();
const agentDir = '/var/lib/skiff/agent';
const cgroups = '/sys/fs/cgroup';
const gibibyte = 1024 ** 3;

export interface MachinePlace {
  name: string;
  address: string;
  time: FakeClock;
  random: Random;
  log: Log;
  server(): ServerProcess | undefined;
}

/** A node: what stays when its agent or its power goes, and the agent that lives on it. */
export class NodeMachine {
  readonly name: string;
  readonly link: Link;
  readonly wall: Wall = { offsetMs: 0 };
  readonly runtime: SimulatedRuntime;
  readonly mounts = new FakeMounts();
  readonly files: FakeFiles;
  readonly #place: MachinePlace;
  #agent: ProcessClock | undefined;
  #powered = false;

  constructor(place: MachinePlace) {
    this.#place = place;
    this.name = place.name;
    this.link = new Link(place.server);
    this.runtime = new SimulatedRuntime(place.time, place.random);
    this.files = new FakeFiles(() => place.time.now() + this.wall.offsetMs);
  }

  get powered(): boolean {
    return this.#powered;
  }

  get agentRuns(): boolean {
    return this.#agent !== undefined;
  }

  async powerOn(): Promise<void> {
    this.#powered = true;
    const { disk } = this.files;
    const table = `1 0 0:1 / ${cgroups}/all rw - cgroup cgroup rw,cpu,cpuacct,memory,pids\n`;
    await disk.makeDir('boot', '/proc/self');
    await disk.makeDir('boot', `${cgroups}/all`);
    await disk.makeDir('boot', agentDir);
    await disk.writeAtomic('boot', '/proc/self/mountinfo', table);
    await disk.writeAtomic(
      'boot',
      '/proc/meminfo',
      `MemTotal: ${8 * 1024 ** 2} kB\nMemAvailable: ${6 * 1024 ** 2} kB\n`,
    );
    this.startAgent();
  }

  /** Containers, mounts and what lies in memory go; files stay. */
  async powerCut(): Promise<void> {
    this.killAgent();
    this.#powered = false;
    this.runtime.powerCut();
    const { disk } = this.files;
    for (const { path, kind } of this.mounts.table.splice(0))
      if (kind === 'tmpfs') await disk.remove('cut', path);
    await disk.remove('cut', cgroups);
    await disk.remove('cut', '/run');
  }

  killAgent(): void {
    this.#agent?.kill();
    this.#agent = undefined;
  }

  startAgent(): void {
    if (this.#agent || !this.#powered) return;
    const { time, log, name } = { ...this.#place };
    const clock = new ProcessClock(time, this.wall);
    this.#agent = clock;
    this.#start(clock).catch((error: unknown) => {
      if (!clock.dead) log.error('an agent did not start', { name, error });
      if (this.#agent !== clock) return;
      // As its service manager does.
      this.killAgent();
      time.after('service', 5000, () => this.startAgent());
    });
  }

  async #start(clock: ProcessClock): Promise<void> {
    const { name, address, random, log } = this.#place;
    const user = { name: `system:node:${name}`, groups: ['system:nodes'] };
    const client = remoteClient(this.link, clock, user);
    const { disk, tree } = this.files;
    await createAgent(
      {
        ...{ client, clock, disk, random, scheme },
        log: log.named(name),
        mirrors: mirrorFactory(client, clock, log),
        nodeName: name,
        addresses: () => [{ type: 'InternalIP', address }],
        ...{ labels: {}, taints: [], version: 'v1.36.0', maxPods: 110, agentDir },
        ...{ runDir: '/run/skiff', clusterDns: ['10.43.0.10'], clusterDomain: 'cluster.local' },
        ...{ pauseImage: 'pause', cniConfDir: '/etc/cni' },
        pauseArchive: () => Promise.reject(new Error('not asked for')),
        onPodCidr: (podCidr) => void (this.runtime.podCidr = podCidr),
        processes: { list: () => Promise.resolve([]) } as never,
        spawn: partOf<Spawn>({ run: () => Promise.reject(new Error('not simulated')) }),
        dial: undefined as never,
        host: partOf<Host>({
          ...{ cpus: () => 4, memoryBytes: () => 8 * gibibyte, hostname: () => name },
          ...{ usableMemoryBytes: () => 8 * gibibyte, kernel: () => '6.1.0', arch: () => 'amd64' },
        }),
        machine: this.#doors(tree),
      },
      () => Promise.resolve(this.#runtimeFor(clock)),
    );
  }

  #doors(tree: Tree): Machine {
    const room = {
      ...{ capacityBytes: 100 * gibibyte, availableBytes: 80 * gibibyte },
      ...{ inodes: 1e6, inodesFree: 9e5 },
    };
    return {
      // Control files appear with their group.
      tree: {
        ...tree,
        put: (op, path, value) =>
          path.startsWith(cgroups) ? Promise.resolve() : tree.put(op, path, value),
      },
      mounts: this.mounts,
      room: () => Promise.resolve(room),
      isReadOnly: () => Promise.resolve(false),
    };
  }

  #runtimeFor(clock: ProcessClock): OpenedRuntime {
    const clients = this.runtime.clientsFor(clock);
    return {
      ...clients,
      ctr: [],
      pinned: () => new Set(),
      mirrorNames: () => [],
      health: partOf<OpenedRuntime['health']>({ down: undefined, check: () => undefined }),
      restoreImage: () => Promise.resolve(false),
      settled: true,
      lost: () => undefined,
      found: () => Promise.resolve(),
      leave: () => undefined,
      close: () => undefined,
    };
  }
}
