import { join } from 'node:path';
import { inColumns } from './columns.ts';
import { ConfigError, messageOf } from '../base/errors.ts';
import { clientTls, listMembers, removeMember, type EtcdCluster } from '../etcd/members.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { readPair } from '../pki/pair-files.ts';

const op = 'datastore member';

/** `skiff datastore member list` and `remove NAME`, on a server that runs an etcd. */
export async function runMember(verb: string, name: string, dataDir: string): Promise<void> {
  const cluster = await ownCluster(dataDir);
  try {
    if (verb === 'list') return await list(cluster);
    if (verb !== 'remove')
      throw new ConfigError(`datastore member has no command "${verb}"`, {
        op,
        hint: 'see skiff datastore --help',
      });
    if (name === '')
      throw new ConfigError('datastore member remove needs the name of a member', {
        op,
        hint: 'see skiff datastore member list',
      });
    if (!(await removeMember({ ...cluster, name })))
      throw new ConfigError(`there is no member "${name}"`, {
        op,
        hint: 'see skiff datastore member list',
      });
    process.stdout.write(`${name} is no longer a member\n`);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(`etcd does not answer: ${messageOf(cause)}`, {
      op,
      cause,
      hint: 'is this server running, and most of its cluster?',
    });
  }
}

async function list(cluster: EtcdCluster): Promise<void> {
  const members = (await listMembers(cluster)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const rows = [
    ['NAME', 'STATE', 'PEERS', 'CLIENTS'],
    ...members.map((m) => [
      m.name || '-',
      m.name === '' ? 'unstarted' : m.isLearner ? 'learner' : 'member',
      m.peerURLs.join(','),
      m.clientURLs.join(',') || '-',
    ]),
  ];
  process.stdout.write(inColumns(rows));
}

/** The etcd beside the server of this data directory. */
export async function ownCluster(dataDir: string): Promise<EtcdCluster> {
  const dir = join(dataDir, 'server/tls/etcd');
  const [serverCa, client] = await Promise.all([
    realDisk.readIfThere(op, join(dir, 'server-ca.crt')),
    readPair(realDisk, dir, 'client'),
  ]);
  if (client && 'fault' in client)
    throw new ConfigError(`${client.fault.file} ${client.fault.what}`, {
      op,
      hint: 'the next start of the server issues it again',
    });
  if (!serverCa || !client)
    throw new ConfigError(`${dataDir} is not the data directory of a server with an etcd`, {
      op,
      hint: 'members are those of servers started with --cluster-init or --server',
    });
  return {
    endpoints: ['https://localhost:2379'],
    tls: clientTls({ serverCa: { cert: serverCa.toString(), key: '' }, client: client.pair }),
    clock: realClock,
  };
}
