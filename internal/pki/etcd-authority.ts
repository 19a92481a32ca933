import { loadOrIssue, readPair, store } from './authorities.ts';
import { issueCa, type Identity } from './certificate.ts';
import type { Clock } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import type { Random } from '../io/random.ts';

/** What a managed etcd and its clients show each other; two authorities, so that a client cannot pose as a member. */
export interface EtcdIdentities {
  serverCa: Identity;
  peerCa: Identity;
  /** Shown by the member to clients. */
  server: Identity;
  /** Shown by members to each other. */
  peer: Identity;
  /** Shown by the API server to etcd. */
  client: Identity;
}

/** Reads or issues etcd's identities below `dir` (server/tls/etcd), under the file names of k3s. */
export async function loadOrCreateEtcd(options: { dir: string; names: string[]; disk: Disk; clock: Clock; random: Random }): Promise<EtcdIdentities> {
  const { dir, disk, clock, random } = options;
  await disk.makeDir('tls dir', dir, 0o700);
  const nowMs = clock.now();
  const ca = async (file: string): Promise<Identity> =>
    (await readPair(disk, dir, file)) ?? (await store(disk, dir, file, issueCa({ nowMs, random, cn: `etcd-${file.replace(/-ca$/, '')}-ca@${Math.floor(nowMs / 1000)}` })));
  const [serverCa, peerCa] = await Promise.all([ca('server-ca'), ca('peer-ca')]);
  const sans = ['localhost', '127.0.0.1', '::1', ...options.names];
  const [server, peer, client] = await Promise.all([
    loadOrIssue({ ...options, file: 'server-client', ca: serverCa, request: { cn: 'etcd-server', sans, usages: ['server', 'client'] } }),
    loadOrIssue({ ...options, file: 'peer-server-client', ca: peerCa, request: { cn: 'etcd-peer', sans, usages: ['server', 'client'] } }),
    loadOrIssue({ ...options, file: 'client', ca: serverCa, request: { cn: 'etcd-client', usages: ['client'] } }),
  ]);
  return { serverCa, peerCa, server, peer, client };
}
