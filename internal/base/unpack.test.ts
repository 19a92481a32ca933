import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { unpackBzip2 } from './bzip2.ts';
import { unpackLz4 } from './lz4.ts';

/** What `hello hello hello\n` is when `bzip2` and `lz4` have packed it. */
const hello = Buffer.from('hello hello hello\n');

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size)
    yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function all(unpack: typeof unpackLz4, bytes: Uint8Array, size = 1000): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of unpack(inPieces(bytes, size))) parts.push(part);
  return Buffer.concat(parts);
}

/** Text, runs, noise and zeros, from a small generator with a seed. */
function sample(bytes: number, seed: number): Buffer {
  const out = Buffer.alloc(bytes);
  let state = seed;
  const next = (): number => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648);
  for (let at = 0; at < bytes;) {
    const kind = next() % 4;
    const length = Math.min(bytes - at, 1 + (next() % 5000));
    if (kind === 0)
      out.write('the quick brown fox '.repeat(Math.ceil(length / 20)), at, length, 'latin1');
    else if (kind === 1) out.fill(next() % 256, at, at + length);
    else if (kind === 2) for (let i = 0; i < length; i++) out[at + i] = next() >> 8;
    at += length;
  }
  return out;
}

const pack = (program: string, args: string[], bytes: Buffer): Buffer =>
  execFileSync(program, args, { input: bytes, maxBuffer: 64 * 1024 * 1024 });
const packers: [string, typeof unpackLz4, string, string[]][] = [
  ['bzip2 -1', unpackBzip2, 'bzip2', ['-1']],
  ['bzip2 -9', unpackBzip2, 'bzip2', ['-9']],
  ['lz4', unpackLz4, 'lz4', ['-c']],
  [
    'lz4 -9 with blocks that reach back, and sizes',
    unpackLz4,
    'lz4',
    ['-9', '-BD', '--content-size', '-B4', '-c'],
  ],
  ['lz4 with checksums of blocks', unpackLz4, 'lz4', ['-BX', '-B7', '-c']],
];

describe.each(packers)('%s', (_name, unpack, program, args) => {
  test.each([0, 1, 5, 300, 70_000, 1_500_000])('%i bytes come back', async (bytes) => {
    const data = sample(bytes, bytes + 1);
    const packed = pack(program, args, data);
    expect((await all(unpack, packed)).equals(data)).toBe(true);
    expect((await all(unpack, packed, 7919)).equals(data)).toBe(true);
  });

  test('two packed one after the other are one', async () => {
    const [a, b] = [sample(5000, 1), sample(9000, 2)];
    expect(
      (await all(unpack, Buffer.concat([pack(program, args, a), pack(program, args, b)]))).equals(
        Buffer.concat([a, b]),
      ),
    ).toBe(true);
  });

  test('what is cut off is an error, wherever', async () => {
    const packed = pack(program, args, sample(3000, 3));
    for (let end = 1; end < packed.length; end += 37)
      await expect(all(unpack, packed.subarray(0, end))).rejects.toThrow(
        /unexpected end|not |damaged/,
      );
  });

  test('damage ends in an error or in bytes, never in a hang or more than a block', async () => {
    const packed = pack(program, args, sample(20_000, 4));
    for (let at = 0; at < packed.length; at += 61) {
      const bent = Buffer.from(packed);
      bent[at] = (bent[at] as number) ^ (1 << (at % 8));
      const outcome = await all(unpack, bent).then(
        (out) => out.length,
        () => -1,
      );
      expect(outcome).toBeLessThan(4_194_305 * 2);
    }
  });
});

test('what is neither is told so', async () => {
  await expect(all(unpackBzip2, hello)).rejects.toThrow('not a bzip2 stream');
  await expect(all(unpackLz4, hello)).rejects.toThrow('not an LZ4 frame');
});
