import type {
  DeviceAttribute,
  DeviceConstraint,
} from '../../../api/generated/types/resource-v1.ts';
import { own } from '../../../base/own.ts';
import type { PoolDevice } from './pools.ts';
import type { Request } from './requests.ts';

/** What must hold among the devices of a claim. A refusal stays one when more devices come. */
export interface Constraint {
  add(request: Request, device: PoolDevice): boolean;
  remove(request: Request, device: PoolDevice): void;
}

/** Values by which two attributes are compared; of different kinds they differ. */
function textOf(attribute: DeviceAttribute): string | undefined {
  for (const kind of ['string', 'int', 'bool', 'version'] as const)
    if (attribute[kind] !== undefined) return `${kind} ${String(attribute[kind])}`;
  return undefined;
}

function valueOf({ device, slice }: PoolDevice, name: string): string | undefined {
  const full = own(device.attributes, name);
  const slash = name.indexOf('/');
  const short =
    slash >= 0 && name.slice(0, slash) === slice.spec.driver
      ? own(device.attributes, name.slice(slash + 1))
      : undefined;
  const found = full ?? short;
  return found && textOf(found);
}

/** All devices have the same value of an attribute, or each another one. */
class AttributeConstraint implements Constraint {
  readonly #requests: readonly string[];
  readonly #attribute: string;
  readonly #distinct: boolean;
  readonly #values: string[] = [];

  constructor(requests: readonly string[], attribute: string, distinct: boolean) {
    this.#requests = requests;
    this.#attribute = attribute;
    this.#distinct = distinct;
  }

  add(request: Request, device: PoolDevice): boolean {
    if (!this.#concerns(request)) return true;
    const value = valueOf(device, this.#attribute);
    if (value === undefined) return false;
    if (this.#distinct ? this.#values.includes(value) : this.#values.some((v) => v !== value))
      return false;
    this.#values.push(value);
    return true;
  }

  remove(request: Request, device: PoolDevice): void {
    const value = valueOf(device, this.#attribute);
    if (value === undefined || !this.#concerns(request)) return;
    const at = this.#values.lastIndexOf(value);
    if (at >= 0) this.#values.splice(at, 1);
  }

  #concerns({ name, base }: Request): boolean {
    return (
      this.#requests.length === 0 || this.#requests.includes(name) || this.#requests.includes(base)
    );
  }
}

export function constraintOf(constraint: DeviceConstraint): Constraint | undefined {
  const { requests = [], matchAttribute, distinctAttribute } = constraint;
  if (matchAttribute) return new AttributeConstraint(requests, matchAttribute, false);
  return distinctAttribute ? new AttributeConstraint(requests, distinctAttribute, true) : undefined;
}
