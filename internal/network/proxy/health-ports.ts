import { messageOf } from '../../base/errors.ts';
import type { Port } from '../../base/addresses.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { PlainAnswer } from '../../io/plain-http.ts';

/** What the health check of one Service says on this node. */
export interface ServiceHealth {
  namespace: string;
  name: string;
  port: Port;
  /** Ready endpoints on this node. */
  localEndpoints: number;
}

export interface HealthPortsOptions {
  clock: Clock;
  log: Log;
  listen(
    op: string,
    at: { address: string; port: number },
    answer: (path: string) => PlainAnswer,
  ): Promise<{ close(): void }>;
}

const retryMs = 10_000;

interface Held {
  health: ServiceHealth;
  listener?: { close(): void };
  timer?: Timer;
  closed: boolean;
}

/**
 * Answers on the health check node ports of Services whose traffic stays on the node: load
 * balancers outside ask there whether to send any. What is answered is kube-proxy's, byte for byte
 * but for the order of headers.
 */
export class HealthPorts {
  readonly #o: HealthPortsOptions;
  readonly #held = new Map<Port, Held>();

  constructor(options: HealthPortsOptions) {
    this.#o = options;
  }

  /** From now on these, and no others. */
  set(wanted: readonly ServiceHealth[]): void {
    const ports = new Map(wanted.map((health) => [health.port, health]));
    for (const [port, held] of this.#held) {
      const health = ports.get(port);
      if (health) held.health = health;
      else this.#close(port, held);
    }
    for (const [port, health] of ports) {
      if (this.#held.has(port)) continue;
      const held: Held = { health, closed: false };
      this.#held.set(port, held);
      void this.#listen(held);
    }
  }

  stop(): void {
    this.set([]);
  }

  #close(port: Port, held: Held): void {
    held.closed = true;
    held.timer?.cancel();
    held.listener?.close();
    this.#held.delete(port);
  }

  async #listen(held: Held): Promise<void> {
    const { port } = held.health;
    try {
      const at = { address: '0.0.0.0', port };
      const listener = await this.#o.listen('proxy.health', at, () => answerOf(held.health));
      if (held.closed) listener.close();
      else held.listener = listener;
    } catch (error) {
      if (held.closed) return;
      const { namespace, name } = held.health;
      this.#o.log.warn('the health check port of a Service cannot be served', {
        service: `${namespace}/${name}`,
        port,
        error: messageOf(error),
      });
      held.timer = this.#o.clock.after('proxy.health', retryMs, () => void this.#listen(held));
    }
  }
}

/** The answer of pkg/proxy/healthcheck. */
export function answerOf({ namespace, name, localEndpoints }: ServiceHealth): PlainAnswer {
  const said = { service: { namespace, name }, localEndpoints, serviceProxyHealthy: true };
  return {
    status: localEndpoints > 0 ? 200 : 503,
    headers: {
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      'x-load-balancing-endpoint-weight': String(localEndpoints),
    },
    body: `${JSON.stringify(said, undefined, '\t')}\n`,
  };
}
