import { fieldsOf, type KubeObject } from '../object.ts';
import { Quantity, parseQuantity } from '../quantity.ts';
import type { KindInfo } from '../scheme.ts';
import { hasType, rawType, type RawField } from '../type-table.ts';
import { coreRules } from './core.ts';
import { podRules } from './pods.ts';
import { policyRules } from './policies.ts';
import { workloadRules } from './workloads.ts';
import {
  isMap,
  isUnset,
  type DefaultsContext,
  type Fields,
  type Rule,
  type Rules,
} from './rule.ts';

export type { DefaultsContext } from './rule.ts';

/**
 * By type, not by way of the kinds: a node gives static pods their defaults, and loads nothing else
 * of what is known of kinds.
 */
export const defaultRules: Rules = { ...podRules, ...coreRules, ...workloadRules, ...policyRules };

/**
 * What defaulting does to one type: its own rules first, then its fields, as Go's generated
 * defaulters.
 */
interface Defaulter {
  rules: readonly Rule[];
  declared: readonly [string, unknown][];
  children: readonly Child[];
  /** Nothing here and nothing below. */
  idle: boolean;
}

interface Child {
  name: string;
  shape: 'struct' | 'list' | 'map' | 'quantities';
  of: Defaulter;
}

const made = new Map<string, Defaulter>();
const nothing: Defaulter = { rules: [], declared: [], children: [], idle: true };

function defaulterOf(typeName: string): Defaulter {
  const known = made.get(typeName);
  if (known) return known;
  // A type that contains itself (only JSON schemas do) has no defaults of its own.
  made.set(typeName, nothing);
  const rules: Rule[] = [];
  const declared: [string, unknown][] = [];
  const children: Child[] = [];
  collect(typeName, rules, declared, children);
  const idle = rules.length === 0 && declared.length === 0 && children.length === 0;
  const defaulter = idle ? nothing : { rules, declared, children, idle };
  made.set(typeName, defaulter);
  return defaulter;
}

function collect(
  typeName: string,
  rules: Rule[],
  declared: [string, unknown][],
  children: Child[],
): void {
  rules.push(...(defaultRules[typeName] ?? []));
  for (const field of rawType(typeName).f ?? []) {
    if (field.inl) {
      collect(field.t, rules, declared, children);
      continue;
    }
    if (!field.n || field.n === '-') continue;
    // A zero of a field that is not a pointer would not be written.
    if (field.d !== undefined && (field.ptr || field.d)) declared.push([field.n, field.d]);
    const child = childOf(field);
    if (child) children.push({ name: field.n, ...child });
  }
}

function childOf(field: RawField): Omit<Child, 'name'> | undefined {
  if (field.t === 'map[string]Quantity') return { shape: 'quantities', of: nothing };
  const shape = field.t.startsWith('[]')
    ? 'list'
    : field.t.startsWith('map[string]')
      ? 'map'
      : 'struct';
  const inner = field.t.replace(/^(\[\]|map\[string\])/, '');
  if (!inner.includes('.') || !hasType(inner) || rawType(inner).sp || rawType(inner).wrap)
    return undefined;
  const of = defaulterOf(inner);
  return of.idle ? undefined : { shape, of };
}

function run(defaulter: Defaulter, object: Fields, context: DefaultsContext): void {
  // What is frozen was taken over from a stored object, which got its defaults when it was written.
  if (Object.isFrozen(object)) return;
  for (const rule of defaulter.rules) rule(object, context);
  for (const [name, value] of defaulter.declared) if (isUnset(object[name])) object[name] = value;
  for (const child of defaulter.children) {
    const value = object[child.name];
    if (value === null || typeof value !== 'object') continue;
    if (child.shape === 'struct') run(child.of, value as Fields, context);
    else if (child.shape === 'quantities') roundToMilli(value as Fields);
    else for (const item of Object.values(value)) if (isMap(item)) run(child.of, item, context);
  }
}

const finerThanMilli = /[nu]$|\.|e-/i;

/** No resource is counted finer than in thousandths; what is finer is rounded up. */
function roundToMilli(list: Fields): void {
  if (Object.isFrozen(list)) return;
  for (const name in list) {
    const text = list[name];
    if (typeof text !== 'string' || !finerThanMilli.test(text)) continue;
    const quantity = parseQuantity(text);
    if (!quantity.isWhole(-3))
      list[name] = new Quantity(quantity.milliValue(), -3, quantity.format).toString();
  }
}

/**
 * Fills in what was left out, in place, and does what Kubernetes does on the way to storage: a
 * Secret's stringData joins its data, the old name of a pod's service account follows the new one.
 * Idempotent. The object must be in normal form (decodeJson, decodeValue). Custom kinds get the
 * defaults of their definition.
 */
export function applyDefaults(
  info: KindInfo,
  object: KubeObject,
  context: DefaultsContext = {},
): void {
  if (info.crd) return info.crd.applyDefaults(object);
  if (info.custom) return;
  run(defaulterOf(info.type.name), fieldsOf(object), context);
}
