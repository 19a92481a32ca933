import { compile, environment, type Program } from './cel/compile.ts';
import { QuantityValue } from './cel/libraries/quantities.ts';
import { parseSemver } from './cel/libraries/versions.ts';
import { bool, dyn, mapOf, string, type CelType } from './cel/types.ts';
import { MapValue, type Value } from './cel/values.ts';
import type { Device, DeviceAttribute } from './generated/types/resource-v1.ts';
import { quantityOf } from './quantity.ts';

/**
 * What an expression knows of a device (dynamic-resource-allocation cel): attributes and capacity
 * by domain, then by name.
 */
const deviceType: CelType = {
  kind: 'object',
  name: 'kubernetes.DRADevice',
  fields: new Map<string, CelType>([
    ['driver', string],
    ['attributes', mapOf(string, mapOf(string, dyn))],
    ['capacity', mapOf(string, mapOf(string, { kind: 'opaque', name: 'Quantity' }))],
    ['allowMultipleAllocations', bool],
  ]),
};

/** Compiles the expression of a device selector. Throws CelCompileError. */
export const compileDeviceExpression = (expression: string): Program =>
  compile(expression, environment({ device: deviceType }, { bindings: true }));

/** A domain that a device says nothing about is an empty map rather than an error. */
class ByDomain extends MapValue {
  override get(key: Value): Value {
    return super.get(key) ?? new MapValue();
  }

  override has(key: Value): boolean {
    return super.get(key) !== undefined;
  }
}

/** The `device` of an expression. Throws when an attribute has no value that is known. */
export function deviceValue(driver: string, device: Device): MapValue {
  const attributes = byDomain(driver, device.attributes, attributeValue);
  const capacity = byDomain(
    driver,
    device.capacity,
    ({ value }) => new QuantityValue(quantityOf(value)),
  );
  return new MapValue([
    ['driver', driver],
    ['allowMultipleAllocations', device.allowMultipleAllocations ?? false],
    ['attributes', attributes],
    ['capacity', capacity],
  ]);
}

/** Names without a domain are of the driver's. */
function byDomain<T>(
  driver: string,
  named: Record<string, T> | undefined,
  valueOf: (one: T, name: string) => Value,
): ByDomain {
  const domains = new Map<string, [string, Value][]>();
  for (const [name, one] of Object.entries(named ?? {})) {
    const slash = name.indexOf('/');
    const domain = slash < 0 ? driver : name.slice(0, slash);
    const entries = domains.get(domain) ?? [];
    entries.push([name.slice(slash + 1), valueOf(one, name)]);
    domains.set(domain, entries);
  }
  return new ByDomain([...domains].map(([domain, entries]) => [domain, new MapValue(entries)]));
}

function attributeValue(attribute: DeviceAttribute, name: string): Value {
  const { int, bool: truth, string: text, version } = attribute;
  if (int !== undefined) return BigInt(int);
  if (truth !== undefined) return truth;
  if (text !== undefined) return text;
  const parsed = version === undefined ? undefined : parseSemver(version);
  if (!parsed) throw new TypeError(`attribute ${name}: unsupported attribute value`);
  return parsed;
}
