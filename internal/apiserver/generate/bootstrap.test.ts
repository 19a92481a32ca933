import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readFacts } from '../../api/generate/facts.ts';
import { bootstrapText } from './bootstrap.ts';

test('the default roles are as generated', async () => {
  const path = join(import.meta.dirname, '../generated/bootstrap-policy.ts');
  expect(bootstrapText(await readFacts()) === (await readFile(path, 'utf8'))).toBe(true);
});
