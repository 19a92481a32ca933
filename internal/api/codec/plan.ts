import { table } from '../../base/own.ts';
import { fullName, hasType, jsonOrder, rawType, type RawField } from '../type-table.ts';

/** How one Go value is read and written. `go` is the name of its Go type, for error messages. */
export type GoType =
  | { k: 'string' | 'bool' | 'int32' | 'int64' | 'double' | 'bytes'; go: string }
  | { k: 'time' | 'microTime' | 'duration' | 'quantity' | 'intOrString' | 'raw'; go: string }
  | { k: 'schemaOrArray' | 'schemaOrBool' | 'schemaOrStringArray'; go: string; schema: Plan }
  | { k: 'struct'; go: string; plan: Plan }
  | { k: 'list'; go: string; items: GoType; wrapped: boolean }
  | { k: 'map'; go: string; values: GoType };

/** A field where it stands in JSON: inlined structs are flattened in. */
export interface JsonField {
  name: string;
  type: GoType;
  pointer: boolean;
  omitEmpty: boolean;
  omitZero: boolean;
  /** Names of the embedded structs it comes from: Go's error messages show them. */
  embedded: readonly string[];
}

/** A field where it stands in protobuf: an inlined struct is one message. */
export interface WireField {
  number: number;
  /** JSON name; empty for an inlined struct, whose fields are those of the parent in JSON. */
  name: string;
  type: GoType;
  pointer: boolean;
}

/** A struct type, compiled when first used. */
export class Plan {
  readonly name: string;
  /** `DeploymentSpec` */
  readonly short: string;
  private jsonFields: JsonField[] | undefined;
  private wireFields: WireField[] | undefined;
  private fieldByName: Map<string, JsonField> | undefined;
  private fieldByNumber: (WireField | undefined)[] | undefined;

  constructor(name: string) {
    this.name = name;
    this.short = name.slice(name.lastIndexOf('.') + 1);
  }

  get typeMeta(): boolean {
    return rawType(this.name).tm === 1;
  }

  get json(): readonly JsonField[] {
    this.jsonFields ??= jsonFields(this.name, []);
    return this.jsonFields;
  }

  get byName(): ReadonlyMap<string, JsonField> {
    this.fieldByName ??= new Map(this.json.map((field) => [field.name, field]));
    return this.fieldByName;
  }

  /** In ascending order of number, as they are written. */
  get wire(): readonly WireField[] {
    this.wireFields ??= wireFields(this.name);
    return this.wireFields;
  }

  get byNumber(): readonly (WireField | undefined)[] {
    if (!this.fieldByNumber) {
      this.fieldByNumber = [];
      for (const field of this.wire) this.fieldByNumber[field.number] = field;
    }
    return this.fieldByNumber;
  }
}

const plans = new Map<string, Plan>();

/** The plan of a built-in type by its OpenAPI name. */
export function planOf(name: string): Plan {
  let known = plans.get(name);
  if (!known) {
    if (!hasType(name)) throw new Error(`no type ${name} in the table`);
    known = new Plan(name);
    plans.set(name, known);
  }
  return known;
}

function jsonFields(name: string, embedded: readonly string[]): JsonField[] {
  return jsonOrder(rawType(name)).flatMap((raw): JsonField[] => {
    if (raw.inl) return jsonFields(raw.t, [...embedded, raw.t.slice(raw.t.lastIndexOf('.') + 1)]);
    if (!raw.n || raw.n === '-') return [];
    return [
      {
        name: raw.n,
        type: goType(raw),
        pointer: raw.ptr === 1,
        omitEmpty: raw.oe === 1,
        omitZero: raw.oz === 1,
        embedded,
      },
    ];
  });
}

function wireFields(name: string): WireField[] {
  const fields: WireField[] = [];
  for (const raw of rawType(name).f ?? []) {
    if (raw.p === undefined) continue;
    fields.push({ number: raw.p, name: raw.n ?? '', type: goType(raw), pointer: raw.ptr === 1 });
  }
  return fields.sort((a, b) => a.number - b.number);
}

const goScalar: Record<string, string> = table({
  string: 'string',
  bool: 'bool',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
  bytes: '[]uint8',
});
const special: Record<string, GoType['k']> = table({
  Time: 'time',
  MicroTime: 'microTime',
  Duration: 'duration',
  Quantity: 'quantity',
  IntOrString: 'intOrString',
  RawExtension: 'raw',
  FieldsV1: 'raw',
  JSON: 'raw',
  any: 'raw',
  SchemaOrArray: 'schemaOrArray',
  SchemaOrBool: 'schemaOrBool',
  SchemaOrStringArray: 'schemaOrStringArray',
});

/** `v1.PodSpec`: the package is the part before the last one. */
function goName(full: string): string {
  const parts = full.split('.');
  return parts.slice(-2).join('.');
}

const cache = new Map<string, GoType>();

function goType(raw: RawField): GoType {
  const key = `${raw.t} ${raw.e ?? ''}`;
  let known = cache.get(key);
  if (!known) {
    known = compile(raw.t, raw.e);
    cache.set(key, known);
  }
  return known;
}

/** A type as the table of types writes it: `@core.v1.PodSpec`, `[]#Condition`. */
export function goTypeOf(short: string): GoType {
  let known = cache.get(short);
  if (!known) {
    const text = fullName(short);
    const bare = text.replace(/^(?:\[\]|map\[string\])+/, '');
    if (bare.includes('.') && !hasType(bare)) throw new Error(`no type ${short} in the table`);
    known = compile(text, undefined);
    cache.set(short, known);
  }
  return known;
}

function compile(text: string, named: string | undefined): GoType {
  if (text.startsWith('[]')) {
    const items = compile(text.slice(2), named);
    return { k: 'list', go: `[]${items.go}`, items, wrapped: false };
  }
  if (text.startsWith('map[string]')) {
    const values = compile(text.slice(11), named);
    // The one named map: every map of quantities is a ResourceList.
    const go = values.k === 'quantity' ? 'v1.ResourceList' : `map[string]${values.go}`;
    return { k: 'map', go, values };
  }
  if (goScalar[text])
    return { k: text as 'string', go: named ? goName(named) : (goScalar[text] ?? text) };
  const kind = special[text];
  if (kind) return { k: kind as 'time', go: text };
  return compileNamed(text);
}

function compileNamed(text: string): GoType {
  if (!hasType(text)) return { k: 'raw', go: goName(text) };
  const raw = rawType(text);
  if (raw.wrap) {
    const items = compile(raw.wrap.slice(2), undefined);
    return { k: 'list', go: goName(text), items, wrapped: true };
  }
  if (!raw.sp) return { k: 'struct', go: goName(text), plan: planOf(text) };
  const kind = special[raw.sp] ?? 'raw';
  if (kind === 'schemaOrArray' || kind === 'schemaOrBool' || kind === 'schemaOrStringArray') {
    const props = `${text.slice(0, text.lastIndexOf('.'))}.JSONSchemaProps`;
    return { k: kind, go: goName(text), schema: planOf(props) };
  }
  return { k: kind as 'time', go: goName(text) };
}
