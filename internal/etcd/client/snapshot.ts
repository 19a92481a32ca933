import { createHash } from 'node:crypto';
import { IoError } from '../../base/errors.ts';
import type { Disk } from '../../io/disk.ts';
import { EtcdConnection } from './connection.ts';

const digestBytes = 32;

/** Copies the store behind `endpoint` to a file; false when nobody answers there. The digest is checked and left out. */
export async function saveSnapshot(options: { endpoint: string; disk: Disk; target: string }): Promise<boolean> {
  const { endpoint, disk, target } = options;
  if (await disk.stat('snapshot', target)) throw new IoError(`${target} exists already`, { op: 'snapshot' });
  const connection = new EtcdConnection({ endpoints: [endpoint] });
  try {
    const answered = await connection.call('Maintenance/Status', ['StatusRequest', {}], 'StatusResponse', 5_000).then(() => true, () => false);
    if (!answered) return false;
    const chunks: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      const stream = connection.stream<{ blob: Uint8Array }>('Maintenance/Snapshot', 'SnapshotResponse', {
        data: ({ blob }) => chunks.push(Buffer.from(blob)),
        ended: (error) => (error ? reject(error) : resolve()),
      });
      stream.send('SnapshotRequest', {});
      stream.end();
    });
    const bytes = Buffer.concat(chunks);
    const body = bytes.subarray(0, bytes.length - digestBytes);
    if (!createHash('sha256').update(body).digest().equals(bytes.subarray(body.length))) throw new IoError('the snapshot was damaged on its way', { op: 'snapshot' });
    await disk.writeAtomic('snapshot', target, body, { mode: 0o600 });
    return true;
  } finally {
    connection.close();
  }
}
