import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';

/**
 * Turns upstream's CRI v1 description into the compact facts and TypeScript shapes in ../generated.
 * Run: node generate.ts PATH/TO/runtime/v1/api.proto (k8s.io/cri-api at the level the project
 * speaks).
 */
const source = process.argv[2];
if (!source) throw new Error('which api.proto?');
const target = join(import.meta.dirname, '../generated');
const root = protobuf.parse(readFileSync(source, 'utf8'), { keepCase: false }).root;
root.resolveAll();
const namespace = root.lookup('runtime.v1') as protobuf.Namespace;

const all = namespace.nestedArray;
const types = all.filter((x): x is protobuf.Type => x instanceof protobuf.Type);
const enums = [...all, ...types.flatMap((t) => t.nestedArray)].filter(
  (x): x is protobuf.Enum => x instanceof protobuf.Enum,
);
const services = all.filter((x): x is protobuf.Service => x instanceof protobuf.Service);

/** Nanosecond timestamps pass 2^53: they, and only they, become bigint. */
const isNanos = (f: protobuf.Field): boolean =>
  f.type === 'int64' && /(At|[tT]imestamp)$/.test(f.name);

function token(f: protobuf.Field): string {
  if (f.resolvedType instanceof protobuf.Type) return `.${f.resolvedType.name}`;
  if (f.resolvedType instanceof protobuf.Enum) return 'enum';
  return isNanos(f) ? 'nanos' : f.type;
}

function tsType(f: protobuf.Field): string {
  if (f.resolvedType) return f.resolvedType.name;
  if (f.type === 'string') return 'string';
  if (f.type === 'bool') return 'boolean';
  if (f.type === 'bytes') return 'Uint8Array';
  return isNanos(f) ? 'bigint' : 'number';
}

/**
 * Types that requests reach are written by us, so everything in them may be left out; the rest is
 * only read.
 */
const written = new Set<string>();
const reach = (t: protobuf.Type): void => {
  if (written.has(t.name)) return;
  written.add(t.name);
  for (const f of t.fieldsArray) if (f.resolvedType instanceof protobuf.Type) reach(f.resolvedType);
};
for (const t of types) if (t.name.endsWith('Request')) reach(t);

function fieldFact(f: protobuf.Field): string {
  const shape =
    f instanceof protobuf.MapField ? `{${token(f)}` : f.repeated ? `[${token(f)}` : token(f);
  return `${f.name} ${f.id} ${shape}`;
}

function fieldShape(t: protobuf.Type, f: protobuf.Field): string {
  const single = tsType(f);
  const type =
    f instanceof protobuf.MapField
      ? `Record<string, ${single}>`
      : f.repeated
        ? `${single}[]`
        : single;
  const optional =
    written.has(t.name) ||
    (f.resolvedType instanceof protobuf.Type && !f.repeated && !(f instanceof protobuf.MapField));
  return `  ${f.name}${optional ? '?' : ''}: ${type};`;
}

const head =
  '// Written by ../generate/generate.ts from the facts of k8s.io/cri-api runtime/v1. Do not ' +
  'edit.\n';
const facts = types
  .map((t) => `  ${t.name}: '${t.fieldsArray.map(fieldFact).join(', ')}',`)
  .join('\n');
writeFileSync(
  join(target, 'messages.ts'),
  `${head}\n/** Field name, number and kind of every message; \`[\` a list, \`{\` a map from ` +
    `string, \`.\` a message. */\nexport const criMessages: Record<string, string> = {\n` +
    `${facts}\n};\n`,
);

const shapes = types
  .map(
    (t) =>
      `export interface ${t.name} {\n${t.fieldsArray.map((f) => fieldShape(t, f)).join('\n')}\n}`,
  )
  .join('\n\n');
const constants = enums
  .map(
    (e) =>
      `export const ${e.name} = {\n${Object.entries(e.values)
        .map(([k, v]) => `  ${k}: ${v},`)
        .join('\n')}\n} as const;\nexport type ${e.name} = number;`,
  )
  .join('\n\n');
writeFileSync(join(target, 'types.ts'), `${head}\n${constants}\n\n${shapes}\n`);

const calls: string[] = [];
const table: string[] = [];
for (const s of services) {
  for (const m of s.methodsArray) {
    if (m.responseStream && m.name !== 'GetContainerEvents') continue;
    const key = m.name[0]!.toLowerCase() + m.name.slice(1);
    calls.push(`  ${key}: { request: t.${m.requestType}; response: t.${m.responseType} };`);
    table.push(
      `  ${key}: ['/runtime.v1.${s.name}/${m.name}', '${m.requestType}', '${m.responseType}'],`,
    );
  }
}
writeFileSync(
  join(target, 'methods.ts'),
  `${head}\nimport type * as t from './types.ts';\n\n/** What each call takes and gives. */\n` +
    `export interface CriCalls {\n${calls.join('\n')}\n}\n\n/** Path, request message and ` +
    'response message of each call. */\nexport const criMethods: Record<keyof CriCalls, ' +
    `readonly [string, string, string]> = {\n${table.join('\n')}\n};\n`,
);
