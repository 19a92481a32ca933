import { join } from 'node:path';
import { ConfigError, messageOf } from '../base/errors.ts';
import { EtcdConnection, type EtcdEndpoints } from '../etcd/client/connection.ts';
import { realDisk } from '../io/disk.ts';
import type { StatusResponse } from '../wire/etcd/types.ts';
import { ownCluster } from './members.ts';

const op = 'datastore';
/** A large store on a slow card is rewritten. */
const defragTimeoutMs = 30 * 60_000;
const statusTimeoutMs = 10_000;

/**
 * `skiff datastore status`, `hash` and `defrag`: etcd's maintenance calls to the store of a running
 * server.
 */
export async function runUpkeep(
  verb: 'status' | 'hash' | 'defrag',
  dataDir: string,
): Promise<void> {
  const connection = new EtcdConnection(await endpointsOf(dataDir));
  try {
    const before = await statusOf(connection);
    if (verb === 'status')
      return void process.stdout.write(
        `revision ${before.header.revision}, ${before.dbSize} bytes, ${before.dbSizeInUse} ` +
          `of them in use, speaks etcd ${before.version}\n`,
      );
    if (verb === 'hash') {
      const { hash, hashRevision, header } = await connection.call<{
        hash: number;
        hashRevision?: number;
        header: { revision: number };
      }>('Maintenance/HashKV', ['HashKVRequest', {}], 'HashKVResponse');
      return void process.stdout.write(`${hash} at revision ${hashRevision || header.revision}\n`);
    }
    await connection.call(
      'Maintenance/Defragment',
      ['DefragmentRequest', {}],
      'DefragmentResponse',
      defragTimeoutMs,
    );
    process.stdout.write(
      `${before.dbSize} bytes before, ${(await statusOf(connection)).dbSize} now\n`,
    );
  } catch (cause) {
    throw new ConfigError(`the datastore does not answer: ${messageOf(cause)}`, {
      op,
      cause,
      hint: 'is the server of this data directory running?',
    });
  } finally {
    connection.close();
  }
}

async function statusOf(connection: EtcdConnection): Promise<StatusResponse> {
  return await connection.call<StatusResponse>(
    'Maintenance/Status',
    ['StatusRequest', {}],
    'StatusResponse',
    statusTimeoutMs,
  );
}

/** The socket of a server with a store of its own, else the etcd beside it. */
async function endpointsOf(dataDir: string): Promise<EtcdEndpoints> {
  const socket = join(dataDir, 'server/db/upkeep.sock');
  if (await realDisk.stat(op, join(dataDir, 'server/db/etcd/member')))
    return await ownCluster(dataDir);
  if (await realDisk.stat(op, socket)) return { endpoints: [`unix://${socket}`] };
  throw new ConfigError(`no server with a datastore of its own runs in ${dataDir}`, {
    op,
    hint: 'start it, or say --data-dir; an etcd elsewhere is asked with etcdctl',
  });
}
