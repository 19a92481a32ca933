import { refs } from '../../api/generated/refs.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import type { ServiceCIDR } from '../../api/generated/types/networking-v1.ts';
import { follow, type Followed } from '../follow.ts';
import type { Core } from '../registry/core.ts';
import { familyOf, mustCidr, parseCidr, type Cidr, type Family } from '../../base/addresses.ts';
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
  /** The configured ranges: one of each family at most, that of Services by default first. */
  readonly own: readonly [Cidr, ...Cidr[]];
  readonly #objects = new Map<string, ServiceCIDR>();
  #open: readonly Cidr[];
  #followed: Followed | undefined;

  /** `cidrs`: one range, or one of each family with a comma between them. */
  constructor(cidrs: string) {
    const [first = '', ...others] = cidrs.split(',');
    this.own = [mustCidr(first), ...others.map(mustCidr)];
    this.#open = this.own;
  }

  /** The families that the cluster has, that of Services by default first. */
  get families(): [Family, ...Family[]] {
    const [first, ...others] = this.own;
    return [familyOf(first), ...others.map(familyOf)];
  }

  /** Of the families that the cluster has, the configured ranges first. */
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
      .filter((cidr) => !this.own.includes(cidr));
    // The first start has the range before it has the object.
    const configured = this.#objects.get(ownName);
    const { families } = this;
    const others = [...new Set(usable)]
      .sort()
      .filter((range) => families.includes(familyOf(range)));
    const isOpen = (range: Cidr): boolean =>
      !configured ||
      [...this.#objects.values()].some(
        (one) => givesAway(one) && one.spec?.cidrs?.some((text) => parseCidr(text) === range),
      );
    this.#open = [...this.own.filter(isOpen), ...others];
  }
}

function givesAway(object: ServiceCIDR): boolean {
  const ready = object.status?.conditions?.find((one) => one.type === 'Ready');
  return !object.metadata.deletionTimestamp && ready?.status !== 'False';
}
