import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readBytes } from './read-bytes.ts';

test('reads files and tables of the kernel', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'skiff-read-'));
  writeFileSync(join(dir, 'file'), 'what it says');
  expect(String(await readBytes(join(dir, 'file')))).toBe('what it says');
  rmSync(dir, { recursive: true });
  expect(String(await readBytes('/proc/meminfo'))).toMatch(/^MemTotal:/);
  expect(String(await readBytes('/proc/self/mountinfo'))).toContain(' / ');
});

test.each(['/no/such/file', '/proc/net/route/x'])('%s is an error of its reader', async (path) => {
  await expect(readBytes(path)).rejects.toThrow(/ENOENT|ENOTDIR/);
});
