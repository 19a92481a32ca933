import { once } from 'node:events';
import { constants, createDeflate } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dictionary } from './dictionary.ts';
import { SpdyError } from './frames.ts';
import { SyncInflate } from './inflate.ts';

/** The pieces of one zlib stream, as Go's writer makes them by Flush. */
async function piecesOf(texts: readonly Buffer[], preset: boolean): Promise<Buffer[]> {
  const deflate = createDeflate(preset ? { dictionary } : {});
  const pieces: Buffer[] = [];
  for (const text of texts) {
    deflate.write(text);
    deflate.flush(constants.Z_SYNC_FLUSH);
    const parts: Buffer[] = [];
    do {
      const part = deflate.read() as Buffer | null;
      if (part) parts.push(part);
      else await once(deflate, 'readable');
    } while (
      !Buffer.concat(parts)
        .subarray(-4)
        .equals(Buffer.from([0, 0, 0xff, 0xff]))
    );
    pieces.push(Buffer.concat(parts));
  }
  deflate.destroy();
  return pieces;
}

const words = fc
  .array(fc.constantFrom('streamtype', 'stdin', 'stdout', 'port', '10250', 'requestid', 'é'))
  .map((some) => Buffer.from(some.join(' ') || '-'));

test('gives back what was deflated, piece for piece, over more than a window', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(words, { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      fc.constantFrom(0, 40_000),
      async (texts, preset, before) => {
        const all = [Buffer.alloc(before + 1, 'streamtype port '), ...texts];
        const inflate = new SyncInflate(dictionary);
        for (const [i, piece] of (await piecesOf(all, preset)).entries())
          expect(inflate.read(piece, 65_536)).toEqual(all[i]);
      },
    ),
    { numRuns: 60 },
  );
});

test('a piece that would become too large is refused before it is there', async () => {
  const [bomb] = await piecesOf([Buffer.alloc(8 * 1024 * 1024)], true);
  expect(() => new SyncInflate(dictionary).read(bomb!, 256 * 1024)).toThrow(SpdyError);
});

test('broken data is refused', async () => {
  const [piece] = await piecesOf([Buffer.from('streamtype')], true);
  const reserved = Buffer.concat([piece!.subarray(0, 6), Buffer.from([0b111, 0, 0, 0])]);
  for (const wrong of [Buffer.alloc(0), Buffer.from('GET'), reserved])
    expect(() => new SyncInflate(dictionary).read(wrong, 1000)).toThrow(SpdyError);
});

/** Whatever a peer sends: an answer or a SpdyError, never more than asked for. */
test('any bytes are survived', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (pieces) => {
      const inflate = new SyncInflate(dictionary);
      try {
        pieces.forEach((piece, i) => {
          const head = i === 0 ? [Buffer.from([0x78, 0xbb]), Buffer.alloc(4)] : [];
          expect(inflate.read(Buffer.concat([...head, piece]), 5000).length).toBeLessThan(5001);
        });
      } catch (error) {
        expect(error).toBeInstanceOf(SpdyError);
      }
    }),
  );
});
