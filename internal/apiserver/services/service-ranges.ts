import { refs } from '../../api/generated/refs.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import type { ServiceCIDR } from '../../api/generated/types/networking-v1.ts';
import { follow, type Followed } from '../follow.ts';
import type { Core } from '../registry/core.ts';
import { familyOf, mustCidr, parseCidr, type Cidr } from '../../base/addresses.ts';
import { objectOf } from '../registry/stored.ts';
import { keyOf as storeKey } from '../../store/store.ts';

const prefix = storeKey(registryPrefix(refs.serviceCidrs));
export const defaultServiceCidr = '10.43.0.0/16';
/** The object of the configured range. */
export const ownName = 'kubernetes';

/**
 * Where addresses of Services come from: the configured range and those of every ServiceCIDR, as
 * all servers write them. One that is being deleted, or whose Ready condition says no, gives none
 * away (registry/core/service/ipallocator).
 */
export class ServiceRanges {
  readonly own: Cidr;
  readonly #objects = new Map<string, ServiceCIDR>();
  #open: readonly Cidr[];
  #followed: Followed | undefined;

  constructor(cidr: string) {
    this.own = mustCidr(cidr);
    this.#open = [this.own];
  }

  /** Of the family that the cluster has, the configured range first. */
  get open(): readonly Cidr[] {
    return this.#open;
  }

  async start({ store, clock, log }: Core): Promise<void> {
    this.#followed = await follow({
      store,
      clock,
      log,
      name: 'servicecidrs',
      prefix,
      onChanges: (changes) => {
        for (const { key, kv } of changes)
          this.note(key.slice(prefix.length), kv && (objectOf(kv) as ServiceCIDR));
      },
    });
  }

  stop(): void {
    this.#followed?.stop();
  }

  /** The object is now so, or gone. */
  note(name: string, object: ServiceCIDR | undefined): void {
    if (object) this.#objects.set(name, object);
    else this.#objects.delete(name);
    const usable = [...this.#objects.values()]
      .filter(givesAway)
      .flatMap((one) => one.spec?.cidrs ?? [])
      .flatMap((text) => parseCidr(text) ?? [])
      .filter((cidr) => cidr !== this.own);
    // The first start has the range before it has the object.
    const own = this.#objects.get(ownName);
    const others = [...new Set(usable)]
      .sort()
      .filter((range) => familyOf(range) === familyOf(this.own));
    const ownOpen =
      !own ||
      [...this.#objects.values()].some(
        (one) => givesAway(one) && one.spec?.cidrs?.some((text) => parseCidr(text) === this.own),
      );
    this.#open = [...(ownOpen ? [this.own] : []), ...others];
  }
}

function givesAway(object: ServiceCIDR): boolean {
  const ready = object.status?.conditions?.find((one) => one.type === 'Ready');
  return !object.metadata.deletionTimestamp && ready?.status !== 'False';
}
