import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readFacts } from './facts.ts';
import { writeTables } from './tables.ts';
import { writeTypes } from './types.ts';

let dir: string;
const generated = join(import.meta.dirname, '../generated');
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'skiff-generate-'))));
afterAll(() => rm(dir, { recursive: true }));

/** generated/kinds.ts and refs.ts come from the kinds: kinds/kinds.test.ts looks at them. */
const others = new Set(['kinds.ts', 'refs.ts', 'types']);

test('what is generated is what is in the repository', async () => {
  const facts = await readFacts();
  await writeTables(facts, dir);
  await writeTypes(facts, join(dir, 'types'));
  const files = async (folder: string): Promise<string[]> =>
    (await readdir(folder)).filter((name) => !others.has(name)).sort();
  for (const folder of ['.', 'types']) {
    const names = await files(join(dir, folder));
    expect(names).toEqual(await files(join(generated, folder)));
    for (const name of names)
      expect(
        (await readFile(join(dir, folder, name), 'utf8')) ===
          (await readFile(join(generated, folder, name), 'utf8')),
        name,
      ).toBe(true);
  }
});
