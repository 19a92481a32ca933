import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { reclaimPages } from './reclaim-pages.ts';

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'skiff-reclaim-'))));
afterEach(() => rmSync(root, { recursive: true }));

function machine(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}
const text = (path: string): string => readFileSync(join(root, path), 'utf8');
const swaps = 'Filename Type Size Used Priority\n';
const first = 'sys/fs/cgroup/memory/system.slice/skiff.service/memory.force_empty';
const second = 'sys/fs/cgroup/system.slice/skiff.service/';
const stat = 'anon 1000\ninactive_anon 5\nactive_file 3000\ninactive_file 40\n';

describe('reclaimPages()', () => {
  it('asks for the pages of its own control group, of either version', async () => {
    machine({
      'proc/self/cgroup': '9:memory:/system.slice/skiff.service\n2:cpu:/x\n0::/\n',
      'proc/swaps': swaps,
      [first]: '',
    });
    expect(await reclaimPages(root)).toBe(true);
    expect(text(first)).toBe('0');
    machine({
      'proc/self/cgroup': '0::/system.slice/skiff.service\n',
      [`${second}cgroup.type`]: 'domain\n',
      [`${second}memory.stat`]: stat,
      [`${second}memory.reclaim`]: '',
    });
    expect(await reclaimPages(root)).toBe(true);
    expect(text(`${second}memory.reclaim`)).toBe('3040 swappiness=0');
  });

  it('leaves swap, sessions and the root alone', async () => {
    machine({
      'proc/self/cgroup': '9:memory:/system.slice/skiff.service\n',
      'proc/swaps': `${swaps}/dev/sda2 partition 1 0 -2\n`,
      [first]: '',
    });
    expect(await reclaimPages(root)).toBe(false);
    const session = 'user.slice/user-0.slice/session-1.scope';
    machine({
      'proc/self/cgroup': `9:memory:/${session}\n`,
      'proc/swaps': swaps,
      [`sys/fs/cgroup/memory/${session}/memory.force_empty`]: '',
    });
    expect(await reclaimPages(root)).toBe(false);
    machine({
      'proc/self/cgroup': '0::/\n',
      'sys/fs/cgroup/memory.stat': stat,
      'sys/fs/cgroup/memory.reclaim': '',
    });
    expect(await reclaimPages(root)).toBe(false);
    expect([text(first), text('sys/fs/cgroup/memory.reclaim')]).toEqual(['', '']);
  });

  it('does nothing where there is nothing of the kind', async () => {
    expect(await reclaimPages(root)).toBe(false);
  });
});
