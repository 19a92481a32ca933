import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
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
  makeLog({ level: 'info', write: (line) => lines.push(line) }).error('x', {
    long: 'y'.repeat(100_000),
    broken: 'a\nb',
  });
  expect(lines[0]?.length).toBeLessThan(4200);
  expect(lines.join('').split('\n').length).toBe(2);
});

test('a file that is appended to is kept small, and nobody else may read what was cut off', () => {
  const dir = mkdtempSync(join(tmpdir(), 'log-'));
  const path = join(dir, 'skiff.log');
  const fd = openSync(path, 'a', 0o600);
  const put = boundedWriter((line) => void writeSync(fd, line), fd, {
    bytes: 10_000,
    checkEvery: 1000,
  });
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

test.skipIf(process.getuid?.() !== 0)(
  'a log whose disk is full costs lines and nothing else, and goes on when there is room',
  () => {
    const dir = mkdtempSync(join(tmpdir(), 'log-'));
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', dir]).status).toBe(0);
    try {
      writeFileSync(join(dir, 'ballast'), Buffer.alloc(60 * 1024));
      const program = `
      import { rmSync } from 'node:fs';
      import { makeLog } from ${JSON.stringify(join(import.meta.dirname, 'log.ts'))};
      const log = makeLog({ level: 'info' });
      for (let i = 0; i < 20; i++) log.info('line ' + i, { long: 'x'.repeat(1000) });
      setTimeout(() => {
        rmSync(${JSON.stringify(join(dir, 'ballast'))});
        log.info('room again');
      }, 100);
    `;
      const fd = openSync(join(dir, 'skiff.log'), 'a', 0o600);
      const done = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
        stdio: ['ignore', 'ignore', fd],
      });
      closeSync(fd);
      expect(done.status).toBe(0);
      expect(readFileSync(join(dir, 'skiff.log'), 'utf8')).toMatch(/line 0 [^]*room again\n$/);
    } finally {
      spawnSync('umount', ['-l', dir]);
      rmSync(dir, { recursive: true, force: true });
    }
  },
);

test.skipIf(process.getuid?.() !== 0)(
  'a log for whose copy there is no room is cut all the same',
  () => {
    const dir = mkdtempSync(join(tmpdir(), 'log-'));
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', dir]).status).toBe(0);
    try {
      const path = join(dir, 'skiff.log');
      const fd = openSync(path, 'a', 0o600);
      const put = boundedWriter((line) => void writeSync(fd, line), fd, {
        bytes: 40_000,
        checkEvery: 1000,
      });
      for (let i = 0; i < 100; i++) put(`line ${i} ${'x'.repeat(500)}\n`);
      // Without the cut only some 130 lines would fit.
      expect(existsSync(`${path}.1`)).toBe(false);
      expect(statSync(path).size).toBeLessThan(20_000);
      expect(readFileSync(path, 'utf8')).toMatch(/line 99 x+\n$/);
      closeSync(fd);
    } finally {
      spawnSync('umount', ['-l', dir]);
      rmSync(dir, { recursive: true, force: true });
    }
  },
);
