import { isAddress } from '../base/addresses.ts';

/** A server's API: `10.0.0.1:6443`, `[fd00::1]:6443`, `api.example.com:6443`. */
export interface ServerAddress {
  host: string;
  port: number;
}

export function parseServer(text: string): ServerAddress | undefined {
  const [, host = '', port = ''] =
    /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(text) ?? [];
  const bare = host.replace(/^\[|\]$/g, '');
  const number = Number(port);
  if (bare === '' || number < 1 || number > 65_535) return undefined;
  return host.startsWith('[') && !(bare.includes(':') && isAddress(bare))
    ? undefined
    : { host: bare, port: number };
}

/**
 * The servers a node knows, and which of them to try next. States, by server:
 *
 *     fresh -> good (a connection stood) -> failed (none did, or it broke) -> good
 *
 * The one in use stays in use while it is good. Failed ones are tried last, the one that failed
 * longest ago first. The server that the node was told (`--server`) is always one of them. `spread`
 * orders those of which nothing is known yet, differently on each node.
 *
 * A server is away from its failure on until a connection or a tunnel to it stands.
 */
export class ServerList {
  readonly #told: string;
  #known: string[];
  #current: string | undefined;
  readonly #failedAt = new Map<string, number>();
  #failures = 0;
  readonly #away = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #spread: (server: string) => number;

  constructor(
    told: string,
    known: readonly string[],
    spread: (server: string) => number = () => 0,
  ) {
    this.#told = told;
    this.#known = [...known];
    this.#spread = spread;
  }

  /** Those that the cluster says; the told one until it has said any. */
  get known(): string[] {
    return this.#known.length > 0 ? [...this.#known] : [this.#told];
  }

  /** All of them, the given one last unless it is among the known ones. */
  get all(): string[] {
    return [...new Set([...this.#known, this.#told])];
  }

  /** What the cluster says; an empty list is no news. */
  learn(known: readonly string[]): boolean {
    const good = [...new Set(known)].filter((one) => parseServer(one) !== undefined).toSorted();
    if (good.length === 0 || good.join() === this.#known.toSorted().join()) return false;
    this.#known = good;
    for (const one of this.#failedAt.keys())
      if (!this.all.includes(one)) this.#failedAt.delete(one);
    for (const one of this.#away) if (!this.all.includes(one)) this.#away.delete(one);
    return true;
  }

  /** In the order in which they should be tried now. */
  order(): string[] {
    const rank = (one: string): number =>
      one === this.#current && !this.#failedAt.has(one) ? -1 : (this.#failedAt.get(one) ?? 0);
    return this.all.toSorted((a, b) => rank(a) - rank(b) || this.#spread(a) - this.#spread(b));
  }

  good(server: string): void {
    this.#current = server;
    this.#failedAt.delete(server);
    this.back(server);
  }

  failed(server: string): void {
    this.#failures += 1;
    this.#failedAt.set(server, this.#failures);
    if (this.#away.has(server)) return;
    this.#away.add(server);
    this.#tell();
  }

  /** The server answers again; it is not gone back to for that. */
  back(server: string): void {
    if (this.#away.delete(server)) this.#tell();
  }

  isAway(server: string): boolean {
    return this.#away.has(server);
  }

  /** Calls `fn` when a server has gone away or is back. */
  onTurn(fn: () => void): () => void {
    this.#listeners.add(fn);
    return () => void this.#listeners.delete(fn);
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
