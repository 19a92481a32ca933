import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { memoryLimitBytes } from './memory-limit.ts';

const mebibyte = 1024 ** 2;

function limitOf(files: Record<string, string>): number | undefined {
  const root = mkdtempSync(join(tmpdir(), 'limit-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const limit = memoryLimitBytes(root, 1024 * mebibyte);
  rmSync(root, { recursive: true });
  return limit === undefined ? undefined : limit / mebibyte;
}

const service = 'sys/fs/cgroup/memory/system.slice/skiff.service';

it.each([
  [
    'version 1',
    {
      'proc/self/cgroup': '9:cpu:/x\n7:memory:/system.slice/skiff.service\n',
      [`${service}/memory.limit_in_bytes`]: `${128 * mebibyte}\n`,
    },
    128,
  ],
  [
    'version 1 without a limit',
    {
      'proc/self/cgroup': '7:memory:/\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
    },
    undefined,
  ],
  [
    'version 2',
    {
      'proc/self/cgroup': '0::/a\n',
      'sys/fs/cgroup/a/memory.max': 'max\n',
      'sys/fs/cgroup/a/memory.high': `${200 * mebibyte}\n`,
    },
    200,
  ],
  [
    'a limit above',
    {
      'proc/self/cgroup': '0::/a/b\n',
      'sys/fs/cgroup/a/memory.max': `${256 * mebibyte}\n`,
      'sys/fs/cgroup/a/b/memory.max': 'max\n',
    },
    256,
  ],
  [
    'a cgroup outside the namespace',
    { 'proc/self/cgroup': '0::/../../x\n', 'sys/fs/cgroup/memory.max': 'max\n' },
    undefined,
  ],
  [
    'more than the machine has',
    { 'proc/self/cgroup': '0::/a\n', 'sys/fs/cgroup/a/memory.max': `${4096 * mebibyte}\n` },
    undefined,
  ],
  ['nothing to read', {}, undefined],
])('the memory limit of %s', (_name, files, wanted) => {
  expect(limitOf(files)).toBe(wanted);
});
