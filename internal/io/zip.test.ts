import { execFileSync } from 'node:child_process';
import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askLocal, serveLocal } from './local-socket.ts';
import { seededRandom } from './random.ts';
import { isZip, unzipFile, zipFile } from './zip.ts';

let dir: string;
const at = (name: string): string => join(dir, name);
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'skiff-zip-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('a ZIP archive of one file', () => {
  test.each([
    ['nothing', 0],
    ['a little', 100],
    ['much', 3_000_000],
  ])('holds %s and gives it back', async (_what, bytes) => {
    const content = Buffer.concat([Buffer.alloc(bytes / 2, 'a'), seededRandom(7).bytes(bytes / 2)]);
    writeFileSync(at('in'), content);
    await zipFile('test', {
      source: at('in'),
      name: 'in',
      temporary: at('.tmp'),
      target: at('out.zip'),
    });
    expect(await isZip('test', at('out.zip'))).toBe(true);
    await unzipFile('test', { source: at('out.zip'), target: at('back') });
    expect(readFileSync(at('back')).equals(content)).toBe(true);
    expect(readdirSync(dir).sort()).toEqual(['back', 'in', 'out.zip']);
  });

  test('is one that other programs read', async () => {
    writeFileSync(at('in'), 'hello'.repeat(1000));
    await zipFile('test', {
      source: at('in'),
      name: 'snapshot',
      temporary: at('.tmp'),
      target: at('out.zip'),
    });
    const read = execFileSync(process.execPath, [
      '-e',
      `
      const b = require('fs').readFileSync(process.argv[1]); const n = b.readUInt16LE(26);
      process.stdout.write(b.subarray(30, 30 + n) + ' ' + require('zlib').inflateRawSync(b.subarray(30 + n)).length)`,
      at('out.zip'),
    ]).toString();
    expect(read).toBe('snapshot 5000');
  });

  test('that is damaged or cut is refused, and nothing is left of it', async () => {
    writeFileSync(at('in'), seededRandom(9).bytes(10_000));
    await zipFile('test', {
      source: at('in'),
      name: 'in',
      temporary: at('.tmp'),
      target: at('out.zip'),
    });
    const bytes = readFileSync(at('out.zip'));
    bytes[5000] = (bytes[5000] as number) ^ 1;
    writeFileSync(at('bent.zip'), bytes);
    truncateSync(at('out.zip'), 9000);
    for (const name of ['bent.zip', 'out.zip'])
      await expect(
        unzipFile('test', { source: at(name), target: at('back') }),
      ).rejects.toMatchObject({ code: 'CORRUPT' });
    expect(readdirSync(dir).sort()).toEqual(['bent.zip', 'in', 'out.zip']);
    await expect(
      zipFile('test', { source: at('none'), name: 'x', temporary: at('.tmp'), target: at('y') }),
    ).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

test("a local socket answers its owner, tells errors, and is nobody else's", async () => {
  const server = await serveLocal('test', at('s'), async (method, path, body) => {
    if (path === '/fails') throw new Error('it went wrong');
    return { status: 200, body: { method, path, body } };
  });
  const { mode } = (await import('node:fs')).statSync(at('s'));
  expect((mode & 0o777).toString(8)).toBe('600');
  expect(
    await askLocal('test', at('s'), {
      method: 'POST',
      path: '/x',
      body: { a: 1 },
      timeoutMs: 5000,
    }),
  ).toEqual({ status: 200, body: { method: 'POST', path: '/x', body: { a: 1 } } });
  expect(
    await askLocal('test', at('s'), { method: 'GET', path: '/fails', timeoutMs: 5000 }),
  ).toEqual({ status: 500, body: { message: 'it went wrong' } });
  await server.close();
  expect(
    await askLocal('test', at('s'), { method: 'GET', path: '/', timeoutMs: 5000 }),
  ).toBeUndefined();
});
