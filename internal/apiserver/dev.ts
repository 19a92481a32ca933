/**
 * An API server of its own for trying things out and for tests: certificates made on the spot, a
 * free port. `node internal/apiserver/dev.ts DIR [PORT]` writes DIR/admin.kubeconfig and serves
 * until it is told to stop.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { realClock } from '../io/clock.ts';
import { realDial } from '../io/dial.ts';
import { makeLog, silentLog, type Log } from '../io/log.ts';
import { realRandom } from '../io/random.ts';
import { issueCa, issueCert, newKeyPem, type Identity } from '../pki/certificate.ts';
import { kubeconfig } from '../pki/kubeconfig.ts';
import type { Store } from '../store/store.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { createApiServer, type ApiServer } from './api-server.ts';
import { memoryStore } from './memory-store.fake.ts';
import type { ApiServerOptions } from './options.ts';

export interface DevServer {
  api: ApiServer;
  store: Store;
  url: string;
  ca: Identity;
  admin: Identity;
  kubeconfig: string;
}

export async function startDevServer(
  options: {
    store?: Store;
    sharedStore?: boolean;
    advertiseAddress?: string;
    port?: number;
    log?: Log;
    besides?: ApiServerOptions['besides'];
    dial?: ApiServerOptions['dial'];
    flowControl?: ApiServerOptions['flowControl'];
    audit?: ApiServerOptions['audit'];
    more?: Partial<ApiServerOptions>;
  } = {},
): Promise<DevServer> {
  const now = { nowMs: realClock.now(), random: realRandom };
  const ca = issueCa({ ...now, cn: 'dev-ca' });
  const serving = issueCert({
    ...now,
    ca,
    cn: 'kube-apiserver',
    sans: ['localhost', '127.0.0.1', '10.43.0.1', 'kubernetes.default.svc'],
    usages: ['server'],
  });
  const admin = issueCert({
    ...now,
    ca,
    cn: 'admin',
    orgs: ['system:masters'],
    usages: ['client'],
  });
  const kubelet = issueCert({
    ...now,
    ca,
    cn: 'kube-apiserver',
    orgs: ['system:masters'],
    usages: ['client'],
  });
  const store = options.store ?? memoryStore();
  const api = await createApiServer({
    store,
    clock: realClock,
    log: options.log ?? silentLog,
    random: realRandom,
    dial: options.dial ?? realDial,
    listen: { host: '127.0.0.1', port: options.port ?? 0 },
    tls: serving,
    clientCa: ca.cert,
    serverCa: ca.cert,
    serviceAccount: {
      signingKey: newKeyPem(),
      issuer: 'https://kubernetes.default.svc.cluster.local',
    },
    kubeletClient: { ...kubelet, ca: ca.cert },
    requestHeader: {
      ca: ca.cert,
      clientCert: kubelet.cert,
      clientKey: kubelet.key,
      allowedNames: ['front-proxy'],
    },
    // Servers of one cluster are told of under one port.
    ...(options.sharedStore && { sharedStore: true, advertisePort: 6443 }),
    advertiseAddress: options.advertiseAddress ?? '192.0.2.2',
    ...(options.besides && { besides: options.besides }),
    ...(options.flowControl && { flowControl: options.flowControl }),
    ...(options.audit && { audit: options.audit }),
    ...options.more,
    staticTokens: { oracle: { name: 'oracle', groups: ['system:masters'] } },
  });
  const url = `https://127.0.0.1:${api.port}`;
  return {
    api,
    store,
    url,
    ca,
    admin,
    kubeconfig: kubeconfig({ server: url, ca: ca.cert, cert: admin.cert, key: admin.key }),
  };
}

if (import.meta.main) {
  const [dir = '.', port = '0'] = process.argv.slice(2);
  await mkdir(dir, { recursive: true });
  const log = makeLog({ level: 'info', component: 'dev' });
  const store = await openSqliteStore({ dir: `${dir}/db`, clock: realClock, log });
  const dev = await startDevServer({ port: Number(port), log, store });
  await writeFile(`${dir}/admin.kubeconfig`, dev.kubeconfig, { mode: 0o600 });
  await writeFile(`${dir}/ca.crt`, dev.ca.cert);
  process.stdout.write(`${dir}/admin.kubeconfig ${dev.url}\n`);
}
