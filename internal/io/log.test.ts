import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { boundedWriter } from './log-file.ts';
import { makeLog } from './log.ts';

test('many lines of one kind are said some times, and then how many were not', () => {
  const lines: string[] = [];
  let now = 0;
  const log = makeLog({ level: 'info', write: (line) => lines.push(line), now: () => now });
  for (let i = 0; i < 1000; i++) log.error('request failed', { i });
  log.named('other').error('request failed');
  expect(lines.length).toBe(51);
  now = 11_000;
  log.error('request failed');
  expect(lines.at(-1)).toMatch(/request failed unsaid=950\n$/);
});

test('a line has an end, and is one line', () => {
  const lines: string[] = [];
  makeLog({ level: 'info', write: (line) => lines.push(line) }).error('x', { long: 'y'.repeat(100_000), broken: 'a\nb' });
  expect(lines[0]?.length).toBeLessThan(4200);
  expect(lines.join('').split('\n').length).toBe(2);
});

test('a file that is appended to is kept small, and nobody else may read what was cut off', () => {
  const dir = mkdtempSync(join(tmpdir(), 'log-'));
  const path = join(dir, 'skiff.log');
  const fd = openSync(path, 'a', 0o600);
  const put = boundedWriter((line) => void writeSync(fd, line), fd, { bytes: 10_000, checkEvery: 1000 });
  for (let i = 0; i < 1000; i++) put(`line ${i} ${'x'.repeat(90)}\n`);
  expect(statSync(path).size).toBeLessThan(12_000);
  expect(statSync(`${path}.1`).mode & 0o777).toBe(0o600);
  expect(statSync(`${path}.1`).size).toBeLessThan(12_000);
  expect(readFileSync(path, 'utf8')).toMatch(/line 999 x+\n$/);
  closeSync(fd);
  rmSync(dir, { recursive: true });
});

test('a file that is written at a place of its own is left alone', () => {
  const dir = mkdtempSync(join(tmpdir(), 'log-'));
  const fd = openSync(join(dir, 'log'), 'w');
  const put = boundedWriter((line) => void writeSync(fd, line), fd, { bytes: 100, checkEvery: 10 });
  for (let i = 0; i < 50; i++) put('0123456789\n');
  expect(statSync(join(dir, 'log')).size).toBe(550);
  closeSync(fd);
  rmSync(dir, { recursive: true });
});
