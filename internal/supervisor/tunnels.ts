import type { Duplex } from 'node:stream';
import type { PlainRequest } from '../apiserver/options.ts';
import { ApiError } from '../api/status.ts';
import type { Clock, Timer } from '../io/clock.ts';
import type { Log } from '../io/log.ts';
import { multiplexOpener, type Opener } from '../io/multiplexer.ts';
import {
  egressHeader,
  handshakePaths,
  tunnelProtocol,
  tunnelSilenceMs,
  type EgressMode,
} from './handshake-paths.ts';

interface Tunnel {
  opener: Opener;
  /** The same for as long as the tunnel stands: connections that are kept hang on it. */
  way: (authority: string) => Promise<Duplex>;
  heardMs: number;
  timer?: Timer;
}

/**
 * The tunnels that nodes have dialled to this server: the way to their kubelets, which may have no
 * address that can be reached. Per node:
 *
 *     none -> stands (its agent dialled) -> silent (no ping in time) -> none
 *                  \-> another dialled: the older one ends
 *
 * The agent pings. This end looks whether a ping came in time, and what goes through a tunnel that
 * is silent ends with it: a log that is followed, a terminal.
 */
export class Tunnels {
  readonly #byNode = new Map<string, Tunnel>();
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #mode: EgressMode;

  constructor({ clock, log, mode }: { clock: Clock; log: Log; mode: EgressMode }) {
    this.#clock = clock;
    this.#log = log;
    this.#mode = mode;
  }

  /** How a port of the node is opened; undefined while it has no tunnel here. */
  of(node: string): ((authority: string) => Promise<Duplex>) | undefined {
    return this.#mode === 'disabled' ? undefined : this.#byNode.get(node)?.way;
  }

  /** Ends a tunnel that has been silent for too long; looks again when it could be. */
  #watch(node: string, tunnel: Tunnel): void {
    const quietMs = this.#clock.monotonicMs() - tunnel.heardMs;
    if (quietMs < tunnelSilenceMs) {
      tunnel.timer = this.#clock.after('tunnel', tunnelSilenceMs - quietMs, () =>
        this.#watch(node, tunnel),
      );
      return;
    }
    this.#log.warn('a tunnel is silent and given up', { node });
    tunnel.opener.close();
  }

  /** Takes a connection that an agent opened; false = it is not one. */
  async take(request: PlainRequest, socket: Duplex): Promise<boolean> {
    if (request.path !== handshakePaths.connect) return false;
    const user = await request.user();
    const prefix = 'system:node:';
    if (!user.name.startsWith(prefix) || !user.groups.includes('system:nodes'))
      throw new ApiError('Forbidden', 'a tunnel is for nodes, which show their certificate');
    if (request.header('upgrade') !== tunnelProtocol)
      throw new ApiError('BadRequest', `the protocol of a tunnel is ${tunnelProtocol}`);
    const node = user.name.slice(prefix.length);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${tunnelProtocol}\r\n` +
        `Connection: Upgrade\r\n${egressHeader}: ${this.#mode}\r\n\r\n`,
    );
    const now = (): number => this.#clock.monotonicMs();
    const before = this.#byNode.get(node);
    const tunnel: Tunnel = {
      heardMs: now(),
      way: (authority) => tunnel.opener.open(authority),
      opener: multiplexOpener(socket, {
        pinged: () => void (tunnel.heardMs = now()),
        lost: () => {
          tunnel.timer?.cancel();
          if (this.#byNode.get(node) !== tunnel) return;
          this.#byNode.delete(node);
          this.#log.info('the tunnel of a node has ended', { node });
        },
      }),
    };
    this.#byNode.set(node, tunnel);
    this.#watch(node, tunnel);
    before?.opener.close();
    this.#log.info('a node has a tunnel', { node });
    return true;
  }

  stop(): void {
    for (const { opener } of this.#byNode.values()) opener.close();
  }
}
