import { Buffer } from 'node:buffer';
import type { GoType, Plan } from '../plan.ts';

/** How the value of a JSON field is written to protobuf. */
export type Value =
  | { k: 'string' | 'bool' | 'integer' | 'double' | 'bytes' }
  | { k: 'time'; micro: boolean }
  | { k: 'duration' | 'quantity' | 'intOrString' | 'raw' }
  /** Not in protobuf. */
  | { k: 'skip' }
  /** Left to the way over objects. */
  | { k: 'other' }
  | { k: 'struct'; steps: () => Steps }
  | { k: 'list'; items: Value }
  /** A list that is a message of its own. */
  | { k: 'wrapped'; items: Value }
  | { k: 'map'; values: Value };

/** One field of a struct's JSON. */
export interface Step {
  key: Buffer;
  number: number;
  value: Value;
  /** Messages it lies in: structs that are inlined in JSON. The same array for the same message. */
  within: readonly number[];
  isMetadata: boolean;
}

/** The fields of a struct in the order of its JSON. */
export interface Steps {
  list: readonly Step[];
}

const known = new Map<Plan, Steps>();

export function stepsOf(plan: Plan): Steps {
  let steps = known.get(plan);
  if (!steps) {
    steps = { list: compile(plan) };
    known.set(plan, steps);
  }
  return steps;
}

type Place = Omit<Step, 'key' | 'isMetadata'>;

function compile(plan: Plan): Step[] {
  const places = new Map<string, Place>();
  addPlaces(plan, [], places);
  const step = (name: string): Step => ({
    key: Buffer.from(name),
    isMetadata: name === 'metadata',
    ...(places.get(name) ?? { number: 0, value: { k: 'skip' }, within: outside }),
  });
  // kind and apiVersion are told by the envelope alone.
  const head = plan.typeMeta ? ['kind', 'apiVersion'] : [];
  return [...head, ...plan.json.map(({ name }) => name)].map(step);
}

const outside: readonly number[] = [];

function addPlaces(plan: Plan, within: readonly number[], places: Map<string, Place>): void {
  const here = within.length === 0 ? outside : within;
  for (const { name, number, type } of plan.wire) {
    if (!name && type.k === 'struct') addPlaces(type.plan, [...within, number], places);
    else places.set(name, { number, value: valueOf(type), within: here });
  }
}

function valueOf(type: GoType): Value {
  switch (type.k) {
    case 'int32':
    case 'int64':
      return { k: 'integer' };
    case 'string':
    case 'bool':
    case 'double':
    case 'bytes':
    case 'duration':
    case 'quantity':
    case 'intOrString':
    case 'raw':
      return { k: type.k };
    case 'time':
    case 'microTime':
      return { k: 'time', micro: type.k === 'microTime' };
    case 'struct':
      return { k: 'struct', steps: () => stepsOf(type.plan) };
    case 'list':
      return { k: type.wrapped ? 'wrapped' : 'list', items: itemOf(type.items) };
    case 'map':
      return { k: 'map', values: itemOf(type.values) };
    default:
      return { k: 'other' };
  }
}

/** Inside of lists and maps each value is one field: a list is a message there. */
function itemOf(type: GoType): Value {
  const value = valueOf(type);
  if (value.k === 'list') return { k: 'wrapped', items: value.items };
  return value.k === 'map' ? { k: 'other' } : value;
}
