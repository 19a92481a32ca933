import type { Exchange } from './http/exchange.ts';

/**
 * Parts of the server in the order of their start: what authorizers and admission keep in memory,
 * admission, resource definitions, other servers' APIs, the objects of every cluster. The documents
 * are there from the beginning.
 */
export type StartedPart =
  | 'documents'
  | 'caches'
  | 'admission'
  | 'definitions'
  | 'aggregation'
  | 'objects';

/** Where the server is reached from outside. */
export interface Door {
  readonly port: number;
  /** Tells whose connection a request came by; false when that user has too many. */
  know(exchange: Exchange): boolean;
}

/** Told to others while no port is open: kube-apiserver's own. */
const defaultPort = 6443;

/** How far a server has come: what has been started, whether its port is open, whether it ends. */
export class Lifecycle {
  readonly #started = new Set<StartedPart>(['documents']);
  readonly #shutdown = new Set<() => void>();
  #door: Door | undefined;
  #stopping = false;

  get stopping(): boolean {
    return this.#stopping;
  }

  get port(): number {
    return this.#door?.port ?? defaultPort;
  }

  has(part: StartedPart): boolean {
    return this.#started.has(part);
  }

  started(part: StartedPart): void {
    this.#started.add(part);
  }

  opened(door: Door): void {
    this.#door = door;
  }

  know(exchange: Exchange): boolean {
    return this.#door?.know(exchange) ?? true;
  }

  /** Called once when the server stops; returns how to leave. */
  onShutdown(fn: () => void): () => void {
    this.#shutdown.add(fn);
    return () => this.#shutdown.delete(fn);
  }

  /** From now on /readyz fails. */
  stop(): void {
    this.#stopping = true;
  }

  /** Ends what waits for the end: watches. */
  end(): void {
    for (const fn of this.#shutdown) fn();
  }
}
