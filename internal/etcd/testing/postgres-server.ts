/**
 * A server of a shared PostgreSQL as a process that can be killed: `postgres-server.ts ENDPOINT`
 * says its etcd URL on a line.
 */
import { realClock } from '../../io/clock.ts';
import { realDisk } from '../../io/disk.ts';
import { makeLog } from '../../io/log.ts';
import { openPostgresStore } from '../../store/postgres/open.ts';
import { serveEtcd } from '../server.ts';

const log = makeLog({ level: process.env['SKIFF_TEST_DEBUG'] ? 'debug' : 'error' });
const store = await openPostgresStore({
  endpoint: process.argv[2] ?? '',
  clock: realClock,
  disk: realDisk,
  log,
});
const face = await serveEtcd(store, {
  listen: [{ host: '127.0.0.1', port: 0 }],
  clock: realClock,
  log,
  name: 'default',
});
process.stdout.write(`http://127.0.0.1:${face.ports[0]}\n`);
