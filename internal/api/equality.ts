import { own } from '../base/own.ts';
import { parseDuration, parseTime } from './codec/scalars.ts';
import { goTypeOf, type GoType, type Plan } from './codec/plan.ts';
import type { ResourceRef } from './object.ts';
import { jsonEqual } from './patch/json.ts';
import { quantityOf } from './quantity.ts';

/**
 * Equal as apimachinery's equality.Semantic.DeepEqual sees two values of a Go type: an absent
 * field is its zero value, lists and maps that are empty are as good as none, quantities and times
 * are compared by what they mean; a pointer to nothing and one to a zero value differ.
 *
 * `type` is written as in the table of types (`type-table.ts`): `@apps.v1.DeploymentStatus`,
 * `#ObjectMeta`, `[]@discovery.v1.Endpoint`, `map[string]string`. Fields that the type does not
 * have are not compared. Throws when there is no such type.
 *
 * JSON inside of an object (RawExtension and the like) is equal here whatever the order of its
 * keys; Go compares its bytes.
 */
export function equalAs(type: string, a: unknown, b: unknown): boolean {
  return a === b || equal(goTypeOf(type), a, b);
}

/** As equalAs, of one field of a struct; both values are those of the field. */
export function equalField(type: string, field: string, a: unknown, b: unknown): boolean {
  const struct = goTypeOf(type);
  const found = struct.k === 'struct' ? struct.plan.byName.get(field) : undefined;
  if (!found) throw new Error(`${type} has no field ${field}`);
  return equalValues(found.type, found.pointer, a, b);
}

/** The type of a built-in kind's objects: `@apps.v1.Deployment`. */
export const typeOf = ({ group, version, kind }: ResourceRef): string =>
  `@${(group || 'core').split('.')[0]}.${version}.${kind}`;

/** The type of labels, annotations and the like. */
export const stringMap = 'map[string]string';

const isNil = (value: unknown): value is null | undefined => value === undefined || value === null;

function equalValues(type: GoType, pointer: boolean, a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (pointer && isNil(a) !== isNil(b)) return false;
  return equal(type, a, b);
}

function equal(type: GoType, a: unknown, b: unknown): boolean {
  if (a === b || (isNil(a) && isNil(b))) return true;
  switch (type.k) {
    case 'string':
    case 'bytes':
      return (a ?? '') === (b ?? '');
    case 'bool':
      return (a ?? false) === (b ?? false);
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return (a ?? 0) === (b ?? 0);
    case 'time':
    case 'microTime':
      return instant(a) === instant(b);
    case 'duration':
      return durationOf(a) === durationOf(b);
    case 'quantity':
      return quantity(a).equals(quantity(b));
    case 'list':
      return equalLists(type.items, (a ?? []) as unknown[], (b ?? []) as unknown[]);
    case 'map':
      return equalMaps(type.values, (a ?? {}) as Values, (b ?? {}) as Values);
    case 'struct':
      return equalStructs(type.plan, (a ?? {}) as Values, (b ?? {}) as Values);
    default:
      return jsonEqual(a, b);
  }
}

type Values = Readonly<Record<string, unknown>>;

function equalStructs(plan: Plan, a: Values, b: Values): boolean {
  if (plan.typeMeta && ((a['kind'] ?? '') !== (b['kind'] ?? '') || versionOf(a) !== versionOf(b)))
    return false;
  return plan.json.every(({ name, type, pointer }) =>
    equalValues(type, pointer, own(a, name), own(b, name)),
  );
}

const versionOf = (object: Values): unknown => object['apiVersion'] ?? '';

function equalLists(items: GoType, a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => equal(items, item, b[i]));
}

function equalMaps(values: GoType, a: Values, b: Values): boolean {
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equal(values, a[key], b[key]))
  );
}

function instant(value: unknown): string {
  if (isNil(value)) return '';
  const { seconds, nanos } = parseTime(String(value));
  return seconds === zeroTime && nanos === 0 ? '' : `${seconds}.${nanos}`;
}
/** Go's zero time, in seconds since 1970. */
const zeroTime = Date.parse('0001-01-01T00:00:00Z') / 1000;

const durationOf = (value: unknown): bigint => (isNil(value) ? 0n : parseDuration(String(value)));

const quantity = (value: unknown): ReturnType<typeof quantityOf> =>
  quantityOf(value as string | number | null | undefined);
