import { isAddress } from '../../base/addresses.ts';
import { LRUCache } from 'lru-cache';
import { messageOf } from '../../base/errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { Random } from '../../io/random.ts';
import { rcodes, type Reply, type WireRecord } from '../../wire/dns/message.ts';
import { isWithin, nameKey, type WireName } from '../../wire/dns/names.ts';
import { askTcp, askUdp, type Asked, type Asking } from './ask.ts';
import { aged, trustedPart, ttlOf } from './trusted-part.ts';

/**
 * Asks the host's resolvers, one after the other, and keeps their answers for as long as these
 * allow.
 */
export interface Upstream {
  /**
   * The part of an answer that belongs to the question, or undefined when nobody answered or
   * `asker` asks too much at once.
   */
  ask(asked: Asked, asker: string): Promise<Reply | undefined>;
  /** Replaces the resolvers, as `nameserver` lines of a resolv.conf give them. */
  setResolvers(addresses: string[]): void;
  /** Resolvers of the names below a domain, the longest domain first. */
  setStubs(stubs: readonly Stub[]): void;
  /** Whether anybody can be asked for a name. */
  canAsk(name: WireName): boolean;
}

interface Stub {
  domain: WireName;
  resolvers: readonly string[];
}

/**
 * A resolver that says nothing for this long is passed over. glibc waits 5 s; a pod asks again
 * sooner.
 */
const answerMs = 2000;
/** Answers kept, and their bytes: enough for a node's pods. */
const cachedAnswers = 4096;
const cachedBytes = 2 * 1024 * 1024;
const largestCached = 8192;
/** No answer is kept longer, whatever it says: a site's addresses change. */
const longestKeepMs = 30_000;
/**
 * When no resolver answers, what was known last is given, with this time to live (RFC 8767), and
 * they are asked again after a while. With an old answer at hand nobody waits for longer than
 * `patientMs`.
 */
const staleMs = 24 * 60 * 60_000;
const staleTtl = 30;
const recheckMs = 5_000;
const patientMs = 1_800;
/**
 * Questions that wait for resolvers at once: of all, and of one pod, so that one cannot take the
 * places of all.
 */
const mostWaiting = 1024;
const mostWaitingOfOne = 128;

interface Kept {
  reply: Reply;
  atMs: number;
  /** Until then no name server is asked again. */
  untilMs: number;
}

export interface UpstreamOptions {
  clock: Clock;
  random: Random;
  log: Log;
  /** The cluster's own domain: nothing about it is believed from outside. */
  ownZone: WireName;
  /** Where resolvers listen; 53 but in tests. */
  port?: number;
}

export function makeUpstream(options: UpstreamOptions): Upstream {
  const { clock, log } = options;
  const sizeCalculation = ({ reply }: Kept): number =>
    [...reply.answers, ...reply.authorities].reduce(
      (sum, r) => sum + r.name.length + r.data.length + 64,
      256,
    );
  const cache = new LRUCache<string, Kept>({
    max: cachedAnswers,
    maxSize: cachedBytes,
    maxEntrySize: largestCached,
    sizeCalculation,
    ttl: staleMs,
    perf: { now: () => clock.monotonicMs() },
  });
  const running = new Map<string, Promise<Reply | undefined>>();
  const waiting = new Map<string, number>();
  /** Resolvers that change the letters of a question. */
  const careless = new Set<string>();
  let resolvers: string[] = [];
  let stubs: readonly Stub[] = [];
  const resolversFor = (name: WireName): readonly string[] =>
    stubs.find(({ domain }) => isWithin(name, domain))?.resolvers ?? resolvers;
  let generation = 0;

  const askOne = async (resolver: string, asked: Asked): Promise<Reply> => {
    const [address = '', port] = isAddress(resolver) ? [resolver] : resolver.split(':');
    const asking: Asking = {
      ...options,
      ...asked,
      resolver: address,
      port: Number(port ?? options.port ?? 53),
      timeoutMs: answerMs,
    };
    const answer = await askUdp({ ...asking, mixed: !careless.has(resolver) });
    if (answer.kind === 'whole') return answer.reply;
    // Cut, or with other letters than ours: a forger far away cannot answer over TCP.
    try {
      return await askTcp(asking);
    } catch (error) {
      if (answer.kind === 'cut') throw error;
      careless.add(resolver);
      log.info('a resolver keeps neither the letters of a question nor answers over TCP', {
        resolver,
      });
      const again = await askUdp({ ...asking, mixed: false });
      if (again.kind === 'whole') return again.reply;
      throw error;
    }
  };

  const askAll = async (asked: Asked): Promise<Reply | undefined> => {
    for (const resolver of resolversFor(asked.question.name)) {
      try {
        const reply = await askOne(resolver, asked);
        if (reply.rcode === rcodes.NOERROR || reply.rcode === rcodes.NXDOMAIN)
          return trustedPart(reply, asked.question, options.ownZone);
      } catch (error) {
        log.debug('resolver does not answer', { resolver, error: messageOf(error) });
      }
    }
    return undefined;
  };

  const askAndKeep = async (key: string, asked: Asked): Promise<Reply | undefined> => {
    const born = generation;
    const reply = await askAll(asked);
    if (born !== generation) return reply;
    const nowMs = clock.monotonicMs();
    const keepMs = reply ? Math.min(ttlOf(reply) * 1000, longestKeepMs) : 0;
    if (reply && keepMs > 0) cache.set(key, { reply, atMs: nowMs, untilMs: nowMs + keepMs });
    else if (reply) cache.delete(key);
    else postpone(key);
    return reply;
  };

  /** Its resolvers are away: what is known is good enough for a while. */
  const postpone = (key: string): void => {
    const kept = cache.peek(key);
    if (kept) kept.untilMs = clock.monotonicMs() + recheckMs;
  };

  const start = (key: string, asked: Asked, asker: string): Promise<Reply | undefined> => {
    const shared = running.get(key);
    if (shared) return shared;
    const own = waiting.get(asker) ?? 0;
    if (running.size >= mostWaiting || own >= mostWaitingOfOne) return Promise.resolve(undefined);
    waiting.set(asker, own + 1);
    const asking = askAndKeep(key, asked).finally(() => {
      running.delete(key);
      const left = (waiting.get(asker) ?? 1) - 1;
      if (left > 0) waiting.set(asker, left);
      else waiting.delete(asker);
    });
    running.set(key, asking);
    return asking;
  };

  const forget = (): void => {
    generation++;
    cache.clear();
    careless.clear();
  };

  return {
    canAsk: (name) => resolversFor(name).length > 0,
    setResolvers(addresses) {
      resolvers = addresses;
      forget();
    },
    setStubs(all) {
      stubs = all;
      forget();
    },
    async ask(asked, asker) {
      const key = keyOf(asked);
      const kept = cache.get(key);
      const nowMs = clock.monotonicMs();
      if (kept && nowMs < kept.untilMs) return knownOf(kept, nowMs);
      const asking = start(key, asked, asker);
      if (!kept) return asking;
      const patience = clock.sleep('dns.patience', patientMs).then(() => undefined);
      const reply = await Promise.race([asking, patience]);
      return reply ?? knownOf(kept, clock.monotonicMs());
    },
  };
}

/** An answer as it is now; with a short time to live when its own is over. */
function knownOf({ reply, atMs }: Kept, nowMs: number): Reply {
  const seconds = Math.floor((nowMs - atMs) / 1000);
  if (seconds < ttlOf(reply)) return aged(reply, seconds);
  const stale = (r: WireRecord): WireRecord => ({ ...r, ttl: staleTtl });
  return { ...reply, answers: reply.answers.map(stale), authorities: reply.authorities.map(stale) };
}

/** The name label for label, not as text: one label "www.bank" is not two. */
function keyOf({ question, ...flags }: Asked): string {
  return (
    `${question.type} ${question.class} ` +
    `${flags.checkingDisabled ? 'c' : '-'}${flags.authenticData ? 'a' : '-'}` +
    `${flags.dnssecOk ? 'd' : '-'} ${nameKey(question.name)}`
  );
}

/** The `nameserver` addresses of a resolv.conf, without our own. */
export function resolversOf(resolvConf: string, own: string): string[] {
  const all = [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(
    (m) => (m[1] as string).split('%')[0] as string,
  );
  return [...new Set(all)].filter((a) => isAddress(a) && a !== own).slice(0, 3);
}
