import { masterLeases } from '../../api/registry-key.ts';
import { Buffer } from 'node:buffer';
import { messageOf } from '../../base/errors.ts';
import { StoreError } from '../../store/errors.ts';
import { keyOf as storeKey, prefixEnd } from '../../store/store.ts';
import { follow, type Followed } from '../follow.ts';
import type { Core } from '../registry/core.ts';
import { ensureKubernetesService, type ServerAddress } from './kubernetes-service.ts';

/** kube-apiserver's lease endpoint reconciler: its key, its time to live, its period. */
const prefix = storeKey(masterLeases);
const ttlSeconds = 15;
const renewMs = 10_000;
/** A datastore that was away is back at any moment, and until then nobody knows of this server. */
const retryMs = 2_000;

export interface LiveServersOptions {
  core: Core;
  clusterIp: string;
  own: ServerAddress;
}

/**
 * Each server that shares the store keeps a key under a lease alive; the `kubernetes` Service leads
 * to those whose key is there.
 */
export class LiveServers {
  readonly #o: LiveServersOptions;
  readonly #key: string;
  #lease: string | undefined;
  #followed: Followed | undefined;
  #timer: { cancel(): void } | undefined;
  #again: { cancel(): void } | undefined;
  #failing = false;
  #queue: Promise<void> = Promise.resolve();
  #waiting = false;
  #stopped = false;

  constructor(options: LiveServersOptions) {
    this.#o = options;
    this.#key = prefix + storeKey(options.own.address);
  }

  async start(): Promise<void> {
    const { clock } = this.#o.core;
    const begun = this.#announce().then(() => this.#reconcile());
    this.#queue = begun.catch(() => undefined);
    await begun;
    const { store, log } = this.#o.core;
    this.#followed = await follow({
      store,
      clock,
      log,
      name: 'masterleases',
      prefix,
      onChanges: () => this.#changed(),
    });
    this.#timer = clock.every('apiserver.alive', renewMs, () => this.#soon(() => this.#renew()));
  }

  /** Removes the Lease at once, so that nobody waits for it to expire. */
  async leave(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.cancel();
    this.#again?.cancel();
    this.#followed?.stop();
    await this.#queue;
    try {
      if (this.#lease !== undefined) await this.#o.core.store.leaseRevoke(this.#lease);
      await this.#reconcile();
    } catch (error) {
      this.#o.core.log.debug('this server did not take its leave', { error: messageOf(error) });
    }
  }

  async #announce(): Promise<void> {
    const { store } = this.#o.core;
    const { id } = await store.leaseGrant({ ttlSeconds });
    this.#lease = id;
    await store.put({ key: this.#key, value: Buffer.from(JSON.stringify(this.#o.own)), lease: id });
  }

  /** A store that was away for long has let the lease run out. */
  async #renew(): Promise<void> {
    const { store } = this.#o.core;
    const there =
      (await this.#isKept()) && (await store.range({ key: this.#key, countOnly: true })).count > 0;
    if (!there) await this.#announce();
  }

  /**
   * Throws while nobody can say: a new lease would not be had either, and to ask an etcd without a
   * leader for one takes until long after the leader is back (its own deadline is 15 s).
   */
  async #isKept(): Promise<boolean> {
    if (this.#lease === undefined) return false;
    try {
      await this.#o.core.store.leaseKeepAlive(this.#lease);
      return true;
    } catch (error) {
      if (error instanceof StoreError && error.code === 'LEASE_NOT_FOUND') return false;
      throw error;
    }
  }

  /** Many changes at once are one look. */
  #changed(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#soon(async () => {
      this.#waiting = false;
      await this.#reconcile();
    });
  }

  #soon(work: () => Promise<void>): void {
    this.#queue = this.#queue.then(async () => {
      if (this.#stopped) return;
      try {
        await work();
        this.#failing = false;
      } catch (error) {
        const { clock, log } = this.#o.core;
        const said = { error: messageOf(error) };
        if (this.#failing) log.debug('the servers of the cluster are still not known', said);
        else log.warn('the servers of the cluster are not known', said);
        this.#failing = true;
        // Whatever failed: this server must be known, and what is known must be written.
        this.#again?.cancel();
        this.#again = clock.after('apiserver.alive', retryMs, () =>
          this.#soon(async () => {
            await this.#renew();
            await this.#reconcile();
          }),
        );
      }
    });
  }

  async #reconcile(): Promise<void> {
    const { core, clusterIp, own } = this.#o;
    const { kvs } = await core.store.range({ key: prefix, end: prefixEnd(prefix) });
    const servers = kvs
      .map((kv) => parse(kv.value))
      .filter((one) => one !== undefined)
      .sort((a, b) => (a.address < b.address ? -1 : 1));
    // The last server that leaves leaves its address: an empty list would help nobody.
    if (servers.length > 0)
      await ensureKubernetesService(core, { clusterIp, port: own.port, servers });
  }
}

/** A kube-apiserver at the same store writes protobuf here; it is not one of ours. */
function parse(value: Uint8Array): ServerAddress | undefined {
  try {
    const { address, port } = JSON.parse(Buffer.from(value).toString()) as Partial<ServerAddress>;
    return typeof address === 'string' && typeof port === 'number' ? { address, port } : undefined;
  } catch {
    return undefined;
  }
}
