/**
 * Writes the compact tables under internal/api/generated from the table of API facts: one line per
 * type, parsed only when the type is first used, so that starting the server costs nothing per
 * kind.
 */
import { writeFile } from 'node:fs/promises';
import type { Facts } from './facts.ts';

type Row = Record<string, unknown>;
const keptOfType = ['jo', 'tm', 'sp', 'wrap', 'st'];
const keptOfField = [
  'n',
  'p',
  't',
  'e',
  'ptr',
  'oe',
  'oz',
  'req',
  'inl',
  'lt',
  'lk',
  'mt',
  'st',
  'ps',
  'pk',
  'd',
  'dep',
];
const header = '// Generated from the table of API facts. Do not edit.\n';

/** The two longest prefixes are written as one sign; the reader in type-table.ts puts them back. */
function shortName(full: string): string {
  return full.replace('io.k8s.apimachinery.pkg.apis.meta.v1.', '#').replace('io.k8s.api.', '@');
}

function pick(row: Row, keys: readonly string[]): Row {
  const out: Row = {};
  for (const key of keys) if (row[key] !== undefined) out[key] = row[key];
  return out;
}

function field(row: Row): Row {
  const out = pick(row, keptOfField);
  out['t'] = shortName(String(row['t']));
  if (out['e']) out['e'] = shortName(String(out['e']));
  if (out['inl'] && !out['n']) delete out['n'];
  return out;
}

/**
 * Values of declared defaults and enumerations hold no backquote, so a raw template holds them as
 * they are.
 */
function rawText(lines: string[]): string {
  const text = lines.join('\n');
  if (text.includes('`') || text.includes('${'))
    throw new Error('a table cannot hold a template sign');
  return `String.raw\`\n${text}\n\``;
}

function typeLines(facts: Facts): string[] {
  return Object.entries(facts.types).map(([name, type]) => {
    const row: Row = pick(type, keptOfType);
    if (Array.isArray(row['jo']))
      row['jo'] = row['jo'].map((n) =>
        String(n).startsWith('*') ? `*${shortName(String(n).slice(1))}` : n,
      );
    if (row['wrap']) row['wrap'] = shortName(String(row['wrap']));
    if (type.f) row['f'] = type.f.map(field);
    return `${shortName(name)} ${JSON.stringify(row)}`;
  });
}

/** Only closed sets: these are the ones OpenAPI publishes. */
function enumLines(facts: Facts): string[] {
  return Object.entries(facts.enums)
    .filter(([, e]) => e.enum)
    .map(([name, e]) => `${shortName(name)} ${JSON.stringify(e.v)}`);
}

export async function writeTables(facts: Facts, folder: string): Promise<void> {
  const json = (value: unknown): string => rawText([JSON.stringify(value)]);
  const rows = (list: Row[]): string => rawText(list.map((row) => JSON.stringify(row)));
  const kinds = Object.entries(facts.kinds).map(([gvk, type]) => `${gvk} ${shortName(type)}`);
  await writeFile(
    `${folder}/types-data.ts`,
    `${header}export const typesData = ${rawText(typeLines(facts))};\n\nexport const ` +
      `enumsData = ${rawText(enumLines(facts))};\n`,
  );
  await writeFile(
    `${folder}/kinds-data.ts`,
    `${header}export const kindsData = ${rawText(kinds)};\n\nexport const groupsData = ` +
      `${rows(facts.groups)};\n\nexport const resourcesData = ${rows(facts.resources)};\n`,
  );
  await writeFile(
    `${folder}/columns-data.ts`,
    `${header}export const columnsData = ${json(facts.columns)};\n`,
  );
}
