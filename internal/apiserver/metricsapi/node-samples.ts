import { messageOf } from '../../base/errors.ts';
import type { Outward } from '../proxy/outward.ts';
import type { DialTarget } from '../../io/dial.ts';
import { readAnswer } from '../proxy/read-answer.ts';
import { sampleOf, type Sample } from './node-usage.ts';

/** Two looks at a node. */
export interface Pair {
  before: Sample;
  now: Sample;
}

interface Known {
  pair: Pair | undefined;
  last: Sample | undefined;
  /** When `last` was taken, by the monotonic clock. */
  atMs: number;
  asking: Promise<Pair | undefined> | undefined;
}

/** Within this time the answer is the same: a node is not measured for each request. */
const freshMs = 5_000;
/** A look of longer ago says nothing of now (metrics-server looks every 15 seconds). */
const oldMs = 90_000;
/** The window when there was no look before. */
const firstWindowMs = 1_000;
const timeoutMs = 5_000;
/** 110 pods with 5 containers each are about 500 KB. */
const maxDocumentBytes = 16 * 1024 * 1024;

/**
 * What nodes use, read from their /stats/summary when somebody asks, and never before: nothing
 * ticks here. The last look at each node is kept, so that the next question has a window.
 */
export class NodeSamples {
  readonly #server: Outward;
  readonly #target: (node: string) => Promise<DialTarget>;
  readonly #nodes = new Map<string, Known>();

  constructor(server: Outward, target: (node: string) => Promise<DialTarget>) {
    this.#server = server;
    this.#target = target;
  }

  /** Undefined for a node that does not answer. */
  of(node: string): Promise<Pair | undefined> {
    let known = this.#nodes.get(node);
    if (!known)
      this.#nodes.set(
        node,
        (known = { pair: undefined, last: undefined, atMs: 0, asking: undefined }),
      );
    const { asking, pair, atMs } = known;
    if (asking) return asking;
    if (pair && this.#now() - atMs < freshMs) return Promise.resolve(pair);
    const found = known;
    found.asking = this.#look(node, found)
      .catch((error: unknown) => {
        this.#server.core.log.debug('a node did not tell what it uses', {
          node,
          error: messageOf(error),
        });
        return undefined;
      })
      .finally(() => (found.asking = undefined));
    return found.asking;
  }

  /** Forgets nodes that are not among these any more. */
  keep(nodes: ReadonlySet<string>): void {
    for (const name of this.#nodes.keys()) if (!nodes.has(name)) this.#nodes.delete(name);
  }

  #now(): number {
    return this.#server.core.clock.monotonicMs();
  }

  async #look(node: string, known: Known): Promise<Pair> {
    if (!known.last || this.#now() - known.atMs > oldMs) {
      known.last = await this.#read(node);
      await this.#server.core.clock.sleep('metrics.window', firstWindowMs);
    }
    const pair = { before: known.last, now: await this.#read(node) };
    Object.assign(known, { pair, last: pair.now, atMs: this.#now() });
    return pair;
  }

  async #read(node: string): Promise<Sample> {
    const { core, options } = this.#server;
    const abort = new AbortController();
    const timer = core.clock.after('metrics.timeout', timeoutMs, () =>
      abort.abort(new Error(`no answer within ${timeoutMs / 1000} s`)),
    );
    try {
      const done = await options.dial.request('metrics.read', await this.#target(node), {
        method: 'GET',
        path: '/stats/summary?only_cpu_and_memory=true',
        headers: { accept: 'application/json' },
        signal: abort.signal,
      });
      if (done.kind === 'upgrade') {
        done.socket.destroy();
        throw new Error('the node switched protocols without being asked');
      }
      const text = (await readAnswer(done.message, maxDocumentBytes)).toString();
      if (done.message.statusCode !== 200) throw new Error(`status ${done.message.statusCode}`);
      return sampleOf(JSON.parse(text));
    } finally {
      timer.cancel();
    }
  }
}
