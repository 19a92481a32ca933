import { refs } from '../../api/generated/refs.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import type { EventEmitter } from 'node:events';
import type {
  FlowSchema,
  PriorityLevelConfiguration,
} from '../../api/generated/types/flowcontrol-v1.ts';
import { keyOf, prefixEnd, type Watch } from '../../store/store.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { Core } from '../registry/core.ts';
import { objectOf } from '../registry/stored.ts';
import { Flow } from './flow.ts';
import { Level, type LevelOptions, type Queue } from './level.ts';
import { Maintenance, mandatoryObjects } from './maintain.ts';
import { byPrecedence, Matcher } from './matcher.ts';
import { lendableSeats, seatsOf, sharesOf } from './seats.ts';

/**
 * kube-apiserver's --max-requests-inflight, --max-mutating-requests-inflight and --request-timeout.
 */
export interface FlowControlOptions {
  maxRequestsInflight?: number;
  maxMutatingRequestsInflight?: number;
  requestTimeoutMs?: number;
}

const flowControlDefaults = {
  maxRequestsInflight: 400,
  maxMutatingRequestsInflight: 200,
  requestTimeoutMs: 60_000,
} as const;

/** A request waits at most this part of the request time-out. */
const waitPart = 4;

const places = {
  schemas: keyOf(registryPrefix(refs.flowSchemas)),
  levels: keyOf(registryPrefix(refs.priorityLevelConfigurations)),
} as const;

/** Lets requests in by the stored FlowSchemas and PriorityLevelConfigurations. */
export class FlowControl {
  readonly requestTimeoutMs: number;
  readonly #core: Core;
  readonly #total: number;
  readonly #levelOptions: LevelOptions;
  readonly #schemas = new Map<string, FlowSchema>();
  readonly #configs = new Map<string, PriorityLevelConfiguration>();
  readonly #watches: Watch[] = [];
  readonly #maintenance: Maintenance;
  /** A level that is gone still serves what runs or waits in it. */
  #levels = new Map<string, Level>();
  #flows = new Map<string, Flow>();
  #matcher: Matcher<Flow>;
  #stopped = false;
  /** Requests being served, as kube-apiserver tells them apart. */
  readonly inflight = { readOnly: 0, mutating: 0 };

  constructor(core: Core, options: FlowControlOptions) {
    const { maxRequestsInflight, maxMutatingRequestsInflight, requestTimeoutMs } = {
      ...flowControlDefaults,
      ...defined(options),
    };
    this.#core = core;
    this.requestTimeoutMs = requestTimeoutMs;
    this.#total = maxRequestsInflight + maxMutatingRequestsInflight;
    this.#levelOptions = {
      clock: core.clock,
      maxWaitMs: requestTimeoutMs / waitPart,
      lendable: () => lendableSeats(this.#levels.values()),
    };
    this.#maintenance = new Maintenance(core);
    this.#matcher = this.#compile();
  }

  /** Follows the objects; resolves when the present ones count. */
  async start(): Promise<void> {
    await this.#follow(places.schemas, this.#schemas);
    await this.#follow(places.levels, this.#configs);
  }

  /** From now on upstream's own objects and the conditions are kept as they should be. */
  maintain(): void {
    this.#maintenance.start(this.#schemas, this.#configs);
  }

  stop(): void {
    this.#stopped = true;
    this.#maintenance.stop();
    for (const watch of this.#watches) watch.cancel();
  }

  levels(): Level[] {
    return [...this.#levels.values()];
  }

  flows(): Iterable<Flow> {
    return this.#flows.values();
  }

  /** Notes in the exchange what the request belongs to; undefined when it passes uncounted. */
  classify(exchange: Exchange): Flow | undefined {
    if (isLongRunning(exchange.info)) return undefined;
    return (exchange.flow = this.#matcher.find(exchange.user, exchange.info));
  }

  /**
   * The queue a request came from once it may begin; null when it has been sent away. Only for
   * requests that tryStart() refused.
   */
  async wait(exchange: Exchange, flow: Flow, closing: EventEmitter): Promise<Queue | null> {
    const gone = new AbortController();
    const left = (): void => gone.abort();
    closing.once('close', left);
    const waited = await flow.level.wait(
      flow,
      flow.hashOf(exchange.user, exchange.info),
      gone.signal,
    );
    closing.off('close', left);
    return 'queue' in waited ? waited.queue : null;
  }

  finish(flow: Flow, tookMs: number, queue: Queue | undefined): void {
    flow.level.finish(flow, tookMs, queue);
    this.#dispatch(flow.level);
  }

  /** Requests that wait at the same level go first, then those that may borrow. */
  #dispatch(first: Level): void {
    if (first.waitingCount > 0) first.dispatch();
    for (const level of this.#levels.values()) if (level.waitingCount > 0) level.dispatch();
  }

  async #follow<T>(prefix: string, map: Map<string, T>): Promise<void> {
    const range = { key: prefix, end: prefixEnd(prefix) };
    const now = await this.#core.store.range(range);
    map.clear();
    for (const kv of now.kvs) map.set(kv.key.slice(prefix.length), objectOf(kv) as T);
    this.#changed();
    this.#watches.push(
      this.#core.store.watch({
        ...range,
        startRevision: now.revision + 1,
        onEvents: (events) => {
          for (const event of events) {
            const name = event.kv.key.slice(prefix.length);
            if (event.type === 'DELETE') map.delete(name);
            else map.set(name, objectOf(event.kv) as T);
          }
          this.#changed();
        },
        onEnd: (why) => {
          if (why.reason !== 'closed' && !this.#stopped) void this.#follow(prefix, map);
        },
      }),
    );
  }

  #changed(): void {
    this.#matcher = this.#compile();
    this.#maintenance.look();
  }

  #compile(): Matcher<Flow> {
    const mandatory = mandatoryObjects();
    const configs = new Map([...mandatory.levels, ...this.#configs]);
    const shares = [...configs.values()].reduce((sum, config) => sum + sharesOf(config), 0);
    const levels = new Map<string, Level>();
    for (const [name, config] of configs) {
      const known = this.#levels.get(name);
      const level =
        known && known.uid === (config.metadata.uid ?? '')
          ? known
          : new Level(config, this.#levelOptions);
      level.configure(config, seatsOf(config, this.#total, shares));
      levels.set(name, level);
    }
    this.#levels = levels;
    const flows = new Map<string, Flow>();
    const ordered: { schema: FlowSchema; of: Flow }[] = [];
    for (const schema of [...new Map([...mandatory.schemas, ...this.#schemas]).values()].sort(
      byPrecedence,
    )) {
      const level = levels.get(schema.spec?.priorityLevelConfiguration.name ?? '');
      if (!level) continue;
      const flow = this.#flowOf(schema, level);
      flows.set(flow.name, flow);
      ordered.push({ schema, of: flow });
    }
    this.#flows = flows;
    return new Matcher(ordered, flows.get('catch-all') as Flow);
  }

  #flowOf(schema: FlowSchema, level: Level): Flow {
    const known = this.#flows.get(schema.metadata.name ?? '');
    if (!known || known.uid !== (schema.metadata.uid ?? '')) return new Flow(schema, level);
    const same =
      known.level === level &&
      known.distinguisher === (schema.spec?.distinguisherMethod?.type ?? '');
    return same ? known : new Flow(schema, level, known);
  }
}

const streams = new Set(['attach', 'exec', 'proxy', 'log', 'portforward']);

/**
 * Requests that live as long as the client likes, other than watches, which count until they have
 * begun.
 */
export function isLongRunning(info: RequestInfo): boolean {
  return info.isResource && (info.verb === 'proxy' || streams.has(info.subresource));
}

function defined(options: FlowControlOptions): Partial<Record<keyof FlowControlOptions, number>> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
