import type { Socket } from 'node:net';
import { ConfigError, messageOf } from '../base/errors.ts';
import type { Clock, Timer } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import type { Log } from '../io/log.ts';
import { dialTcp, listenTcp, type Listener } from '../io/sockets.ts';
import { parseServer, type ServerList } from './server-list.ts';

/** A connection that does not stand by then goes to the next server. */
const connectMs = 2000;
const keepAliveMs = 15_000;
/**
 * How often a connection is looked at while something is on its way to the server. A server whose
 * machine has acknowledged nothing through this many repetitions of the kernel (each waits twice as
 * long as the one before, the first 0.2 s) is gone: it lost its power or its network, and says so
 * to nobody. Fewer do where another server takes a connection meanwhile: then it is not this node
 * that is cut off.
 */
const looksMs = 1000;
const mostRepetitions = 5;
const doubtfulRepetitions = 2;
/** As long as a connection to another server may take to put this one in the wrong. */
const otherMs = 500;

export interface Balancer {
  readonly port: number;
  stop(): void;
}

/**
 * A port on this machine that leads to one of the cluster's servers, whichever lives. What goes
 * through it is not looked at: TLS is between the client and the server.
 */
export async function startBalancer(options: {
  port: number;
  servers: ServerList;
  clock: Clock;
  disk: Disk;
  log: Log;
}): Promise<Balancer> {
  const open = new Set<Socket>();
  let listener: Listener;
  try {
    listener = await listenTcp(
      'load balancer',
      { address: '127.0.0.1', port: options.port },
      (client) => {
        open.add(client);
        client.on('close', () => open.delete(client));
        void carry(options, client);
      },
    );
  } catch (cause) {
    throw new ConfigError(`port ${options.port} of 127.0.0.1 cannot be had: ${messageOf(cause)}`, {
      op: 'agent',
      cause,
      hint: 'free it, or give another one with --lb-server-port',
    });
  }
  return {
    port: listener.port,
    stop() {
      listener.close();
      for (const client of open) client.destroy();
    },
  };
}

async function carry(
  { servers, clock, disk, log }: { servers: ServerList; clock: Clock; disk: Disk; log: Log },
  client: Socket,
): Promise<void> {
  client.on('error', () => client.destroy());
  client.pause();
  for (const server of servers.order()) {
    if (client.destroyed) return;
    const upstream = await connectTo(server).catch((error: unknown) => {
      // Told once: while none answers this comes every second.
      const level = servers.isAway(server) ? 'debug' : 'warn';
      servers.failed(server);
      log[level]('a server does not answer', { server, error: messageOf(error) });
      return undefined;
    });
    if (!upstream) continue;
    servers.good(server);
    const lost = (): void => {
      servers.failed(server);
      log.info('the connection to a server is lost', { server });
    };
    join(client, upstream, { clock, disk, lost, otherLives: () => otherLives(servers, server) });
    return;
  }
  client.destroy();
}

async function connectTo(server: string, timeoutMs = connectMs): Promise<Socket> {
  const at = parseServer(server);
  if (!at) throw new Error('it must be an address with a port');
  return await dialTcp('load balancer', { address: at.host, port: at.port, timeoutMs });
}

async function otherLives(servers: ServerList, than: string): Promise<boolean> {
  const others = servers.order().filter((one) => one !== than && !servers.isAway(one));
  const tries = others.map(async (one) => (await connectTo(one, otherMs)).destroy());
  return await Promise.any(tries).then(
    () => true,
    () => false,
  );
}

/** Each end's bytes go to the other, at the pace of the slower one; the end of one is both's. */
function join(
  client: Socket,
  upstream: Socket,
  { clock, disk, lost, otherLives: another }: Joining,
): void {
  let timer: Timer | undefined;
  const close = (): void => {
    timer?.cancel();
    timer = undefined;
    client.destroy();
    upstream.destroy();
  };
  const look = async (): Promise<void> => {
    const { onTheirWay, repetitions } = await sending(disk, upstream);
    const gone =
      repetitions >= mostRepetitions || (repetitions >= doubtfulRepetitions && (await another()));
    if (upstream.destroyed) return;
    timer = undefined;
    if (gone) {
      lost();
      close();
    } else if (onTheirWay) watch();
  };
  const watch = (): void => {
    timer ??= clock.after('load balancer', looksMs, () => void look());
  };
  client.on('data', watch);
  upstream.on('error', () => {
    if (!client.destroyed) lost();
  });
  upstream.setNoDelay(true);
  client.setNoDelay(true);
  upstream.setKeepAlive(true, keepAliveMs);
  upstream.on('close', close);
  client.on('close', close);
  client.pipe(upstream);
  upstream.pipe(client);
}

interface Joining {
  clock: Clock;
  disk: Disk;
  lost(): void;
  /** Whether another server takes a connection now. */
  otherLives(): Promise<boolean>;
}

/**
 * How what was sent on a connection fares, by the kernel's table of connections (proc(5),
 * /proc/net/tcp: addresses, state, queues `tx:rx`, timer, repetitions, all in hex).
 */
async function sending(
  disk: Disk,
  socket: Socket,
): Promise<{ onTheirWay: boolean; repetitions: number }> {
  const [own, peer] = [socket.localPort, socket.remotePort];
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const table = (await disk.readIfThere('connections', file))?.toString() ?? '';
    for (const line of table.split('\n')) {
      const [, local = '', remote = '', , queues = '', , repeated = ''] = line.trim().split(/\s+/);
      if (portIn(local) !== own || portIn(remote) !== peer) continue;
      const onTheirWay = parseInt(queues.split(':')[0] ?? '0', 16) > 0;
      return { onTheirWay, repetitions: parseInt(repeated, 16) || 0 };
    }
  }
  return { onTheirWay: false, repetitions: 0 };
}

const portIn = (address: string): number => parseInt(address.split(':').at(-1) ?? '', 16);
