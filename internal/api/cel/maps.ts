import { escapeName, unescapeName } from './escape.ts';
import { fieldType, type CelType } from './types.ts';
import { fromJson, kindOf, numeric, type Value } from './values.ts';

/** Anything with keys: maps, JSON objects, struct literals. */
export abstract class CelMap {
  /** `map`, or the name of an object's type. */
  abstract readonly typeName: string;
  abstract readonly size: number;
  abstract get(key: Value): Value | undefined;
  abstract keys(): Value[];
  /** A field by the name an expression gives it. */
  field(name: string): Value | undefined {
    return this.get(name);
  }
}

/** 1, 1u and 1.0 are one key. */
function keyText(key: Value): string {
  const number = numeric(key);
  if (number !== undefined) return `n${String(number)}`;
  return typeof key === 'string' ? `s${key}` : `${kindOf(key)} ${String(key)}`;
}

/** What a map literal or a macro makes. */
export class MapValue extends CelMap {
  readonly typeName = 'map';
  readonly #entries = new Map<string, readonly [Value, Value]>();

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    super();
    for (const [key, value] of entries) this.#entries.set(keyText(key), [key, value]);
  }

  /** False: the key is there already. */
  put(key: Value, value: Value): boolean {
    const text = keyText(key);
    if (this.#entries.has(text)) return false;
    this.#entries.set(text, [key, value]);
    return true;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Value): Value | undefined {
    return this.#entries.get(keyText(key))?.[1];
  }

  keys(): Value[] {
    return [...this.#entries.values()].map(([key]) => key);
  }
}

/** A JSON object, converted as it is read. An absent field stays absent. */
export class ObjectView extends CelMap {
  readonly json: Readonly<Record<string, unknown>>;
  readonly #type: CelType | undefined;
  readonly #seen = new Map<string, Value>();

  constructor(json: Readonly<Record<string, unknown>>, type?: CelType) {
    super();
    this.json = json;
    this.#type = type;
  }

  get typeName(): string {
    return this.#type?.kind === 'object' ? this.#type.name : 'map';
  }

  get size(): number {
    return this.keys().length;
  }

  get(key: Value): Value | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.json, key) || this.json[key] === undefined) return undefined;
    const seen = this.#seen.get(key);
    if (seen !== undefined) return seen;
    const value = fromJson(this.json[key], this.#typeOf(key));
    this.#seen.set(key, value);
    return value;
  }

  #typeOf(key: string): CelType | undefined {
    if (this.#type?.kind === 'map') return this.#type.value;
    return this.#type?.kind === 'object' ? fieldType(this.#type, escapeName(key)) : undefined;
  }

  /** Names that an expression cannot spell are escaped in it. */
  override field(name: string): Value | undefined {
    const value = this.get(name);
    if (value !== undefined || !name.includes('__')) return value;
    return this.get(unescapeName(name));
  }

  keys(): string[] {
    return Object.keys(this.json).filter((key) => this.json[key] !== undefined);
  }
}

/** `Object.spec{replicas: 1}`: an object under construction. */
export class StructValue extends CelMap {
  readonly typeName: string;
  readonly fields: ReadonlyMap<string, Value>;

  constructor(typeName: string, fields: ReadonlyMap<string, Value>) {
    super();
    this.typeName = typeName;
    this.fields = fields;
  }

  get size(): number {
    return this.fields.size;
  }

  get(key: Value): Value | undefined {
    return typeof key === 'string' ? this.fields.get(key) : undefined;
  }

  keys(): string[] {
    return [...this.fields.keys()];
  }
}
