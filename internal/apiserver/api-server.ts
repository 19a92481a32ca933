import { invariant } from '../base/assert.ts';
import { listenHttps, type HttpsListener } from '../io/https-server.ts';
import { namesakes } from '../pki/certificate.ts';
import { assemble } from './assemble.ts';
import { bootCluster, type BootedCluster } from './bootstrap/boot.ts';
import { makeListener } from './http/serve.ts';
import { InProcessClient } from './in-process.ts';
import type { ApiServerOptions } from './options.ts';
import type { UserInfo } from './authn/user.ts';
import { partsBeforePort, startParts, stopAll, type Stop } from './parts.ts';
import { serveUpgrade } from './proxy/upgrade.ts';
import type { Server } from './server.ts';
import { speakHttp2 } from '../wire/h2/http.ts';

export interface ApiServer {
  /** 0 when it opened none. */
  readonly port: number;
  /** The internals, for tests. */
  readonly server: Server;
  inProcess(user: UserInfo): InProcessClient;
  /**
   * Shows renewed certificates from now on: to new clients, to kubelets, and to aggregated API
   * servers.
   */
  renew(own: RenewedIdentities): void;
  /**
   * This server is reached by another address from now on: the `kubernetes` Service leads there.
   */
  readvertise(address: string): Promise<void>;
  close(): Promise<void>;
}

export interface RenewedIdentities {
  tls: { key: string; cert: string };
  kubeletClient: { cert: string; key: string };
  frontProxy: { cert: string; key: string };
}

/**
 * Starts the API server: resources, policy objects, then the port if it is to have one. Resolves
 * when /readyz would say ok. What had been started when a later part fails is stopped again.
 */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  // Most servers know no issuers but themselves, and then load nothing of it.
  const configured =
    options.authenticationConfig || options.oidc
      ? await (await import('./authn/jwt/configured.ts')).configuredAuthentication(options)
      : undefined;
  const stops: Stop[] = [() => configured?.stop()];
  try {
    const server = await assemble(options, configured);
    stops.push(() => server.audit?.close());
    const authorization = options.authorization
      ? await (
          await import('./authz/configured.ts')
        ).configuredAuthorization(server, options.authorization)
      : undefined;
    stops.unshift(() => authorization?.stop());
    stops.unshift(...(await startParts(server, partsBeforePort)));
    const listener = await open(server);
    if (listener) stops.splice(-1, 0, () => listener.close());
    const cluster = await bootCluster(server);
    server.life.started('objects');
    server.flowControl.maintain();
    return handle(server, { listener, stops, cluster });
  } catch (error) {
    await stopAll(stops);
    throw error;
  }
}

/** The port, unless the parts of this process are the only ones that ask. */
async function open(server: Server): Promise<HttpsListener | undefined> {
  const { options, life } = server;
  const { listen, tls, clock } = options;
  if (!listen) return undefined;
  invariant(tls, 'a port is opened with a certificate', 'listen');
  const listener = await listenHttps('apiserver', {
    http2: speakHttp2,
    ...listen,
    ...tls,
    ca: clientAuthorities(options),
    onHandshakeFailed: () => clock.look(),
    onRequest: makeListener(server),
    onUpgrade: (request, socket, head) => void serveUpgrade(server, request, socket, head),
  });
  life.opened({
    port: listener.port,
    know: ({ request, real }) =>
      listener.know(request, { name: real.name, bounded: !real.groups.includes('system:masters') }),
  });
  return listener;
}

/**
 * Whose certificates clients may show. The authenticator judges them, by one authority or the
 * other.
 */
function clientAuthorities({ clientCa, requestHeader, clock, random }: ApiServerOptions): string {
  return namesakes([clientCa, requestHeader?.ca ?? ''].join('\n'), { nowMs: clock.now(), random });
}

interface Running {
  listener: HttpsListener | undefined;
  stops: readonly Stop[];
  cluster: BootedCluster;
}

function handle(server: Server, { listener, stops, cluster }: Running): ApiServer {
  return {
    port: listener?.port ?? 0,
    server,
    inProcess: (user) => new InProcessClient(server, user),
    renew: ({ tls, kubeletClient, frontProxy }) => {
      const { options } = server;
      options.kubeletClient = { ...options.kubeletClient, ...kubeletClient };
      if (options.requestHeader)
        options.requestHeader = {
          ...options.requestHeader,
          clientCert: frontProxy.cert,
          clientKey: frontProxy.key,
        };
      listener?.renew({ ...tls, ca: clientAuthorities(options) });
    },
    readvertise: async (address) => {
      const before = server.options.advertiseAddress;
      if (address === before) return;
      server.options.advertiseAddress = address;
      try {
        await cluster.readvertise();
      } catch (error) {
        // Nobody knows of the new one yet: a second attempt must not be told that all is done.
        server.options.advertiseAddress = before;
        throw error;
      }
    },
    close: async () => {
      server.life.stop();
      await cluster.leave();
      server.life.end();
      await stopAll(stops);
    },
  };
}
