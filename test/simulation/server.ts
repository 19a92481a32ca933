import { createApiServer, type ApiServer } from '../../internal/apiserver/api-server.ts';
import type { UserInfo } from '../../internal/apiserver/authn/user.ts';
import type { ResourceRef } from '../../internal/api/object.ts';
import { partOf } from '../../internal/base/testing/part-of.ts';
import type { Client, Mirror } from '../../internal/client/client.ts';
import { mirrorFactory, type Mirrors } from '../../internal/client/mirrors.ts';
import { refs } from '../../internal/client/refs.ts';
import type { FakeClock } from '../../internal/io/clock-fake.ts';
import { FakeFiles } from '../../internal/io/disk.fake.ts';
import type { Log } from '../../internal/io/log.ts';
import { realRandom, type Random } from '../../internal/io/random.ts';
import type { ServerIdentities } from '../../internal/pki/authorities.ts';
import { issueCa, newKeyPem } from '../../internal/pki/certificate.ts';
import { LogStore } from '../../internal/store/log-store.ts';
import type { ServerConfig } from '../../internal/supervisor/config.ts';
import { startControl } from '../../internal/supervisor/control.ts';
import type { Doors } from '../../internal/supervisor/doors.ts';
import { ProcessClock, type Wall } from './process-clock.ts';
import type { Ending, ServerDisk } from './server-disk.ts';

/** Keys are real, and made once: no simulation depends on what they are. */
const keys = {
  ca: issueCa({ nowMs: 0, random: realRandom, cn: 'simulated' }),
  service: newKeyPem(),
};

/** Volumes of nodes are made through their ports, which nobody has here. */
const config = { clusterCidr: '10.42.0.0/16', controllers: {}, disable: ['local-storage'] };

/** What the simulation looks at. */
const read = [
  ...[refs.pods, refs.nodes, refs.configMaps, refs.jobs],
  ...[refs.deployments, refs.replicaSets, refs.statefulSets, refs.daemonSets],
];

export interface ServerPlace {
  time: FakeClock;
  wall: Wall;
  disk: ServerDisk;
  random: Random;
  log: Log;
}

/** One life of the server's process: API server, controllers and scheduler, as the product has them. */
export class ServerProcess {
  readonly clock: ProcessClock;
  readonly #place: ServerPlace;
  readonly #journal: Ending;
  readonly store: LogStore;
  #api: ApiServer | undefined;
  readonly #read = new Map<ResourceRef, Mirror<object>>();
  readonly #watchers = new Set<() => void>();

  constructor(place: ServerPlace) {
    this.#place = place;
    this.clock = new ProcessClock(place.time, place.wall);
    const { recovered, journal } = place.disk.open(this.clock, place.random);
    this.#journal = journal;
    this.store = new LogStore({
      ...{ journal, recovered, clock: this.clock, log: place.log, random: place.random },
      historyMs: 300_000,
      collectGarbage: () => undefined,
    });
  }

  /** Resolves when it serves; never, when it ends before that. */
  async start(): Promise<void> {
    const { random, log } = this.#place;
    const { clock, store } = this;
    const api = await createApiServer({
      ...{ store, clock, log, random },
      dial: undefined as never,
      clientCa: keys.ca.cert,
      serverCa: keys.ca.cert,
      serviceAccount: { signingKey: keys.service, issuer: 'https://kubernetes.default.svc' },
      advertiseAddress: '192.0.2.2',
    });
    const { disk } = new FakeFiles(() => clock.now());
    const mirrors: Mirrors = mirrorFactory(
      api.inProcess({ name: 'system:kube-controller-manager', groups: ['system:masters'] }),
      ...([clock, log] as const),
    );
    await startControl({
      config: partOf<ServerConfig>(config),
      doors: partOf<Doors>({ clock, disk, log, random }),
      ...{ api, mirrors },
      identities: partOf<ServerIdentities>({
        ...{ serverCa: keys.ca, clientCa: keys.ca },
        serviceKey: keys.service,
      }),
      identity: undefined,
    });
    for (const ref of read) {
      const mirror = mirrors.of(ref);
      await mirror.synced;
      this.#read.set(ref, mirror);
    }
    if (!clock.dead) this.#api = api;
  }

  get serves(): boolean {
    return this.#api !== undefined && !this.clock.dead;
  }

  as(user: UserInfo): Client {
    return this.#api!.inProcess(user) as Client;
  }

  /** All objects of a kind as the server has them now. */
  objects<T extends object>(ref: ResourceRef): T[] {
    const mirror = this.#read.get(ref);
    if (!mirror) throw new Error(`${ref.resource} are not read`);
    return [...mirror.list()] as T[];
  }

  /** Calls `fn` when the process ends; returns how to stop. */
  onEnd(fn: () => void): () => void {
    this.#watchers.add(fn);
    return () => void this.#watchers.delete(fn);
  }

  /** The process ends at once, with nothing written that was not. */
  kill(): void {
    this.#journal.end();
    this.clock.kill();
    for (const fn of this.#watchers) fn();
    this.#watchers.clear();
  }
}
