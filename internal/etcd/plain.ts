import { messageOf } from '../base/errors.ts';
import type { PlainAnswer } from '../io/grpc-server.ts';
import type { Store } from '../store/store.ts';
import { etcdVersion } from './maintenance.ts';

const json = 'application/json';
/** Any key will do: what matters is that a read is answered. */
const probedKey = 'health';

/** What etcd answers to plain requests on its client URLs: load balancers and probes ask for it. */
export function plainAnswers(store: Store): (path: string) => Promise<PlainAnswer> {
  return async (url) => {
    const path = url.split('?')[0];
    if (path === '/version') {
      return {
        status: 200,
        type: json,
        body: JSON.stringify({
          etcdserver: etcdVersion,
          etcdcluster: clusterVersion(etcdVersion),
          storage: clusterVersion(etcdVersion),
        }),
      };
    }
    if (path === '/metrics')
      return { status: 200, type: 'text/plain; version=0.0.4', body: await metrics(store) };
    if (path !== '/health' && path !== '/livez' && path !== '/readyz')
      return { status: 404, type: 'text/plain', body: '404 page not found\n' };
    const reason = await store.range({ key: probedKey, limit: 1 }).then(() => '', messageOf);
    if (path === '/health')
      return {
        status: reason === '' ? 200 : 503,
        type: json,
        body: JSON.stringify({ health: reason === '' ? 'true' : 'false', reason }),
      };
    return reason === ''
      ? { status: 200, type: 'text/plain', body: 'ok\n' }
      : { status: 503, type: 'text/plain', body: `${reason}\n` };
  };
}

/**
 * The few of etcd's measures that have a meaning here, by etcd's names: `etcdctl check datascale`
 * and dashboards ask for them.
 */
async function metrics(store: Store): Promise<string> {
  const { bytes, inUseBytes } = await store.size();
  const gauges = {
    process_resident_memory_bytes: process.memoryUsage.rss(),
    etcd_server_has_leader: 1,
    etcd_server_is_leader: 1,
    etcd_mvcc_db_total_size_in_bytes: bytes,
    etcd_mvcc_db_total_size_in_use_in_bytes: inUseBytes,
    etcd_debugging_mvcc_current_revision: store.revision,
    etcd_debugging_mvcc_compact_revision: store.compactRevision,
  };
  return Object.entries(gauges)
    .map(([name, value]) => `# TYPE ${name} gauge\n${name} ${value}\n`)
    .join('');
}

/** A cluster's version has no patch level. */
function clusterVersion(version: string): string {
  return version.replace(/\.\d+$/, '.0');
}
