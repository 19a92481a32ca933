import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realDisk } from './disk.ts';

describe.skipIf(process.getuid?.() !== 0)('a disk that takes nothing more', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'skiff-disk-'));
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', dir]).status).toBe(0);
  });
  afterEach(() => {
    spawnSync('umount', ['-l', dir]);
    rmSync(dir, { recursive: true, force: true });
  });

  const file = (): string => join(dir, 'file');
  const write = (text: string, mode = 0o600): Promise<void> =>
    realDisk.writeAtomic('test', file(), text, { mode });

  it.each([
    [
      'full',
      'ENOSPC',
      () =>
        spawnSync('bash', [
          '-c',
          `dd if=/dev/zero of=${join(dir, 'ballast')} bs=4096 2>/dev/null; :`,
        ]),
    ],
    ['read-only', 'EROFS', () => spawnSync('mount', ['-o', 'remount,ro', dir])],
  ] as const)(
    'keeps a file that is %s as it was, and calls it written when it holds the same',
    async (_name, code, spoil) => {
      await write('what it says');
      spoil();
      await write('what it says');
      await expect(write('what it says', 0o644)).rejects.toMatchObject({ code });
      await expect(write('another')).rejects.toMatchObject({ code });
      expect(readFileSync(file(), 'utf8')).toBe('what it says');
      expect(statSync(file()).mode & 0o777).toBe(0o600);
      expect(readdirSync(dir).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    },
  );

  it('leaves no half of a file behind that did not fit', async () => {
    await expect(realDisk.writeAtomic('test', file(), Buffer.alloc(2 << 20))).rejects.toMatchObject(
      { code: 'ENOSPC' },
    );
    expect(readdirSync(dir)).toEqual([]);
    writeFileSync(file(), 'fits');
  });
});
