import { refs } from '../../api/generated/refs.ts';
import { masterLeases, registryPrefix } from '../../api/registry-key.ts';
import { createHash } from 'node:crypto';
import { saveSnapshot, verifyDigest } from '../../etcd/client/snapshot.ts';
import type { EtcdEndpoints } from '../../etcd/client/connection.ts';
import type { Disk } from '../../io/disk.ts';
import { IoError } from '../../base/errors.ts';
import type { LogStore } from '../../store/log-store.ts';
import { verifyFile } from '../../store/sqlite/verify.ts';
import type { KeyValue } from '../../store/store.ts';
import type { SnapshotEngine } from './snapshots.ts';

/** What changes all the time and is made again by itself: no reason for a snapshot. */
const heartbeats = [registryPrefix(refs.leases), registryPrefix(refs.events), masterLeases];
const nodes = registryPrefix(refs.nodes);

/** The store in the data directory. */
export function fileEngine(store: LogStore): SnapshotEngine {
  return {
    copy: (path) => store.snapshot(path),
    verify: async (path) => void (await verifyFile({ path, prefixes: [] })),
    async fingerprint() {
      const { kvs } = await store.range({ key: '\0', end: '\0' });
      return fingerprintOf(kvs);
    },
  };
}

/**
 * An etcd that runs beside the server. Its files end with a SHA-256, as its own tools want them.
 */
export function etcdEngine(etcd: EtcdEndpoints, disk: Disk): SnapshotEngine {
  return {
    async copy(path) {
      if (!(await saveSnapshot({ ...etcd, disk, target: path, withDigest: true })))
        throw new IoError('etcd does not answer', { op: 'snapshot', hint: 'look at its log' });
    },
    verify: async (path) => void (await verifyDigest(path)),
  };
}

/**
 * The newest change and the number of keys tell every state from the ones before it, heartbeats
 * left out. A node reports itself every five minutes, so nodes count by what they say besides the
 * time.
 */
export function fingerprintOf(kvs: KeyValue[]): string {
  const hash = createHash('sha256');
  let newest = 0;
  let count = 0;
  for (const kv of kvs) {
    if (heartbeats.some((prefix) => kv.key.startsWith(prefix))) continue;
    count++;
    if (kv.key.startsWith(nodes)) hash.update(`${kv.key}\0${withoutTimes(kv.value)}\0`);
    else newest = Math.max(newest, kv.modRevision);
  }
  return `${newest}/${count}/${hash.digest('hex').slice(0, 16)}`;
}

interface Reported {
  metadata?: { managedFields?: unknown; resourceVersion?: unknown };
  status?: { conditions?: { lastHeartbeatTime?: unknown }[] };
}

function withoutTimes(value: Uint8Array): string {
  const text = Buffer.from(value).toString();
  try {
    const node = JSON.parse(text) as Reported;
    delete node.metadata?.managedFields;
    delete node.metadata?.resourceVersion;
    for (const condition of node.status?.conditions ?? []) delete condition.lastHeartbeatTime;
    return JSON.stringify(node);
  } catch {
    return text;
  }
}
