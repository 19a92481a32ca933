import type { ResourceRef } from '../../internal/api/object.ts';
import type { Client } from '../../internal/client/client.ts';
import type { Log } from '../../internal/io/log.ts';
import { seededRandom, type Random } from '../../internal/io/random.ts';
import { NodeMachine } from './machine.ts';
import { Link, remoteClient } from './network.ts';
import { ProcessClock, timeline, type Wall } from './process-clock.ts';
import { ServerDisk } from './server-disk.ts';
import { ServerProcess } from './server.ts';

const admin = { name: 'admin', groups: ['system:masters'] };
/** How long a service manager waits before it starts what has ended. */
const restartMs = 5000;
const stepMs = 1000;

/** A whole cluster: one server and some nodes, in this process, on one timeline. */
export class Cluster {
  readonly time = timeline(Date.UTC(2026, 0, 1));
  readonly random: Random;
  readonly serverDisk = new ServerDisk();
  readonly serverWall: Wall = { offsetMs: 0 };
  readonly machines = new Map<string, NodeMachine>();
  /** The operator's. */
  readonly clock: ProcessClock;
  /** A server has read what lies on its disk. */
  serverBegan: (revision: number) => void = () => undefined;
  /** Somebody outside was told that this was written. */
  acknowledged: (revision: number) => void = () => undefined;
  readonly #log: Log;
  #server: ServerProcess | undefined;
  #made = 0;

  constructor(seed: number, log: Log) {
    this.random = seededRandom(seed);
    this.#log = log;
    this.clock = new ProcessClock(this.time, { offsetMs: 0 });
    this.operator = this.#remembering(remoteClient(new Link(() => this.server), this.clock, admin));
  }

  /** The server while it serves. */
  get server(): ServerProcess | undefined {
    return this.#server?.serves ? this.#server : undefined;
  }

  /** Somebody at a machine of their own; the server may go while they ask. */
  readonly operator: Client;

  /** What the server has of a kind, without asking it. */
  store<T extends object>(ref: ResourceRef): T[] {
    return this.#server!.objects<T>(ref);
  }

  #remembering(client: Client): Client {
    const noted = async <T>(answer: Promise<T>): Promise<T> => {
      const object = await answer;
      const version = (object as { metadata?: { resourceVersion?: string } }).metadata;
      this.acknowledged(Number(version?.resourceVersion ?? 0));
      return object;
    };
    return {
      ...client,
      create: (...args) => noted(client.create(...args)),
      patch: (...args) => noted(client.patch(...args)),
      update: (...args) => noted(client.update(...args)),
    };
  }

  /** Lets time pass until work is done that needs some. */
  async done<T>(work: Promise<T>): Promise<T> {
    let over = false;
    void work.catch(() => undefined).finally(() => void (over = true));
    while (!over) await this.time.advance(1);
    return work;
  }

  startServer(): void {
    if (this.#server && !this.#server.clock.dead) return;
    const { time, serverWall: wall, serverDisk: disk, random } = this;
    const server = new ServerProcess({ time, wall, disk, random, log: this.#log.named('server') });
    this.#server = server;
    this.serverBegan(server.store.revision);
    server.start().catch((error: unknown) => {
      if (server.clock.dead) return;
      this.#log.error('the server did not start', { error });
      this.killServer();
    });
  }

  /** It is started again, as by its service manager. */
  killServer(): void {
    this.#server?.kill();
    this.time.after('service', restartMs, () => this.startServer());
  }

  async addMachine(): Promise<NodeMachine> {
    const number = ++this.#made;
    const machine = new NodeMachine({
      name: `node-${number}`,
      address: `192.0.2.${10 + (number % 200)}`,
      time: this.time,
      random: this.random,
      log: this.#log,
      server: () => this.server,
    });
    this.machines.set(machine.name, machine);
    await machine.powerOn();
    return machine;
  }

  /** Lets time pass until something holds; false = not within `mostMs`. */
  async until(holds: () => boolean | Promise<boolean>, mostMs: number): Promise<boolean> {
    for (let waited = 0; !(await holds()); waited += stepMs) {
      if (waited >= mostMs) return false;
      await this.time.advance(stepMs);
    }
    return true;
  }

  end(): void {
    this.#server?.kill();
    for (const machine of this.machines.values()) machine.killAgent();
  }
}
