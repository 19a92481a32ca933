import { createDeflateRaw, createInflateRaw, crc32 } from 'node:zlib';
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { IoError } from '../base/errors.ts';
import { openReader, type FileReader } from './file-reader.ts';
import { openWriter, type FileWriter } from './file-writer.ts';

/**
 * A ZIP archive of one file (PKWARE's APPNOTE.TXT, sections 4.3 to 4.4), piece by piece: what
 * `unzip` opens. Not promised: 4 GiB and more. Deflate is node:zlib's; libraries that make the
 * container deflate in JavaScript, or hold all of it in memory.
 */

const localHeaderBytes = 30;
const directoryHeaderBytes = 46;
const descriptorBytes = 16;
const endBytes = 22;
/** "Checksum and sizes follow the bytes": they are not known before. */
const sizesFollow = 8;
const signatures = {
  local: 0x04034b50,
  descriptor: 0x08074b50,
  directory: 0x02014b50,
  end: 0x06054b50,
};
const deflated = 8;
const version = 20;
const pieceBytes = 256 * 1024;
const largest = 0xffffffff;
/**
 * 1 January 1980, the first day that the format knows: an archive of the same bytes is the same
 * archive.
 */
const noDate = 0x21;

interface Entry {
  name: Buffer;
  crc: number;
  packed: number;
  bytes: number;
}

/**
 * Packs `source` as `name` into a new file at `target`, durable when it resolves. `temporary` must
 * lie beside it.
 */
export async function zipFile(
  op: string,
  options: { source: string; name: string; temporary: string; target: string },
): Promise<void> {
  const source = await opened(op, options.source);
  const out = await openWriter(op, options.temporary);
  try {
    const bytes = await source.size();
    const name = Buffer.from(options.name);
    await out.write(header({ name, crc: 0, packed: 0, bytes: 0 }, 'local'));
    const entry: Entry = {
      name,
      bytes,
      ...(await pack(source, bytes, (piece) => out.write(piece))),
    };
    if (bytes > largest || entry.packed > largest)
      throw new IoError(`${options.source} is too large for a ZIP archive`, {
        op,
        hint: 'take it without compression',
      });
    await out.write(descriptor(entry));
    await out.write(header(entry, 'directory'));
    await out.write(end(entry));
    await out.finish(options.target);
  } finally {
    await out.discard();
    await source.close();
  }
}

/** Unpacks the one file in the archive at `source` into a new file at `target`, and checks it. */
export async function unzipFile(
  op: string,
  options: { source: string; target: string },
): Promise<void> {
  const source = await opened(op, options.source);
  let out: FileWriter | undefined;
  try {
    const { entry, at } = await directory(op, options.source, source);
    out = await openWriter(op, `${options.target}.unpack`);
    const writer = out;
    let crc = 0;
    let bytes = 0;
    const take = async (piece: Buffer): Promise<void> => {
      crc = crc32(piece, crc);
      bytes += piece.length;
      await writer.write(piece);
    };
    await through(pieces(source, at, entry.packed), createInflateRaw(), take).catch(
      (cause: unknown) => {
        throw damaged(op, options.source, cause);
      },
    );
    if (crc !== entry.crc || bytes !== entry.bytes) throw damaged(op, options.source);
    await out.finish(options.target);
  } finally {
    await out?.discard();
    await source.close();
  }
}

/** True when the file begins as an archive does. */
export async function isZip(op: string, path: string): Promise<boolean> {
  const file = await opened(op, path);
  try {
    const head = await file.read(0, 4);
    return head.length === 4 && head.readUInt32LE(0) === signatures.local;
  } finally {
    await file.close();
  }
}

async function opened(op: string, path: string): Promise<FileReader> {
  const file = await openReader(op, path);
  if (!file) throw new IoError(`${path}: no such file`, { op, code: 'ENOENT' });
  return file;
}

async function pack(
  source: FileReader,
  bytes: number,
  take: (piece: Buffer) => Promise<void>,
): Promise<{ crc: number; packed: number }> {
  let crc = 0;
  let packed = 0;
  const read = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of pieces(source, 0, bytes)) {
      crc = crc32(piece, crc);
      yield piece;
    }
  };
  await through(read(), createDeflateRaw(), async (piece) => {
    packed += piece.length;
    await take(piece);
  });
  return { crc, packed };
}

async function* pieces(source: FileReader, from: number, bytes: number): AsyncGenerator<Buffer> {
  for (let at = from; at < from + bytes;) {
    const piece = await source.read(at, Math.min(pieceBytes, from + bytes - at));
    if (piece.length === 0) return;
    at += piece.length;
    yield piece;
  }
}

async function through(
  from: AsyncGenerator<Buffer>,
  codec: Transform,
  take: (piece: Buffer) => Promise<void>,
): Promise<void> {
  await pipeline(from, codec, async (packed: AsyncIterable<Buffer>) => {
    for await (const piece of packed) await take(piece);
  });
}

function header({ name, crc, packed, bytes }: Entry, kind: 'local' | 'directory'): Buffer {
  const directory = kind === 'directory';
  const head = Buffer.alloc(directory ? directoryHeaderBytes : localHeaderBytes);
  head.writeUInt32LE(signatures[kind], 0);
  let at = 4;
  if (directory) at = head.writeUInt16LE(version, at);
  at = head.writeUInt16LE(version, at);
  at = head.writeUInt16LE(sizesFollow, at);
  at = head.writeUInt16LE(deflated, at);
  at = head.writeUInt16LE(0, at);
  at = head.writeUInt16LE(noDate, at);
  at = head.writeUInt32LE(crc, at);
  at = head.writeUInt32LE(packed, at);
  at = head.writeUInt32LE(bytes, at);
  head.writeUInt16LE(name.length, at);
  return Buffer.concat([head, name]);
}

function descriptor({ crc, packed, bytes }: Entry): Buffer {
  const tail = Buffer.alloc(descriptorBytes);
  [signatures.descriptor, crc, packed, bytes].forEach((value, i) =>
    tail.writeUInt32LE(value, i * 4),
  );
  return tail;
}

function end({ name, packed }: Entry): Buffer {
  const tail = Buffer.alloc(endBytes);
  tail.writeUInt32LE(signatures.end, 0);
  tail.writeUInt16LE(1, 8);
  tail.writeUInt16LE(1, 10);
  tail.writeUInt32LE(directoryHeaderBytes + name.length, 12);
  tail.writeUInt32LE(localHeaderBytes + name.length + packed + descriptorBytes, 16);
  return tail;
}

/** Reads the directory at the end of the archive: there is one entry, and no comment behind it. */
async function directory(
  op: string,
  path: string,
  source: FileReader,
): Promise<{ entry: Entry; at: number }> {
  const size = await source.size();
  const tail = await source.read(Math.max(0, size - endBytes), endBytes);
  if (
    tail.length < endBytes ||
    tail.readUInt32LE(0) !== signatures.end ||
    tail.readUInt16LE(10) !== 1
  )
    throw damaged(op, path);
  const head = await source.read(tail.readUInt32LE(16), directoryHeaderBytes);
  if (
    head.length < directoryHeaderBytes ||
    head.readUInt32LE(0) !== signatures.directory ||
    head.readUInt16LE(10) !== deflated
  )
    throw damaged(op, path);
  const from = head.readUInt32LE(42);
  const local = await source.read(from, localHeaderBytes);
  if (local.length < localHeaderBytes || local.readUInt32LE(0) !== signatures.local)
    throw damaged(op, path);
  const at = from + localHeaderBytes + local.readUInt16LE(26) + local.readUInt16LE(28);
  return {
    entry: {
      name: Buffer.alloc(0),
      crc: head.readUInt32LE(16),
      packed: head.readUInt32LE(20),
      bytes: head.readUInt32LE(24),
    },
    at,
  };
}

function damaged(op: string, path: string, cause?: unknown): IoError {
  return new IoError(`${path} is not a whole ZIP archive of one file`, {
    op,
    code: 'CORRUPT',
    cause,
    hint: 'take another snapshot',
  });
}
