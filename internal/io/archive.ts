import { constants, createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { spawn, type ChildProcess } from 'node:child_process';
import {
  createGunzip,
  createGzip,
  createZstdCompress,
  createZstdDecompress,
  constants as zlib,
} from 'node:zlib';
import { pipeline } from 'node:stream/promises';
import type { Writable } from 'node:stream';
import { unpackBzip2 } from '../base/bzip2.ts';
import { IoError, messageOf } from '../base/errors.ts';
import { unpackLz4 } from '../base/lz4.ts';

/**
 * Streams a file that may be gzip, zstd, bzip2 or LZ4 (told by its first bytes, not its name) into
 * a program's input, unpacked.
 */
export async function feedUnpacked(op: string, path: string, into: Writable): Promise<void> {
  try {
    const magic = await firstBytes(path);
    const source = createReadStream(path, { highWaterMark: 1 << 20 });
    if (magic.startsWith('1f8b')) await pipeline(source, createGunzip(), into);
    else if (magic === '28b52ffd') await pipeline(source, createZstdDecompress(), into);
    else if (magic.startsWith('425a68')) await pipeline(source, unpackBzip2, into);
    else if (magic === '04224d18') await pipeline(source, unpackLz4, into);
    else await pipeline(source, into);
  } catch (cause) {
    throw new IoError(`${op}: ${path}: ${messageOf(cause)}`, {
      op,
      code: (cause as NodeJS.ErrnoException).code ?? 'IO',
      cause,
    });
  }
}

/** Packs a file into a new one beside it, piece by piece: it may be larger than the memory. */
export async function packFile(op: string, from: string, to: string, mode: number): Promise<void> {
  try {
    const [source, target] = [
      await open(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
      await open(to, 'wx', mode),
    ];
    await pipeline(source.createReadStream(), createGzip(), target.createWriteStream());
  } catch (cause) {
    throw new IoError(`${op}: ${from}: ${messageOf(cause)}`, {
      op,
      code: (cause as NodeJS.ErrnoException).code ?? 'IO',
      cause,
    });
  }
}

const zstdLevel = 12;

/** Packs a folder into one archive, tar and zstd. `tar` is the program with its options. */
export async function packFolder(
  op: string,
  { tar, from, to }: { tar: string[]; from: string; to: string },
): Promise<void> {
  const child = spawn(tar[0] ?? '', [...tar.slice(1), '-cf', '-', from], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = endOf(op, child);
  const target = await open(to, 'w', 0o644);
  const packer = createZstdCompress({ params: { [zlib.ZSTD_c_compressionLevel]: zstdLevel } });
  await Promise.all([pipeline(child.stdout!, packer, target.createWriteStream()), ended]);
}

/** Unpacks an archive, packed or not, into a folder. Links in it are made, never followed. */
export async function unpackArchive(
  op: string,
  { file, into }: { file: string; into: string },
): Promise<void> {
  const child = spawn('tar', ['-x', '--no-same-owner', '-C', into, '-f', '-'], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const ended = endOf(op, child);
  const fed = feedUnpacked(op, file, child.stdin!);
  // What tar says is more than that its input was closed.
  const [end, feed] = await Promise.allSettled([ended, fed]);
  if (end.status === 'rejected') throw end.reason;
  // It may end at the mark of the archive's end, before the last zeros behind it.
  if (feed.status === 'rejected' && !endedFirst.has((feed.reason as IoError).code))
    throw feed.reason;
}

const endedFirst = new Set(['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE']);

/** How a tar ended: rejects with what it said when its exit status is none of `good`. */
export function endOf(op: string, child: ChildProcess, good = [0]): Promise<void> {
  let err = '';
  child.stderr?.on('data', (piece: Buffer) => (err += piece.toString().slice(0, 2000)));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code !== null && good.includes(code)) resolve();
      else reject(new IoError(`${op}: tar: ${err.trim().slice(-500)}`, { op, code: 'EXIT' }));
    });
  });
}

async function firstBytes(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.subarray(0, bytesRead).toString('hex');
  } finally {
    await file.close();
  }
}
