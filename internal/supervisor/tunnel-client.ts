import type { Duplex } from 'node:stream';
import { messageOf } from '../base/errors.ts';
import type { Clock, Timer } from '../io/clock.ts';
import { realDial, type Dial } from '../io/dial.ts';
import type { Log } from '../io/log.ts';
import { multiplexAcceptor, type Acceptor } from '../io/multiplexer.ts';
import type { Identity } from '../pki/certificate.ts';
import { serverNameOfApi } from './api-names.ts';
import type { Troubles } from '../client/troubles.ts';
import { ledTo, type Inward } from './egress.ts';
import {
  egressHeader,
  egressModes,
  handshakePaths,
  tunnelProtocol,
  tunnelSilenceMs,
  type EgressMode,
} from './handshake-paths.ts';
import { parseServer, type ServerList } from './server-list.ts';

/** Between two attempts; twice as long after each that failed, up to the longest. */
const retryMs = 1000;
const longestRetryMs = 8000;
const pingEveryMs = tunnelSilenceMs / 2;
const pongMs = tunnelSilenceMs / 3;

export interface TunnelOptions {
  ca: string;
  /** The node's certificate, as it is now. */
  shown(): Identity;
  /** `host:port` of each server: each gets a tunnel, so that each reaches this node. */
  servers: Pick<ServerList, 'known' | 'failed' | 'back'>;
  /** What of this node may be reached. */
  inward: Inward;
  /** A server that has no tunnel for long is one of them. */
  troubles: Troubles;
  clock: Clock;
  log: Log;
  dial?: Dial;
}

export interface TunnelClient {
  /** The servers have changed. */
  look(): void;
  stop(): void;
}

/**
 * Keeps one tunnel to every server, dialled from here: a node needs no open port. Through it
 * servers reach the kubelet of this node, and of its pods what their mode says. Per server:
 *
 *     dialling -> stands -> lost -> (wait, longer after each failure) -> dialling
 */
export function keepTunnels(options: TunnelOptions): TunnelClient {
  const links = new Map<string, { stop(): void }>();
  let stopped = false;
  const look = (): void => {
    if (stopped) return;
    const wanted = new Set(options.servers.known);
    for (const [server, link] of links) {
      if (wanted.has(server)) continue;
      links.delete(server);
      link.stop();
    }
    for (const server of wanted)
      if (!links.has(server)) links.set(server, keepTunnel(server, options));
  };
  look();
  return {
    look,
    stop() {
      stopped = true;
      for (const link of links.values()) link.stop();
    },
  };
}

function keepTunnel(server: string, options: TunnelOptions): { stop(): void } {
  const { clock, log } = options;
  let tunnel: Acceptor | undefined;
  let timer: Timer | undefined;
  let missing: Timer | undefined;
  let stopped = false;
  let delayMs = retryMs;
  const trouble = (message: string | undefined): void =>
    options.troubles.set('TunnelMissing', server, message);
  const again = (): void => {
    tunnel = undefined;
    timer?.cancel();
    if (stopped) return;
    options.servers.failed(server);
    missing ??= clock.after('tunnel.missing', tunnelSilenceMs, () =>
      trouble(
        `server ${server} has no tunnel to this node, and reaches it by its address if at all`,
      ),
    );
    timer = clock.after('tunnel', delayMs, () => void dialNow());
    delayMs = Math.min(delayMs * 2, longestRetryMs);
  };
  const stands = (): void => {
    log.info('a tunnel to a server stands', { server });
    options.servers.back(server);
    missing?.cancel();
    missing = undefined;
    trouble(undefined);
    delayMs = retryMs;
  };
  const pings = (): void => {
    timer = clock.after('tunnel', pingEveryMs, () => {
      const asked = tunnel;
      asked?.ping(pongMs).then(
        () => asked === tunnel && pings(),
        () => {
          log.warn('a server does not answer through its tunnel', { server });
          asked.destroy();
        },
      );
    });
  };
  const dialNow = async (): Promise<void> => {
    try {
      const { socket, mode } = await dialTunnel(server, options);
      if (stopped) return void socket.destroy();
      stands();
      tunnel = multiplexAcceptor(socket, {
        accept: (to) => connectHere(to, mode, options),
        ended: again,
      });
      await tunnel.ping(pongMs).catch(() => tunnel?.destroy());
      if (tunnel) pings();
    } catch (error) {
      log.debug('no tunnel to a server yet', { server, error: messageOf(error) });
      again();
    }
  };
  void dialNow();
  return {
    stop() {
      stopped = true;
      timer?.cancel();
      missing?.cancel();
      trouble(undefined);
      tunnel?.destroy();
    },
  };
}

async function dialTunnel(
  server: string,
  { ca, shown, dial = realDial }: TunnelOptions,
): Promise<{ socket: Duplex; mode: EgressMode }> {
  const at = parseServer(server);
  if (!at) throw new Error('it must be an address with a port');
  const target = { ...at, tls: { ca, ...shown(), servername: serverNameOfApi } };
  const headers = { host: server, connection: 'Upgrade', upgrade: tunnelProtocol };
  const answer = await dial.request('tunnel', target, {
    method: 'GET',
    path: handshakePaths.connect,
    headers,
    timeoutMs: pongMs,
  });
  if (answer.kind === 'upgrade') {
    if (answer.head.length > 0) answer.socket.unshift(answer.head);
    const told = answer.message.headers[egressHeader];
    return { socket: answer.socket, mode: egressModes.find((one) => one === told) ?? 'agent' };
  }
  answer.message.resume();
  throw new Error(`refused with status ${answer.message.statusCode}`);
}

async function connectHere(
  authority: string,
  mode: EgressMode,
  { inward, log, dial = realDial }: TunnelOptions,
): Promise<Duplex> {
  const to = ledTo(authority, mode, inward);
  if (!to) {
    log.warn('a server asked for what its tunnel does not lead to', { asked: authority, mode });
    throw new Error('not allowed');
  }
  return await dial.connect('tunnel', to);
}
