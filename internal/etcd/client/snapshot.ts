import { createHash } from 'node:crypto';
import { IoError } from '../../base/errors.ts';
import type { Disk } from '../../io/disk.ts';
import { openReader } from '../../io/file-reader.ts';
import { openWriter, type FileWriter } from '../../io/file-writer.ts';
import { EtcdConnection, type EtcdEndpoints } from './connection.ts';

const digestBytes = 32;
const readBytes = 1024 * 1024;
const statusTimeoutMs = 5_000;
/** More than this waits for the disk: then the member is asked to wait. */
const mostWaitingBytes = 4 * 1024 * 1024;

export interface SnapshotRequest extends EtcdEndpoints {
  disk: Disk;
  target: string;
  /** Keep the SHA-256 behind the data, as etcd's own tools want it. */
  withDigest?: boolean;
}

/**
 * Copies the store behind the endpoints to a file, piece by piece; false when nobody answers there.
 * What arrives is checked by its digest.
 */
export async function saveSnapshot({
  disk,
  target,
  withDigest = false,
  ...endpoints
}: SnapshotRequest): Promise<boolean> {
  if (await disk.stat('snapshot', target))
    throw new IoError(`${target} exists already`, { op: 'snapshot', hint: 'give another name' });
  const connection = new EtcdConnection(endpoints);
  try {
    const answered = await connection
      .call('Maintenance/Status', ['StatusRequest', {}], 'StatusResponse', statusTimeoutMs)
      .then(
        () => true,
        () => false,
      );
    if (!answered) return false;
    const out = await openWriter('snapshot', `${target}.part`);
    try {
      await receive(connection, out, withDigest);
      await out.finish(target);
    } finally {
      await out.discard();
    }
    return true;
  } finally {
    connection.close();
  }
}

/** Checks a file by the SHA-256 behind its data, as etcd writes it. Throws IoError CORRUPT. */
export async function verifyDigest(path: string): Promise<{ bytes: number }> {
  const file = await openReader('snapshot', path);
  if (!file) throw new IoError(`${path}: no such file`, { op: 'snapshot', code: 'ENOENT' });
  try {
    const bytes = (await file.size()) - digestBytes;
    const hash = createHash('sha256');
    for (let at = 0; at < bytes; at += readBytes)
      hash.update(await file.read(at, Math.min(readBytes, bytes - at)));
    const right = bytes > 0 && hash.digest().equals(await file.read(bytes, digestBytes));
    if (!right)
      throw new IoError(
        `${path} is damaged, or no snapshot of an etcd: its checksum does not match`,
        { op: 'snapshot', code: 'CORRUPT', hint: 'take another snapshot' },
      );
    return { bytes };
  } finally {
    await file.close();
  }
}

async function receive(
  connection: EtcdConnection,
  out: FileWriter,
  withDigest: boolean,
): Promise<void> {
  const hash = createHash('sha256');
  let tail: Buffer = Buffer.alloc(0);
  let waiting = 0;
  let written = Promise.resolve();
  await new Promise<void>((resolve, reject) => {
    const write = (bytes: Buffer): void => {
      waiting += bytes.length;
      if (waiting > mostWaitingBytes) stream.pause();
      written = written
        .then(() => out.write(bytes))
        .then(() => {
          waiting -= bytes.length;
          if (waiting <= mostWaitingBytes) stream.resume();
        });
      written.catch((error: unknown) => {
        stream.cancel();
        reject(error as Error);
      });
    };
    const stream = connection.stream<{ blob: Uint8Array }>(
      'Maintenance/Snapshot',
      'SnapshotResponse',
      {
        data: ({ blob }) => {
          // The last bytes are the digest, and nobody says which message is the last.
          const bytes = Buffer.concat([tail, blob]);
          const body = bytes.subarray(0, Math.max(0, bytes.length - digestBytes));
          tail = bytes.subarray(body.length);
          hash.update(body);
          if (body.length > 0) write(body);
        },
        ended: (error) => (error ? reject(error) : resolve()),
      },
    );
    stream.send('SnapshotRequest', {});
    stream.end();
  });
  await written;
  if (!hash.digest().equals(tail))
    throw new IoError('the snapshot was damaged on its way', { op: 'snapshot', hint: 'try again' });
  if (withDigest) await out.write(tail);
}
