import type { Clock } from '../io/clock.ts';
import { serveGrpc, type GrpcServer, type GrpcServerOptions } from '../io/grpc-server.ts';
import type { Log } from '../io/log.ts';
import type { Store } from '../store/store.ts';
import { GrpcConnection } from '../wire/h2/grpc.ts';
import { maxMessageBytes } from './check.ts';
import { authService, clusterService } from './cluster.ts';
import { statusOf } from './errors.ts';
import type { Face, Maintainable, Streaming, Unary } from './face.ts';
import { kvService } from './kv.ts';
import { leaseService } from './lease.ts';
import { maintenanceService, type SnapshotFiles } from './maintenance.ts';
import { plainAnswers } from './plain.ts';
import { WatchStream } from './watch.ts';

export interface EtcdServerOptions {
  listen: GrpcServerOptions['listen'];
  tls?: GrpcServerOptions['tls'];
  clock: Clock;
  log: Log;
  /** Identity as clients see it; decimal numbers of 64 bits. */
  clusterId?: string;
  memberId?: string;
  name?: string;
  clientUrls?: string[];
  snapshots?: SnapshotFiles;
  /** Only the Maintenance service: for upkeep of a running server. */
  upkeepOnly?: boolean;
}

/** There was one election: of the only member. */
export const raftTerm = 2;

/** Serves a store as an etcd of one member. */
export async function serveEtcd(
  store: Store & Partial<Maintainable>,
  options: EtcdServerOptions,
): Promise<GrpcServer> {
  const member = {
    clusterId: options.clusterId ?? '1',
    memberId: options.memberId ?? '1',
    name: options.name ?? 'skiff',
    clientUrls: options.clientUrls ?? [],
  };
  const face: Face = {
    store,
    clock: options.clock,
    log: options.log,
    member,
    raftTerm,
    header: (revision) => ({
      clusterId: member.clusterId,
      memberId: member.memberId,
      revision,
      raftTerm,
    }),
  };
  const unary = new Map<string, Unary>();
  const streams = new Map<string, Streaming>();
  const add = (service: string, methods: Record<string, Unary>): void => {
    for (const [name, method] of Object.entries(methods))
      unary.set(`/etcdserverpb.${service}/${name}`, translated(method));
  };
  const lease = leaseService(face);
  const maintenance = maintenanceService(face, options.snapshots);
  add('Maintenance', maintenance.unary);
  if (!options.upkeepOnly) {
    add('KV', kvService(face));
    add('Lease', lease.unary);
    add('Cluster', clusterService(face));
    add('Auth', authService(face));
    streams.set('/etcdserverpb.Watch/Watch', (stream) => void new WatchStream(face, stream));
    for (const [name, method] of Object.entries(lease.streams))
      streams.set(`/etcdserverpb.Lease/${name}`, method);
  }
  for (const [name, method] of Object.entries(maintenance.streams))
    streams.set(`/etcdserverpb.Maintenance/${name}`, method);
  // grpc.health.v1: field 1 = SERVING.
  unary.set('/grpc.health.v1.Health/Check', () => Buffer.from([8, 1]));
  const grpc = {
    listen: options.listen,
    tls: options.tls,
    unary,
    streams,
    maxRequestBytes: maxMessageBytes,
    http: plainAnswers(store),
  };
  return await serveGrpc(grpc, (served, transport) => new GrpcConnection(served, transport));
}

/** Turns what a method throws into etcd's status. */
function translated(method: Unary): Unary {
  return (request) => {
    try {
      const answer = method(request);
      return answer instanceof Promise
        ? answer.catch((error: unknown) => Promise.reject(statusOf(error)))
        : answer;
    } catch (error) {
      throw statusOf(error);
    }
  };
}
