import { allEnded } from '../base/all-ended.ts';
import { loadOrIssue, loadOrMakeAuthority, type AuthorityOptions } from './authorities.ts';
import type { Identity } from './certificate.ts';

/**
 * What a managed etcd and its clients show each other; two authorities, so that a client cannot
 * pose as a member.
 */
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
export async function loadOrCreateEtcd(
  options: AuthorityOptions & { names: string[] },
): Promise<EtcdIdentities> {
  await options.disk.makeDir('tls dir', options.dir, 0o700);
  const [serverCa, peerCa] = await allEnded([
    loadOrMakeAuthority(options, 'server-ca', 'etcd'),
    loadOrMakeAuthority(options, 'peer-ca', 'etcd'),
  ]);
  const sans = ['localhost', '127.0.0.1', '::1', ...options.names];
  const [server, peer, client] = await allEnded([
    loadOrIssue({
      ...options,
      file: 'server-client',
      ca: serverCa,
      request: { cn: 'etcd-server', sans, usages: ['server', 'client'] },
    }),
    loadOrIssue({
      ...options,
      file: 'peer-server-client',
      ca: peerCa,
      request: { cn: 'etcd-peer', sans, usages: ['server', 'client'] },
    }),
    loadOrIssue({
      ...options,
      file: 'client',
      ca: serverCa,
      request: { cn: 'etcd-client', usages: ['client'] },
    }),
  ]);
  return { serverCa, peerCa, server, peer, client };
}
