import type { Socket } from 'node:net';
import { cidrOf, familyOf, parseIp, unmapped } from '../base/addresses.ts';
import type { Acquaintance } from './handshake-queue.ts';

/**
 * How long a connection may live without asking anything, and how many there may be. Each number
 * has a peer in kube-apiserver or a reason.
 */
export interface ConnectionLimits {
  /**
   * TLS must be agreed by then (net/http's server gives a handshake as long as it gives the
   * headers; a slow line needs two round trips).
   */
  handshakeMs: number;
  /**
   * The first request must have arrived whole up to its headers by then (kube-apiserver:
   * ReadHeaderTimeout).
   */
  headerMs: number;
  /** The next request must have arrived by then (kube-apiserver: IdleTimeout). */
  idleMs: number;
  /**
   * How often those that ask nothing are looked through; nothing ticks while every connection has
   * an open request or none is there.
   */
  sweepMs: number;
  /**
   * Connections from one address whose client nobody knows yet. The oldest makes room: a client
   * that shows who it is needs milliseconds.
   */
  strangersPerAddress: number;
  /** The same over all addresses; the address that has most makes room. */
  strangers: number;
  /** Connections of one known user. */
  perUser: number;
}

export const connectionLimits: ConnectionLimits = {
  handshakeMs: 10_000,
  headerMs: 32_000,
  idleMs: 90_000,
  sweepMs: 5_000,
  strangersPerAddress: 256,
  strangers: 1024,
  perUser: 1000,
};

/** Enough for every node and every client outside a cluster of a thousand nodes. */
const rememberedAddresses = 4096;
/** Programs at one address: a node's own and some pods whose packets leave with its address. */
const rememberedShapes = 32;

export interface KnownUser {
  name: string;
  /**
   * Whether `perUser` holds for the user: administrators and the cluster's own parts are never
   * locked out.
   */
  bounded: boolean;
}

export interface Connection {
  readonly address: string;
  /** Ends it: at once, or after what has been begun (HTTP/2). */
  end: () => void;
  /** The user once known. */
  user: string | undefined;
  /** Requests being answered. */
  open: number;
  /** Since when it asks nothing. */
  idleSinceMs: number;
  asked: boolean;
  /** Whether TLS has been agreed. */
  secure: boolean;
  /** What its program's hellos look like. */
  shape: string;
}

/**
 * Which connections may stay. A connection is a stranger until its client has shown who it is;
 * strangers are bounded for each address and in all, and the oldest that asks nothing goes first,
 * so a flood only ever pushes out its own. Known clients are never pushed out.
 */
export class ConnectionBounds {
  readonly #limits: ConnectionLimits;
  readonly #strangers = new Map<string, Set<Connection>>();
  readonly #users = new Map<string, number>();
  readonly #idle = new Set<Connection>();
  /** Addresses of clients that were known, and what their hellos look like; the latest last. */
  readonly #addresses = new Map<string, Set<string>>();
  #strangerCount = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: ConnectionLimits = connectionLimits) {
    this.#limits = limits;
  }

  get strangers(): number {
    return this.#strangerCount;
  }

  add(remoteAddress: string, end: () => void): Connection {
    const connection: Connection = {
      address: networkOf(remoteAddress),
      end,
      user: undefined,
      open: 0,
      idleSinceMs: performance.now(),
      asked: false,
      secure: false,
      shape: '',
    };
    const same = this.#strangers.get(connection.address) ?? new Set();
    if (same.size >= this.#limits.strangersPerAddress) this.#drop(oldestOf(same));
    else if (this.#strangerCount >= this.#limits.strangers) this.#drop(oldestOf(this.#busiest()));
    // Set again: the last of an address takes its set away.
    this.#strangers.set(connection.address, same);
    same.add(connection);
    this.#strangerCount++;
    this.#rest(connection);
    return connection;
  }

  /**
   * Its client is `user` from now on. False when that user has too many already; one that is not
   * bounded never has.
   */
  know(connection: Connection, user: KnownUser): boolean {
    if (connection.user !== undefined) return true;
    const count = this.#users.get(user.name) ?? 0;
    if (user.bounded && count >= this.#limits.perUser) return false;
    this.#users.set(user.name, count + 1);
    connection.user = user.name;
    this.#forget(connection);
    this.#remember(connection);
    return true;
  }

  /** Whether a client of that address has authenticated, with the same program. */
  acquaintance({ address, shape }: Pick<Connection, 'address' | 'shape'>): Acquaintance {
    const shapes = this.#addresses.get(address);
    if (!shapes) return 'none';
    return shape !== '' && shapes.has(shape) ? 'client' : 'address';
  }

  begin(connection: Connection): void {
    connection.asked = true;
    if (connection.open++ === 0) this.#idle.delete(connection);
  }

  finish(connection: Connection): void {
    if (--connection.open === 0) this.#rest(connection);
  }

  /** The connection is gone. */
  remove(connection: Connection): void {
    this.#idle.delete(connection);
    if (connection.user === undefined) return this.#forget(connection);
    const left = (this.#users.get(connection.user) ?? 1) - 1;
    if (left > 0) this.#users.set(connection.user, left);
    else this.#users.delete(connection.user);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Ends what has asked nothing for too long. */
  sweep(nowMs: number): void {
    for (const connection of this.#idle) {
      const { handshakeMs, headerMs, idleMs } = this.#limits;
      const patienceMs = connection.asked ? idleMs : connection.secure ? headerMs : handshakeMs;
      if (nowMs - connection.idleSinceMs < patienceMs) continue;
      this.#idle.delete(connection);
      connection.end();
    }
  }

  #remember({ address, shape }: Connection): void {
    const shapes = this.#addresses.get(address) ?? new Set();
    this.#addresses.delete(address);
    this.#addresses.set(address, shapes);
    cut(this.#addresses, rememberedAddresses);
    shapes.delete(shape);
    shapes.add(shape);
    cut(shapes, rememberedShapes);
  }

  #rest(connection: Connection): void {
    connection.idleSinceMs = performance.now();
    this.#idle.add(connection);
    if (!this.#timer) this.#arm();
  }

  #arm(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.sweep(performance.now());
      if (this.#idle.size) this.#arm();
    }, this.#limits.sweepMs);
    this.#timer.unref();
  }

  #forget(connection: Connection): void {
    const same = this.#strangers.get(connection.address);
    if (!same?.delete(connection)) return;
    this.#strangerCount--;
    if (same.size === 0) this.#strangers.delete(connection.address);
  }

  #drop(connection: Connection | undefined): void {
    if (!connection) return;
    this.#forget(connection);
    this.#idle.delete(connection);
    connection.end();
  }

  #busiest(): Set<Connection> {
    let most = new Set<Connection>();
    for (const one of this.#strangers.values()) if (one.size > most.size) most = one;
    return most;
  }
}

/** Takes the first away where there is one too many. */
function cut(all: Map<string, unknown> | Set<string>, most: number): void {
  if (all.size > most) all.delete(all.keys().next().value ?? '');
}

/** The oldest that asks nothing; when all ask, the oldest. */
function oldestOf(connections: Set<Connection>): Connection | undefined {
  let first: Connection | undefined;
  for (const one of connections) {
    if (one.open === 0) return one;
    first ??= one;
  }
  return first;
}

/**
 * What one client can easily have many addresses of counts as one: an IPv4 address, or the 64 bits
 * of an IPv6 network.
 */
export function networkOf(address: string): string {
  const ip = parseIp(address.split('%')[0]);
  if (!ip) return address;
  const plain = unmapped(ip);
  return familyOf(plain) === 4 ? plain : cidrOf(plain, 64);
}

/** A key that both the raw socket and the TLS socket around it can tell. */
export function pairOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${socket.remoteAddress}|${socket.remotePort}`;
}
