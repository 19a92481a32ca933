import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

function run(program: string, ...args: string[]): { status: number | null; output: string } {
  const done = spawnSync(join(root, 'node_modules/.bin', program), args, {
    cwd: root,
    encoding: 'utf8',
  });
  return { status: done.status, output: done.stdout + done.stderr };
}

test('the types hold', { timeout: 180_000 }, () => {
  const { status, output } = run('tsc', '--noEmit');
  expect(status === 0 ? '' : output).toBe('');
});

test('the linter finds nothing', { timeout: 180_000 }, () => {
  const { status, output } = run('oxlint', '--type-aware');
  expect(status === 0 ? '' : output).toBe('');
});

test('the code is written as the formatter writes it', { timeout: 180_000 }, () => {
  const { status, output } = run('oxfmt', '--check');
  expect(status === 0 ? '' : output).toBe('');
});
