import type { Duplex } from 'node:stream';
import { messageOf } from '../base/errors.ts';
import type { Clock, Timer } from '../io/clock.ts';
import { realDial, type Dial } from '../io/dial.ts';
import type { Log } from '../io/log.ts';
import { multiplexAcceptor, type Acceptor } from '../io/multiplexer.ts';
import type { Identity } from '../pki/certificate.ts';
import { serverNameOfApi } from './api-names.ts';
import { handshakePaths, tunnelProtocol, tunnelSilenceMs } from './handshake-paths.ts';
import { parseServer } from './server-list.ts';

/** Between two attempts; twice as long after each that failed, up to the longest. */
const retryMs = 1000;
const longestRetryMs = 30_000;
const pingEveryMs = tunnelSilenceMs / 2;
const pongMs = tunnelSilenceMs / 3;

export interface TunnelOptions {
  ca: string;
  /** The node's certificate, as it is now. */
  shown(): Identity;
  /** `host:port` of each server: each gets a tunnel, so that each reaches this node. */
  servers(): readonly string[];
  /** The port of the kubelet here. */
  kubeletPort: number;
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
 * servers reach the kubelet's port of this node, and nothing else. Per server:
 *
 *     dialling -> stands -> lost -> (wait, longer after each failure) -> dialling
 */
export function keepTunnels(options: TunnelOptions): TunnelClient {
  const links = new Map<string, { stop(): void }>();
  let stopped = false;
  const look = (): void => {
    if (stopped) return;
    const wanted = new Set(options.servers());
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
  let stopped = false;
  let delayMs = retryMs;
  const again = (): void => {
    tunnel = undefined;
    timer?.cancel();
    if (stopped) return;
    timer = clock.after('tunnel', delayMs, () => void dialNow());
    delayMs = Math.min(delayMs * 2, longestRetryMs);
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
      const socket = await dialTunnel(server, options);
      if (stopped) return void socket.destroy();
      log.info('a tunnel to a server stands', { server });
      delayMs = retryMs;
      tunnel = multiplexAcceptor(socket, {
        accept: (to) => connectHere(to, options),
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
      tunnel?.destroy();
    },
  };
}

async function dialTunnel(
  server: string,
  { ca, shown, dial = realDial }: TunnelOptions,
): Promise<Duplex> {
  const at = parseServer(server);
  if (!at) throw new Error('it is no address');
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
    return answer.socket;
  }
  answer.message.resume();
  throw new Error(`refused with status ${answer.message.statusCode}`);
}

/** Only the kubelet's port is reached, whatever address of this node is named. */
async function connectHere(
  authority: string,
  { kubeletPort, dial = realDial }: TunnelOptions,
): Promise<Duplex> {
  if (!authority.endsWith(`:${kubeletPort}`)) throw new Error('only the port of the kubelet');
  return await dial.connect('tunnel', { host: '127.0.0.1', port: kubeletPort });
}
