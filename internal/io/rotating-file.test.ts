import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RotatingFile } from './rotating-file.ts';

let dir: string;
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'rotating-'))));
afterAll(() => rm(dir, { recursive: true }));

const never = (lines: number, why: string): void => expect.fail(`${lines} lines lost: ${why}`);

test('old files are put aside, and only so many kept', async () => {
  const file = new RotatingFile({
    path: join(dir, 'a', 'audit.log'),
    maxBytes: 100,
    maxBackups: 2,
    maxAgeMs: 0,
    lost: never,
  });
  await file.open();
  for (let i = 0; i < 12; i++) {
    file.write(`${i} ${'x'.repeat(40)}`);
    // The names of older files have milliseconds.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await file.close();
  const names = (await readdir(join(dir, 'a'))).sort();
  expect(names).toHaveLength(3);
  expect(
    names
      .slice(0, 2)
      .every((name) => /^audit-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log$/.test(name)),
  ).toBe(true);
  expect(await readFile(join(dir, 'a', 'audit.log'), 'utf8')).toMatch(/^10 x+\n11 x+\n$/);
});

test('files of others stay, old ones of its own go by age', async () => {
  const old = 'audit-2020-01-01T00-00-00.000.log';
  for (const name of [old, 'audit-notes.log', 'other.log']) await writeFile(join(dir, name), 'x');
  const file = new RotatingFile({
    path: join(dir, 'audit.log'),
    maxBytes: 10,
    maxBackups: 0,
    maxAgeMs: 24 * 60 * 60 * 1000,
    lost: never,
  });
  await file.open();
  file.write('one line');
  await new Promise((resolve) => setTimeout(resolve, 20));
  file.write('another line');
  await file.close();
  const names = await readdir(dir);
  expect(names).not.toContain(old);
  expect(names).toEqual(expect.arrayContaining(['audit-notes.log', 'other.log', 'audit.log']));
});

test('it goes on where it was, in order, whatever comes at once', async () => {
  const path = join(dir, 'again.log');
  for (const half of [0, 1]) {
    const file = new RotatingFile({ path, maxBytes: 1e6, maxBackups: 0, maxAgeMs: 0, lost: never });
    await file.open();
    for (let i = 0; i < 500; i++) file.write(String(half * 500 + i));
    await file.close();
  }
  expect((await readFile(path, 'utf8')).trim().split('\n').map(Number)).toEqual(
    Array.from({ length: 1000 }, (_, i) => i),
  );
});

test('what does not fit into memory is lost and said', () => {
  let lost = 0;
  const file = new RotatingFile({
    path: join(dir, 'slow.log'),
    maxBytes: 1e6,
    maxBackups: 0,
    maxAgeMs: 0,
    maxPendingBytes: 100,
    lost: (lines) => (lost += lines),
  });
  for (let i = 0; i < 100; i++) file.write('x'.repeat(10));
  expect(lost).toBe(89);
  return file.close();
});
