import { table } from '../base/own.ts';
import { enumsData, typesData } from './generated/types-data.ts';

/**
 * A field as the generated table writes it; the keys are explained in generate/tables.ts and kept
 * short for size.
 */
export interface RawField {
  /** JSON name; absent for an inlined struct, `-` when it has none. */
  n?: string;
  /** Protobuf number; absent when the field is not in protobuf. */
  p?: number;
  t: string;
  e?: string;
  ptr?: 1;
  oe?: 1;
  oz?: 1;
  req?: 1;
  inl?: 1;
  lt?: 'atomic' | 'set' | 'map';
  lk?: string[];
  mt?: 'atomic' | 'granular';
  st?: 'atomic' | 'granular';
  ps?: string;
  pk?: string;
  d?: unknown;
  dep?: 1;
}

export interface RawType {
  f?: RawField[];
  /** Order of the JSON output where it is not that of `f`; `*Name` is an inlined struct. */
  jo?: string[];
  tm?: 1;
  sp?:
    | 'JSON'
    | 'SchemaOrArray'
    | 'SchemaOrBool'
    | 'SchemaOrStringArray'
    | 'Quantity'
    | 'Duration'
    | 'Time'
    | 'MicroTime'
    | 'RawExtension'
    | 'FieldsV1'
    | 'IntOrString';
  /** The type of the list that the message wraps: in JSON it is the list itself. */
  wrap?: string;
  st?: 'atomic';
}

const prefixes: Record<string, string> = table({
  '@': 'io.k8s.api.',
  '#': 'io.k8s.apimachinery.pkg.apis.meta.v1.',
});

/**
 * Puts back the prefix that the generated tables write as one sign, behind `[]` and `map[string]`
 * too.
 */
export function fullName(short: string): string {
  return short.replace(/[@#]/, (sign) => prefixes[sign] ?? sign);
}

/** Line number by name, for text that is read once and parsed line by line when asked. */
export function lineIndex(text: string): Map<string, string> {
  const index = new Map<string, string>();
  let at = 1;
  for (let end = text.indexOf('\n', at); end > 0; end = text.indexOf('\n', at)) {
    const space = text.indexOf(' ', at);
    index.set(fullName(text.slice(at, space)), text.slice(space + 1, end));
    at = end + 1;
  }
  return index;
}

let typeLines: Map<string, string> | undefined;
let enumLines: Map<string, string> | undefined;
const parsed = new Map<string, RawType>();

export function hasType(name: string): boolean {
  typeLines ??= lineIndex(typesData);
  return typeLines.has(name);
}

/** The facts about a type by its OpenAPI name. Parsed when first asked for. */
export function rawType(name: string): RawType {
  const known = parsed.get(name);
  if (known) return known;
  typeLines ??= lineIndex(typesData);
  const line = typeLines.get(name);
  if (line === undefined) throw new Error(`no type ${name} in the table`);
  const type = JSON.parse(line) as RawType;
  for (const field of type.f ?? []) {
    field.t = fullName(field.t);
    if (field.e) field.e = fullName(field.e);
  }
  if (type.wrap) type.wrap = fullName(type.wrap);
  parsed.set(name, type);
  return type;
}

/** Values of a closed enumeration, or undefined for an open one. */
export function enumValues(name: string): readonly string[] | undefined {
  enumLines ??= lineIndex(enumsData);
  const line = enumLines.get(name);
  return line === undefined ? undefined : (JSON.parse(line) as string[]);
}

/** The fields in the order Go writes them to JSON. Inlined structs stay one entry. */
export function jsonOrder(type: RawType): RawField[] {
  const fields = type.f ?? [];
  if (!type.jo) return fields;
  const byName = new Map(fields.map((f) => [f.n && !f.inl ? f.n : `*${f.t}`, f]));
  const ordered: RawField[] = [];
  for (const name of type.jo) {
    const field = byName.get(name.startsWith('*') ? `*${inlineName(name, fields)}` : name);
    if (field) ordered.push(field);
  }
  return ordered;
}

/** `jo` names an inlined type by its last word or by its full name. */
function inlineName(name: string, fields: RawField[]): string {
  const wanted = fullName(name.slice(1));
  return fields.find((f) => f.inl && (f.t === wanted || f.t.endsWith(`.${wanted}`)))?.t ?? wanted;
}
