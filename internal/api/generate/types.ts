/**
 * Writes internal/api/generated/types/<group>-<version>.ts: TypeScript shapes of every served kind,
 * from the table of API facts, and the compact tables beside them (tables.ts).
 * Run as `npm run generate`.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { readFacts, type Facts } from './facts.ts';
import { writeTables } from './tables.ts';

interface Field {
  n: string;
  t: string;
  ptr?: 1;
  oe?: 1;
  oz?: 1;
  inl?: 1;
}
interface Type {
  f?: Field[];
  tm?: 1;
  sp?: string;
  wrap?: 1;
}
type Types = Record<string, Type>;

const plain: Record<string, string> = {
  string: 'string',
  bool: 'boolean',
  int32: 'number',
  int64: 'number',
  double: 'number',
  bytes: 'string',
  Time: 'string',
  MicroTime: 'string',
  Duration: 'string',
  Quantity: 'string',
  IntOrString: 'number | string',
  RawExtension: 'Record<string, unknown>',
  FieldsV1: 'Record<string, unknown>',
};

/** `io.k8s.api.core.v1.Pod` -> file `core-v1`, alias `corev1`, name `Pod`. */
function place(full: string): { file: string; alias: string; name: string } {
  const parts = full.split('.');
  const name = parts.pop() ?? '';
  const version = parts.pop() ?? '';
  const group = /^v\d/.test(version) ? (parts.pop() ?? '') : version;
  const suffix = /^v\d/.test(version) ? `-${version}` : '';
  return {
    file: `${group}${suffix}`,
    alias: `${group}${version === group ? '' : version}`.replace(/-/g, ''),
    name,
  };
}

function typeText(t: string, types: Types, own: string, imports: Map<string, string>): string {
  if (t.startsWith('[]')) {
    const inner = typeText(t.slice(2), types, own, imports);
    return inner.includes('|') ? `(${inner})[]` : `${inner}[]`;
  }
  if (t.startsWith('map[string]'))
    return `Record<string, ${typeText(t.slice(11), types, own, imports)}>`;
  if (plain[t]) return plain[t];
  if (!types[t]) return 'unknown';
  const to = place(t);
  if (to.file === own) return to.name;
  imports.set(to.file, to.alias);
  return `${to.alias}.${to.name}`;
}

/** A field that Go always writes is always there. */
function optional(field: Field, types: Types): boolean {
  if (field.n === 'metadata') return false;
  if (field.ptr || field.oz) return true;
  const struct = types[field.t] && !types[field.t]?.sp && !types[field.t]?.wrap;
  return Boolean(field.oe) && !struct;
}

function body(full: string, types: Types, own: string, imports: Map<string, string>): string {
  const type = types[full] as Type;
  if (type.sp) return `export type ${place(full).name} = unknown;\n`;
  const inlined = (type.f ?? [])
    .filter((f) => f.inl && types[f.t])
    .map((f) => typeText(f.t, types, own, imports));
  let text =
    'export interface ' +
    `${place(full).name}${inlined.length ? ` extends ${inlined.join(', ')}` : ''} {\n`;
  if (type.tm) text += '  apiVersion: string;\n  kind: string;\n';
  for (const field of type.f ?? []) {
    if (field.inl || !field.n || field.n === '-') continue;
    const name = /^[A-Za-z_]\w*$/.test(field.n) ? field.n : `'${field.n}'`;
    text +=
      `  ${name}${optional(field, types) ? '?' : ''}: ` +
      `${typeText(field.t, types, own, imports)};\n`;
  }
  return text + '}\n';
}

export async function writeTypes(facts: Facts, folder: string): Promise<number> {
  const types = facts.types as Record<string, object> as Types;
  const files = new Map<string, string[]>();
  for (const full of Object.keys(types)) {
    const { file } = place(full);
    // Alpha and beta versions are not served; their shapes would be thousands of lines that nobody
    // imports.
    if (/v\d+(alpha|beta)\d+$/.test(file)) continue;
    files.set(file, [...(files.get(file) ?? []), full]);
  }
  await mkdir(folder, { recursive: true });
  for (const [file, names] of files) {
    const imports = new Map<string, string>();
    const text = names.map((n) => body(n, types, file, imports)).join('\n');
    const head = [...imports]
      .map(([f, alias]) => `import type * as ${alias} from './${f}.ts';\n`)
      .join('');
    await writeFile(
      `${folder}/${file}.ts`,
      `// Generated from the table of API facts. Do not edit.\n${head}\n${text}`,
    );
  }
  return files.size;
}

if (import.meta.main) {
  const facts = await readFacts(process.argv[2]);
  const count = await writeTypes(facts, 'internal/api/generated/types');
  await writeTables(facts, 'internal/api/generated');
  process.stdout.write(`${count} files of types\n`);
}
