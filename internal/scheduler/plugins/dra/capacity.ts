import type {
  CapacityRequestPolicy,
  CapacityRequirements,
  Device,
} from '../../../api/generated/types/resource-v1.ts';
import { Quantity, quantityOf } from '../../../api/quantity.ts';
import { own } from '../../../base/own.ts';

/** How much of each capacity of a device is used. */
export type Consumed = ReadonlyMap<string, Quantity>;

/**
 * What a request takes of a device's capacity (KEP-5075): what it names, rounded up as the device's
 * policy says, otherwise the policy's default or all of it. Undefined: the device cannot give that.
 */
export function consumption(
  { capacity = {} }: Device,
  wanted: CapacityRequirements | undefined,
): Consumed | undefined {
  const requests = wanted?.requests ?? {};
  if (Object.keys(requests).some((name) => !Object.hasOwn(capacity, name))) return undefined;
  const taken = new Map<string, Quantity>();
  for (const [name, { value, requestPolicy }] of Object.entries(capacity)) {
    const asked = own(requests, name);
    const amount =
      asked === undefined
        ? quantityOf(requestPolicy?.default ?? value)
        : rounded(quantityOf(asked), requestPolicy);
    if (breaks(amount, requestPolicy) || amount.cmp(quantityOf(value)) > 0) return undefined;
    taken.set(name, amount);
  }
  return taken;
}

/** Whether a device still has this much beside what is used. */
export function fitsCapacity(
  { capacity = {} }: Device,
  taken: Consumed,
  used: readonly (Consumed | undefined)[],
): boolean {
  for (const [name, amount] of taken) {
    let sum = amount;
    for (const other of used) {
      const more = other?.get(name);
      if (more) sum = sum.add(more);
    }
    const has = own(capacity, name);
    if (!has || sum.cmp(quantityOf(has.value)) > 0) return false;
  }
  return true;
}

export function sumOf(a: Consumed | undefined, b: Consumed, sign: 1 | -1 = 1): Consumed {
  const sum = new Map(a);
  for (const [name, amount] of b) {
    const before = sum.get(name) ?? Quantity.of(0);
    sum.set(name, sign === 1 ? before.add(amount) : before.sub(amount));
  }
  return sum;
}

function rounded(asked: Quantity, policy: CapacityRequestPolicy | undefined): Quantity {
  const { validRange, validValues } = policy ?? {};
  if (validRange?.min !== undefined) {
    const min = quantityOf(validRange.min);
    if (asked.cmp(min) < 0) return min;
    if (validRange.step === undefined) return asked;
    const step = quantityOf(validRange.step).value();
    const over = asked.value() - min.value();
    const steps = over / step + (over % step === 0n ? 0n : 1n);
    return Quantity.of(min.value() + step * steps, 'BinarySI');
  }
  for (const value of validValues ?? [])
    if (asked.cmp(quantityOf(value)) <= 0) return quantityOf(value);
  return asked;
}

function breaks(amount: Quantity, policy: CapacityRequestPolicy | undefined): boolean {
  if (!policy || (policy.default !== undefined && amount.equals(quantityOf(policy.default))))
    return false;
  const { validRange, validValues = [] } = policy;
  if (validRange) {
    if (validRange.max !== undefined && amount.cmp(quantityOf(validRange.max)) > 0) return true;
    if (validRange.step === undefined) return false;
    const step = quantityOf(validRange.step).value();
    return (amount.value() - quantityOf(validRange.min).value()) % step !== 0n;
  }
  return validValues.length > 0 && !validValues.some((v) => amount.equals(quantityOf(v)));
}
