import type { RepeatedFields, WrittenFloats } from './json-text.ts';
import type { GoType, JsonField, Plan } from './plan.ts';
import { strictLimit } from './untyped.ts';

/**
 * The slow walk: what is wrong with a value, in the order of its text and in the words of Go's
 * decoder. It runs only after the fast walk met something, or when the text gave a field twice.
 */
export interface Findings {
  /** `unknown field "spec.x"`, `duplicate field "spec.y"`; each said once. */
  strict: string[];
  /**
   * `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`
   */
  mismatch: string | undefined;
}

type Values = Record<string, unknown>;

export function explain(
  plan: Plan,
  value: unknown,
  repeated: RepeatedFields = new Map(),
  floats: WrittenFloats = new Map(),
): Findings {
  const walk = new Explanation(repeated, floats);
  walk.value({ k: 'struct', go: `v1.${plan.short}`, plan }, value, undefined);
  return { strict: walk.strict, mismatch: walk.mismatch };
}

class Explanation {
  readonly strict: string[] = [];
  mismatch: string | undefined;
  private readonly repeated: RepeatedFields;
  /** Where strict errors are: with indexes and map keys. */
  private path = '';
  /** Where type errors are: struct fields only. */
  private fields: string[] = [];

  private readonly floats: WrittenFloats;

  constructor(repeated: RepeatedFields, floats: WrittenFloats) {
    this.repeated = repeated;
    this.floats = floats;
  }

  private say(what: 'unknown' | 'duplicate'): void {
    if (this.strict.length >= strictLimit) return;
    const text = `${what} field ${JSON.stringify(this.path)}`;
    if (!this.strict.includes(text)) this.strict.push(text);
  }

  private wrong(value: unknown, go: string, owner: string | undefined): void {
    if (this.mismatch !== undefined) return;
    const where =
      owner === undefined ? 'Go value' : `Go struct field ${owner}.${this.fields.join('.')}`;
    this.mismatch = `json: cannot unmarshal ${jsonKind(value, go)} into ${where} of type ${go}`;
  }

  value(type: GoType, value: unknown, owner: string | undefined): void {
    if (value === null || value === undefined) return;
    switch (type.k) {
      case 'struct':
        return this.struct(type.plan, type.go, value, owner);
      case 'list':
        return Array.isArray(value)
          ? this.list(type.items, value, owner)
          : this.wrong(value, type.go, owner);
      case 'map':
        return isObject(value)
          ? this.map(type.values, value, owner)
          : this.wrong(value, type.go, owner);
      case 'schemaOrArray':
      case 'schemaOrBool':
      case 'schemaOrStringArray':
        // Read by decoders of their own in Go: nothing strict is known about what is in them.
        return;
      default:
        if (!fits(type, value)) this.wrong(value, written(type), owner);
    }
  }

  private entries(value: Values): [string, unknown][] {
    return this.repeated.get(value) ?? Object.entries(value);
  }

  private at(part: string, body: () => void): void {
    const before = this.path;
    this.path = part.startsWith('[') || !before ? before + part : `${before}.${part}`;
    body();
    this.path = before;
  }

  /** Says so where an integer was written as a float. */
  private number(type: GoType, text: string | undefined, owner: string | undefined): boolean {
    if (text === undefined || !['int32', 'int64', 'intOrString'].includes(type.k)) return false;
    this.mismatch ??=
      `json: cannot unmarshal number ${text} into Go struct field ` +
      `${owner ?? ''}.${this.fields.join('.')} of type ${written(type)}`;
    return true;
  }

  private list(items: GoType, list: unknown[], owner: string | undefined): void {
    const floats = this.floats.get(list);
    list.forEach((item, i) =>
      this.at(
        `[${i}]`,
        () => this.number(items, floats?.get(String(i)), owner) || this.value(items, item, owner),
      ),
    );
  }

  private map(values: GoType, map: Values, owner: string | undefined): void {
    const seen = new Set<string>();
    for (const [key, item] of this.entries(map)) {
      this.at(key, () => {
        if (seen.has(key)) this.say('duplicate');
        this.value(values, item, owner);
      });
      seen.add(key);
    }
  }

  private struct(plan: Plan, go: string, value: unknown, owner: string | undefined): void {
    if (!isObject(value)) return this.wrong(value, go, owner);
    const seen = new Set<string>();
    const floats = this.floats.get(value);
    for (const [key, item] of this.entries(value)) {
      const field = plan.byName.get(key);
      const typeMeta = plan.typeMeta && (key === 'kind' || key === 'apiVersion');
      if (!field && !typeMeta && this.strict.length >= strictLimit) continue;
      this.at(key, () => {
        if (!field && !typeMeta) return this.say('unknown');
        if (seen.has(key)) this.say('duplicate');
        if (field) this.field(field, item, plan.short, floats?.get(key));
        else if (typeof item !== 'string') this.field(typeMetaField(key), item, plan.short);
      });
      seen.add(key);
    }
  }

  private field(field: JsonField, value: unknown, owner: string, float?: string): void {
    const before = this.fields;
    this.fields = [...before, ...field.embedded, field.name];
    if (!this.number(field.type, float, owner)) this.value(field.type, value, owner);
    this.fields = before;
  }
}

function typeMetaField(name: string): JsonField {
  return {
    name,
    type: { k: 'string', go: 'string' },
    pointer: false,
    omitEmpty: true,
    omitZero: false,
    embedded: ['TypeMeta'],
  };
}

function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fits(type: GoType, value: unknown): boolean {
  switch (type.k) {
    case 'string':
    case 'bytes':
    case 'time':
    case 'microTime':
    case 'duration':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'boolean';
    case 'int32':
      return typeof value === 'number' && (value | 0) === value;
    case 'int64':
      return (
        (typeof value === 'number' && Number.isSafeInteger(value)) ||
        (typeof value === 'bigint' && BigInt.asIntN(64, value) === value)
      );
    case 'double':
      return typeof value === 'number' || typeof value === 'bigint';
    case 'intOrString':
      return typeof value === 'string' || (typeof value === 'number' && (value | 0) === value);
    default:
      return true;
  }
}

/** Types with decoders of their own fail on the type that these read. */
function written(type: GoType): string {
  if (type.k === 'time' || type.k === 'microTime' || type.k === 'duration') return 'string';
  return type.k === 'intOrString' ? 'int32' : type.go;
}

function jsonKind(value: unknown, go: string): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number' || typeof value === 'bigint')
    return /^u?int\d*$/.test(go) ? `number ${value}` : 'number';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
