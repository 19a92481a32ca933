import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

type Row = Record<string, unknown>;

/** The table of API facts; README.md explains its keys and where it is from. */
export interface Facts {
  types: Record<string, Row & { f?: Row[] }>;
  enums: Record<string, { enum?: 1; v?: unknown[] }>;
  kinds: Record<string, string>;
  groups: Row[];
  resources: Row[];
  columns: Row;
  systemObjects: Row;
}

/** The table of the repository, or the one at `path` (plain JSON). */
export async function readFacts(path?: string): Promise<Facts> {
  const text = path
    ? await readFile(path, 'utf8')
    : gunzipSync(await readFile(join(import.meta.dirname, 'facts.json.gz'))).toString();
  return JSON.parse(text) as Facts;
}
