import { refs } from '../../api/generated/refs.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import type { Service, ServiceSpec } from '../../api/generated/types/core-v1.ts';
import { keyOf as storeKey, prefixEnd, type KeyValue } from '../../store/store.ts';
import { follow, type Followed } from '../follow.ts';
import type { Core } from '../registry/core.ts';
import {
  allocationCompares,
  allocationOps,
  allocationPrefix,
  type Allocations,
} from '../registry/allocations.ts';
import { objectOf } from '../registry/stored.ts';
import type { IpAllocator, PortAllocator } from './ip-allocator.ts';

const servicePrefix = storeKey(registryPrefix(refs.services));
const ipPrefix = `${allocationPrefix}ip/`;
const portPrefix = `${allocationPrefix}port/`;

/** What a Service holds, by the way it was allocated. */
export interface Holdings {
  ips(spec: ServiceSpec | undefined): string[];
  ports(spec: ServiceSpec | undefined): Set<number>;
}

/**
 * Addresses and node ports where several servers give them away: an allocation in the store
 * decides, in the transaction that writes the service; this process's allocators follow what all
 * servers write, so that an allocation seldom fails.
 */
export class SharedAllocations {
  readonly #core: Core;
  readonly #ips: IpAllocator;
  readonly #ports: PortAllocator;
  readonly #holdings: Holdings;
  #followed: Followed | undefined;

  constructor(options: { core: Core; ips: IpAllocator; ports: PortAllocator; holdings: Holdings }) {
    this.#core = options.core;
    this.#ips = options.ips;
    this.#ports = options.ports;
    this.#holdings = options.holdings;
  }

  of(now: Service | undefined, before: Service | undefined): Allocations | undefined {
    const wanted = this.#keysOf(now);
    const held = this.#keysOf(before);
    const take = wanted.filter((key) => !held.includes(key));
    const free = held.filter((key) => !wanted.includes(key));
    const { namespace, name } = (now ?? before)?.metadata ?? {};
    return take.length + free.length > 0
      ? { take, free, owner: `${namespace}/${name}` }
      : undefined;
  }

  taken(keys: string[]): void {
    for (const key of keys) {
      if (key.startsWith(ipPrefix)) this.#ips.hold(key.slice(ipPrefix.length));
      else if (key.startsWith(portPrefix)) this.#ports.take(Number(key.slice(portPrefix.length)));
    }
  }

  /**
   * Learns what is taken and follows it; allocates for Services from before there were allocations.
   */
  async start(): Promise<void> {
    const { store, clock, log } = this.#core;
    this.#ips.clear();
    this.#ports.clear();
    this.#followed = await follow({
      store,
      clock,
      log,
      name: 'services',
      prefix: servicePrefix,
      onChanges: (changes) => {
        for (const { kv, before } of changes)
          this.#changed(kv && (objectOf(kv) as Service), before && (objectOf(before) as Service));
      },
    });
    const services = await store.range({ key: servicePrefix, end: prefixEnd(servicePrefix) });
    const allocated = new Set(
      (
        await store.range({
          key: allocationPrefix,
          end: prefixEnd(allocationPrefix),
          keysOnly: true,
        })
      ).kvs.map((kv) => kv.key),
    );
    for (const kv of services.kvs)
      await this.#allocate(
        kv,
        this.#keysOf(objectOf(kv) as Service).filter((key) => !allocated.has(key)),
      );
  }

  stop(): void {
    this.#followed?.stop();
  }

  #changed(now: Service | undefined, before: Service | undefined): void {
    const allocations = this.of(now, before);
    for (const key of allocations?.free ?? []) {
      if (key.startsWith(ipPrefix)) this.#ips.free(key.slice(ipPrefix.length));
      else this.#ports.free(Number(key.slice(portPrefix.length)));
    }
    this.taken(allocations?.take ?? []);
  }

  /**
   * Only while the service is as it was read. Two services that hold the same thing stay as they
   * are: one of them has the allocation.
   */
  async #allocate(service: KeyValue, keys: string[]): Promise<void> {
    const owner = service.key.slice(servicePrefix.length);
    for (const key of keys) {
      const allocations = { take: [key], free: [], owner };
      const done = await this.#core.store.txn({
        compare: [
          { key: service.key, target: 'MOD', result: 'EQUAL', operand: service.modRevision },
          ...allocationCompares(allocations),
        ],
        success: allocationOps(allocations),
        failure: [],
      });
      if (!done.succeeded)
        this.#core.log.debug('an allocation was not made', { service: owner, key });
    }
  }

  #keysOf(service: Service | undefined): string[] {
    const spec = service?.spec;
    return [
      ...this.#holdings.ips(spec).map((ip) => ipPrefix + ip),
      ...[...this.#holdings.ports(spec)].map((port) => portPrefix + port),
    ];
  }
}
