import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './bundle.ts';
import { strip } from './strip.ts';

const node = realpathSync(join(root, `node_modules/node-linux-${process.arch}/bin/node`));

test('Node runs without what only a debugger reads, and there is no more to take', () => {
  const dir = mkdtempSync(join(tmpdir(), 'strip-'));
  try {
    const whole = readFileSync(node);
    const bare = strip(whole);
    expect(bare.length).toBeLessThan(whole.length * 0.9);
    writeFileSync(join(dir, 'node'), bare, { mode: 0o755 });
    expect(
      spawnSync(
        join(dir, 'node'),
        [
          '-p',
          '[process.version, ' +
            'require("node:crypto").createHash("sha256").update("").digest("hex").slice(0, ' +
            '8)].join()',
        ],
        { encoding: 'utf8' },
      ).stdout,
    ).toBe(`${process.version},e3b0c442\n`);
    expect(strip(bare).equals(bare)).toBe(true);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('what is not such a file is refused', () => {
  expect(() => strip(Buffer.from('#!/bin/sh\n'.repeat(20)))).toThrow('not an ELF file');
});
