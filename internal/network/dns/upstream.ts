import { LRUCache } from 'lru-cache';
import { messageOf } from '../../base/errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { Random } from '../../io/random.ts';
import { bindUdp, dialTcp } from '../../io/sockets.ts';

/** Asks the host's resolvers, one after the other, and keeps their answers for as long as these allow. */
export interface Upstream {
  /** The raw answer with the question's id, or undefined when nobody answered. `key` names the question. */
  ask(key: string, query: Buffer): Promise<Buffer | undefined>;
  /** Replaces the resolvers, as `nameserver` lines of a resolv.conf give them. */
  setResolvers(addresses: string[]): void;
  readonly resolvers: readonly string[];
}

/** A resolver that says nothing for this long is passed over. glibc waits 5 s; a pod asks again sooner. */
const answerMs = 2000;
/** Answers kept: enough for a node's pods, about 2 MB. */
const cachedAnswers = 4096;
/** No answer is kept longer, whatever it says: a site's addresses change. */
const longestKeepMs = 30_000;

export function makeUpstream(options: { clock: Clock; random: Random; log: Log; ttlOf: (answer: Buffer) => number }): Upstream {
  const cache = new LRUCache<string, Buffer>({ max: cachedAnswers, ttl: longestKeepMs, perf: { now: () => options.clock.monotonicMs() } });
  const running = new Map<string, Promise<Buffer | undefined>>();
  let resolvers: string[] = [];

  const askAll = async (query: Buffer): Promise<Buffer | undefined> => {
    for (const resolver of resolvers) {
      try {
        const answer = await askUdp(options, resolver, query);
        // A truncated answer (TC) is asked for again over TCP.
        return answer && (answer[2] as number) & 0x02 ? await askTcp(resolver, query) : answer;
      } catch (error) {
        options.log.debug('resolver does not answer', { resolver, error: messageOf(error) });
      }
    }
    return undefined;
  };

  return {
    get resolvers() {
      return resolvers;
    },
    setResolvers(addresses) {
      resolvers = addresses;
      cache.clear();
    },
    async ask(key, query) {
      const kept = cache.get(key);
      if (kept) return withId(kept, query);
      let asking = running.get(key);
      if (!asking) {
        asking = askAll(query).finally(() => running.delete(key));
        running.set(key, asking);
      }
      const answer = await asking;
      const keepMs = answer ? Math.min(options.ttlOf(answer) * 1000, longestKeepMs) : 0;
      if (answer && keepMs > 0) cache.set(key, answer, { ttl: keepMs });
      return answer && withId(answer, query);
    },
  };
}

function withId(answer: Buffer, query: Buffer): Buffer {
  const copy = Buffer.from(answer);
  query.copy(copy, 0, 0, 2);
  return copy;
}

async function askUdp(options: { clock: Clock; random: Random }, resolver: string, query: Buffer): Promise<Buffer> {
  // A fresh socket and a fresh id for each question make forged answers harder (RFC 5452).
  const sent = Buffer.from(query);
  sent.writeUInt16BE(options.random.int(65536), 0);
  let settle: (answer: Buffer | undefined) => void = () => undefined;
  const answered = new Promise<Buffer | undefined>((resolve) => (settle = resolve));
  const socket = await bindUdp('dns.ask', { address: resolver.includes(':') ? '::' : '0.0.0.0', port: 0 }, (data, from) => {
    if (from.address === resolver && data.length >= 12 && data.readUInt16BE(0) === sent.readUInt16BE(0)) settle(data);
  });
  const timer = options.clock.after('dns.ask', answerMs, () => settle(undefined));
  socket.send(sent, 53, resolver);
  const answer = await answered;
  timer.cancel();
  socket.close();
  if (!answer) throw new Error(`no answer in ${answerMs} ms`);
  return answer;
}

async function askTcp(resolver: string, query: Buffer): Promise<Buffer> {
  const socket = await dialTcp('dns.ask.tcp', { address: resolver, port: 53, timeoutMs: answerMs });
  const head = Buffer.alloc(2);
  head.writeUInt16BE(query.length);
  socket.write(Buffer.concat([head, query]));
  let got = Buffer.alloc(0);
  try {
    for await (const chunk of socket) {
      got = Buffer.concat([got, chunk as Buffer]);
      if (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) return got.subarray(2, 2 + got.readUInt16BE(0));
    }
  } finally {
    socket.destroy();
  }
  throw new Error('the resolver closed the connection');
}

/** The `nameserver` addresses of a resolv.conf, without our own. */
export function resolversOf(resolvConf: string, own: string): string[] {
  const all = [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((m) => (m[1] as string).split('%')[0] as string);
  return [...new Set(all)].filter((a) => a !== own).slice(0, 3);
}
