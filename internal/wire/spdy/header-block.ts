import { dictionary } from './dictionary.ts';
import { SpdyError } from './frames.ts';
import { SyncInflate } from './inflate.ts';

export type Headers = Record<string, string>;

/** A header block larger than this, inflated, is an attack. */
const mostHeaderBytes = 256 * 1024;

/** Reads the header blocks of one connection, which share one zlib stream. */
export class HeaderReader {
  readonly #inflate = new SyncInflate(dictionary);

  read(block: Buffer): Headers {
    return parsePairs(this.#inflate.read(block, mostHeaderBytes));
  }
}

function parsePairs(plain: Buffer): Headers {
  const headers: Headers = {};
  let at = 0;
  const number = (): number => {
    if (at + 4 > plain.length) throw new SpdyError('header block ends early');
    at += 4;
    return plain.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (at + length > plain.length) throw new SpdyError('header block ends early');
    at += length;
    return plain.toString('latin1', at - length, at);
  };
  for (let left = number(); left > 0; left--) {
    const name = text().toLowerCase();
    headers[name] = (text().split('\0')[0] as string) ?? '';
  }
  return headers;
}

/** An empty stored block: Go's inflate gives out what it holds only when it meets one. */
const syncFlush = Buffer.from([0, 0, 0, 0xff, 0xff]);

/**
 * Writes header blocks as stored (uncompressed) zlib blocks: a few dozen bytes a stream are not
 * worth a compressor's 256 KB.
 */
export class HeaderWriter {
  #started = false;

  write(headers: Headers): Buffer {
    const parts: Buffer[] = [number(Object.keys(headers).length)];
    for (const [name, value] of Object.entries(headers)) {
      parts.push(
        number(name.length),
        Buffer.from(name.toLowerCase(), 'latin1'),
        number(Buffer.byteLength(value, 'latin1')),
        Buffer.from(value, 'latin1'),
      );
    }
    const plain = Buffer.concat(parts);
    if (plain.length > 0xffff) throw new SpdyError('headers are too large');
    const block = Buffer.alloc(5);
    block.writeUInt16LE(plain.length, 1);
    block.writeUInt16LE(~plain.length & 0xffff, 3);
    const start = this.#started ? Buffer.alloc(0) : Buffer.from([0x78, 0x01]);
    this.#started = true;
    return Buffer.concat([start, block, plain, syncFlush]);
  }
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}
