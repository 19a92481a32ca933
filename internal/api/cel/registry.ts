import { parseType, splitTypes, type CelType } from './types.ts';
import { CelMap, kindOf, type Value } from './values.ts';

export type Implementation = (...args: never[]) => Value;

export interface Overload {
  params: readonly CelType[];
  result: CelType;
  run: (...args: Value[]) => Value;
}

const shape = /^(?:(.+?)->)?([\w.!@<>=+*/%-]+?|-_)\((.*)\): (.+)$/;

/**
 * The functions of an environment. One signature serves the checker and the choice of the overload
 * at run time.
 */
export class Registry {
  readonly #overloads = new Map<string, Overload[]>();
  readonly #names = new Set<string>();
  readonly #dotted = new Set<string>();

  /** `name(int, list<A>): A`, or `string->name(int): bool` for a function of a receiver. */
  define(signature: string, run: Implementation): void {
    const found = shape.exec(signature);
    if (!found) throw new TypeError(`not a signature: ${signature}`);
    const [, receiver, name = '', params = '', result = ''] = found;
    const types = [...(receiver ? [receiver] : []), ...splitTypes(params)].map(parseType);
    const key = keyOf(name, receiver !== undefined, types.length);
    const list = this.#overloads.get(key) ?? [];
    list.push({ params: types, result: parseType(result), run: run as Overload['run'] });
    this.#overloads.set(key, list);
    this.#names.add(name);
    if (!receiver && /^\w+\.\w/.test(name)) this.#dotted.add(name);
  }

  /** Names of global functions that contain dots. */
  get qualified(): ReadonlySet<string> {
    return this.#dotted;
  }

  find(name: string, receiver: boolean, count: number): readonly Overload[] {
    return this.#overloads.get(keyOf(name, receiver, count)) ?? [];
  }

  /** Whether the name is a function at all, with whatever arguments. */
  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** The overload for these values. */
  choose(name: string, receiver: boolean, args: readonly Value[]): Overload | undefined {
    for (const overload of this.find(name, receiver, args.length))
      if (overload.params.every((param, i) => fits(param, args[i] as Value))) return overload;
    return undefined;
  }
}

const keyOf = (name: string, receiver: boolean, count: number): string =>
  `${name} ${receiver ? 'r' : 'g'}${count}`;

function fits(param: CelType, value: Value): boolean {
  if (param.kind === 'dyn' || param.kind === 'param') return true;
  const kind = kindOf(value);
  if (param.kind === 'opaque' || param.kind === 'object') return kind === param.name;
  if (param.kind === 'map') return value instanceof CelMap;
  return kind === param.kind;
}
