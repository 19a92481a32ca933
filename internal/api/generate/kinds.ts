/**
 * Writes generated/kinds.ts, which lists every file of kinds/, and generated/refs.ts, which names
 * every built-in kind: what is in the resource table, and where it is stored.
 */
import { readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { resourcesData } from '../generated/kinds-data.ts';
import { splitApiVersion, type ResourceRow } from '../kind-info.ts';
import type { AnyKind } from '../kinds/kind.ts';

interface Found {
  /** `core/pod.ts` */
  file: string;
  /** The name it exports. */
  name: string;
  row: AnyKind;
}

const header = '// Generated from the files of internal/api/kinds. Do not edit.\n';

async function findKinds(folder: string): Promise<Found[]> {
  const found: Found[] = [];
  for (const group of (await readdir(folder, { withFileTypes: true })).filter((e) =>
    e.isDirectory(),
  ))
    for (const file of (await readdir(join(folder, group.name))).sort()) {
      if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
      const path = `${group.name}/${file}`;
      const module = (await import(pathToFileURL(resolve(folder, path)).href)) as object;
      for (const [name, row] of Object.entries(module) as [string, AnyKind][])
        found.push({ file: path, name, row });
    }
  return found.sort((a, b) => (a.file < b.file ? -1 : 1));
}

function kindsText(found: readonly Found[]): string {
  const unique = found.map((one, i) => ({ ...one, as: `k${i}` }));
  return (
    header +
    unique.map((o) => `import { ${o.name} as ${o.as} } from '../kinds/${o.file}';\n`).join('') +
    "import type { AnyKind } from '../kinds/kind.ts';\n\n" +
    `export const rows: readonly AnyKind[] = [\n${unique.map((o) => `  ${o.as},\n`).join('')}];\n`
  );
}

/** `NetworkPolicy` and `networkpolicies` -> `networkPolicies`. */
export function refName(kind: string, resource: string): string {
  const words = kind
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .split(' ');
  const singular = words
    .map((word, i) => (i ? (word[0] ?? '') : '') + word.slice(i ? 1 : 0).toLowerCase())
    .join('');
  let common = 0;
  while (singular[common]?.toLowerCase() === resource[common] && common < resource.length) common++;
  return singular.slice(0, common) + resource.slice(common);
}

const stable = /^v\d+$/;

function refsText(found: readonly Found[]): string {
  const lines = new Map<string, string>();
  const resources = resourcesData
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ResourceRow);
  for (const { row } of found) {
    const versions = resources
      .map((one) => ({ ...one, ...splitApiVersion(one.gv) }))
      .filter((one) => one.group === row.group && one.kind === row.kind);
    // The first one is the preferred one, and stable where any is.
    const one = versions.find((v) => stable.test(v.version)) ?? versions[0];
    if (!one) throw new Error(`no resource of ${row.group}/${row.kind} in the table`);
    const name = row.ref ?? refName(row.kind, one.plural);
    if (lines.has(name)) throw new Error(`two kinds are called ${name}: give one a \`ref\``);
    const text =
      `group: '${one.group}', version: '${one.version}', resource: '${one.plural}', ` +
      `kind: '${one.kind}', namespaced: ${one.ns}${row.folder ? `, folder: '${row.folder}'` : ''}`;
    lines.set(name, `  ${name}: ref({ ${text} }),\n`);
  }
  return (
    header +
    "import type { ResourceRef } from '../object.ts';\n\n" +
    'const ref = (one: ResourceRef): ResourceRef => Object.freeze(one);\n\n' +
    '/** Every built-in kind, in its preferred version. */\n' +
    `export const refs = {\n${[...lines.values()].join('')}} as const;\n`
  );
}

/** The texts of both files by name. */
export async function kindFiles(folder: string): Promise<Record<string, string>> {
  const found = await findKinds(folder);
  return { 'kinds.ts': kindsText(found), 'refs.ts': refsText(found) };
}

if (import.meta.main)
  for (const [name, text] of Object.entries(await kindFiles('internal/api/kinds')))
    await writeFile(`internal/api/generated/${name}`, text);
