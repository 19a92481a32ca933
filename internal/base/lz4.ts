import { ByteWindow } from './byte-window.ts';

/** https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md */
const magic = 0x184d2204;
const skippable = 0x184d2a50;
const uncompressed = 0x80000000;
/** How far back a block may reach into the ones before it. */
const historyBytes = 65_536;
const blockBytes: Record<number, number> = { 4: 65_536, 5: 262_144, 6: 1_048_576, 7: 4_194_304 };

/**
 * Unpacks frames of LZ4, one after another. Checksums are not looked at: an archive has its own
 * digests.
 */
export async function* unpackLz4(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const window = new ByteWindow(source);
  do {
    const mark = (await window.take(4)).readUInt32LE();
    if ((mark & 0xfffffff0) >>> 0 === skippable)
      await skip(window, (await window.take(4)).readUInt32LE());
    else if (mark === magic) yield* frame(window);
    else throw new Error('not an LZ4 frame');
  } while ((await window.ahead(1)) > 0);
}

async function skip(window: ByteWindow, count: number): Promise<void> {
  for (let left = count; left > 0; left -= historyBytes)
    await window.take(Math.min(left, historyBytes));
}

async function* frame(window: ByteWindow): AsyncGenerator<Buffer> {
  const [flags = 0, descriptor = 0] = await window.take(2);
  const most = blockBytes[(descriptor >> 4) & 7];
  if (flags >> 6 !== 1 || most === undefined) throw new Error('LZ4 frame of an unknown version');
  if (flags & 1) throw new Error('LZ4 frame that needs a dictionary');
  const [blockChecksum, contentSize, contentChecksum] = [
    (flags & 16) !== 0,
    (flags & 8) !== 0,
    (flags & 4) !== 0,
  ];
  await window.take((contentSize ? 8 : 0) + 1);
  let history: Buffer = Buffer.alloc(0);
  for (;;) {
    const head = (await window.take(4)).readUInt32LE();
    if (head === 0) break;
    const size = (head & ~uncompressed) >>> 0;
    if (size > most) throw new Error('LZ4 block that is larger than its frame allows');
    const packed = await window.take(size);
    const block = head >= uncompressed ? Buffer.from(packed) : unpackBlock(packed, history, most);
    yield block;
    history = Buffer.concat([history, block]).subarray(-historyBytes);
    if (blockChecksum) await window.take(4);
  }
  if (contentChecksum) await window.take(4);
}

/** Sequences of literals and of copies from what was unpacked before. */
function unpackBlock(packed: Buffer, history: Buffer, most: number): Buffer {
  const out = Buffer.allocUnsafe(history.length + most);
  history.copy(out);
  let to = history.length;
  let at = 0;
  const length = (nibble: number): number => {
    let sum = nibble;
    if (nibble === 15) for (let more = 255; more === 255; sum += more) more = byteAt(packed, at++);
    return sum;
  };
  while (at < packed.length) {
    const token = byteAt(packed, at++);
    const literals = length(token >> 4);
    if (at + literals > packed.length || to + literals > out.length)
      throw new Error('damaged LZ4 block');
    packed.copy(out, to, at, at + literals);
    at += literals;
    to += literals;
    if (at >= packed.length) break;
    const offset = byteAt(packed, at) + (byteAt(packed, at + 1) << 8);
    at += 2;
    const copied = length(token & 15) + 4;
    if (offset === 0 || offset > to || to + copied > out.length)
      throw new Error('damaged LZ4 block');
    // Byte by byte where source and target overlap: that is how runs are written.
    if (offset >= copied) out.copyWithin(to, to - offset, to - offset + copied);
    else for (let i = 0; i < copied; i++) out[to + i] = out[to + i - offset] as number;
    to += copied;
  }
  return out.subarray(history.length, to);
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new Error('damaged LZ4 block');
  return byte;
}
