import { createHash } from 'node:crypto';
import { decode, encode } from '../wire/etcd/codec.ts';
import { etcdError, grpc, statusOf } from './errors.ts';
import type { Face, Streaming, Unary } from './face.ts';
import { GrpcStatus } from '../io/grpc-server.ts';

/** The level of etcd this face speaks; clients choose their ways by it. */
export const etcdVersion = '3.6.8';
const defaultQuotaBytes = 2 * 1024 * 1024 * 1024;
const snapshotChunkBytes = 32 * 1024;

export interface SnapshotFiles {
  /** Makes a snapshot and returns its bytes in pieces; the file is gone afterwards. */
  read(): Promise<{ size: number; chunks: AsyncIterable<Buffer> }>;
}

export function maintenanceService(
  face: Face,
  snapshots: SnapshotFiles | undefined,
): { unary: Record<string, Unary>; streams: Record<string, Streaming> } {
  const { store, header, member } = face;
  const unsupported = (what: string): GrpcStatus =>
    new GrpcStatus(grpc.unimplemented, `etcdserver: ${what} is not supported by this store`);
  return {
    unary: {
      async Status() {
        const { bytes, inUseBytes } = await store.size();
        const index = store.revision;
        return encode('StatusResponse', {
          header: header(store.revision),
          version: etcdVersion,
          dbSize: bytes,
          leader: member.memberId,
          raftIndex: index,
          raftTerm: face.raftTerm,
          raftAppliedIndex: index,
          dbSizeInUse: inUseBytes,
          storageVersion: '3.6.0',
          dbSizeQuota: defaultQuotaBytes,
          downgradeInfo: {},
        });
      },
      async Defragment() {
        if (!store.defragment) throw unsupported('defragmentation');
        await store.defragment();
        return encode('DefragmentResponse', {});
      },
      Hash() {
        if (!store.hashKv) throw unsupported('hashing');
        return encode('HashResponse', {
          header: header(store.revision),
          hash: store.hashKv(0).hash,
        });
      },
      HashKV(bytes) {
        if (!store.hashKv) throw unsupported('hashing');
        const { hash, revision, compactRevision } = store.hashKv(
          decode<{ revision: number }>('HashKVRequest', bytes).revision,
        );
        return encode('HashKVResponse', {
          header: header(store.revision),
          hash,
          compactRevision,
          hashRevision: revision,
        });
      },
      Alarm(bytes) {
        // Nothing can raise an alarm here: a full disk fails the writes themselves, and the next
        // one is tried again.
        decode('AlarmRequest', bytes);
        return encode('AlarmResponse', { header: header(store.revision) });
      },
      MoveLeader(bytes) {
        const { targetID } = decode<{ targetID: string }>('MoveLeaderRequest', bytes);
        if (targetID !== member.memberId) throw etcdError.badLeaderTransferee();
        return encode('MoveLeaderResponse', {});
      },
      Downgrade(bytes) {
        const { action, version } = decode<{ action: number; version: string }>(
          'DowngradeRequest',
          bytes,
        );
        if (action === 2) throw etcdError.noDowngrade();
        if (!/^\d+\.\d+/.test(version)) throw etcdError.badDowngradeFormat();
        throw etcdError.badDowngradeTarget();
      },
    },
    streams: {
      Snapshot(stream) {
        stream.onMessage = () => undefined;
        if (!snapshots) return stream.end(unsupported('a snapshot'));
        void sendSnapshot(snapshots, stream).then(
          () => stream.end(),
          (error: unknown) => stream.end(statusOf(error)),
        );
      },
    },
  };
}

async function sendSnapshot(
  snapshots: SnapshotFiles,
  stream: Parameters<Streaming>[0],
): Promise<void> {
  const { size, chunks } = await snapshots.read();
  const hash = createHash('sha256');
  let sent = 0;
  const send = async (blob: Buffer): Promise<void> => {
    if (
      stream.send(
        encode('SnapshotResponse', { remainingBytes: size - sent, blob, version: '3.6.0' }),
      )
    )
      return;
    await new Promise<void>((resolve) => {
      stream.onDrain = resolve;
      stream.onClosed = resolve;
    });
  };
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += snapshotChunkBytes) {
      const blob = chunk.subarray(at, at + snapshotChunkBytes);
      hash.update(blob);
      sent += blob.length;
      await send(blob);
    }
  }
  // etcdctl checks the file by this digest behind it.
  await send(hash.digest());
}
