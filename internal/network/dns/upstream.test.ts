import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock } from '../../io/clock.ts';
import { silentLog } from '../../io/log.ts';
import { seededRandom } from '../../io/random.ts';
import { bindUdp, type Datagrams } from '../../io/sockets.ts';
import { classIn, types, type Reply } from '../../wire/dns/message.ts';
import { nameOf } from '../../wire/dns/names.ts';
import { a, host, questionName, reply } from './testing/messages.ts';
import { makeUpstream, type Upstream } from './upstream.ts';

/** Two resolvers, one for all names and one for those below corp.test. */
const other = host.replace(/\.1$/, '.2');
let resolvers: Datagrams[];
let upstream: Upstream;
let answering: boolean;
let asked: string[];

beforeEach(async () => {
  answering = true;
  asked = [];
  const open = (address: string, port: number, ip: string): Promise<Datagrams> =>
    bindUdp('test', { address, port }, (data, from) => {
      asked.push(address);
      const answers = [a(questionName(data), ip, 1)];
      const socket = resolvers[address === host ? 0 : 1];
      if (answering) socket?.send(reply(data, { answers }), from.port, from.address);
    });
  const first = await open(host, 0, '192.0.2.1');
  resolvers = [first, await open(other, 0, '192.0.2.2')];
  upstream = makeUpstream({
    clock: realClock,
    random: seededRandom(1),
    log: silentLog,
    ownZone: nameOf('cluster.local'),
    port: first.port,
  });
});
afterEach(() => resolvers.forEach((one) => one.close()));

const ask = (name: string): Promise<Reply | undefined> =>
  upstream.ask(
    {
      question: { name: nameOf(name), type: types.A, class: classIn },
      checkingDisabled: false,
      authenticData: false,
      dnssecOk: false,
    },
    '10.42.0.1',
  );
const ipsOf = (found: Reply | undefined): string[] =>
  (found?.answers ?? []).map(({ data, ttl }) => `${[...data].join('.')} ${ttl}`);

describe('resolvers', () => {
  it('of a domain are asked for the names below it, and nobody else is', async () => {
    expect(upstream.canAsk(nameOf('x.test'))).toBe(false);
    const [, second] = resolvers;
    upstream.setStubs([{ domain: nameOf('corp.test'), resolvers: [`${other}:${second?.port}`] }]);
    expect(upstream.canAsk(nameOf('x.test'))).toBe(false);
    expect(upstream.canAsk(nameOf('x.corp.test'))).toBe(true);
    upstream.setResolvers([host]);
    expect(ipsOf(await ask('x.test'))).toEqual(['192.0.2.1 1']);
    expect(ipsOf(await ask('x.corp.test'))).toEqual(['192.0.2.2 1']);
    expect(ipsOf(await ask('corp.test'))).toEqual(['192.0.2.2 1']);
    expect(ipsOf(await ask('notcorp.test'))).toEqual(['192.0.2.1 1']);
    expect(asked).toEqual([host, other, other, host]);
  });

  it('that are away leave what was known last, with a short time to live', async () => {
    upstream.setResolvers([host]);
    expect(ipsOf(await ask('x.test'))).toEqual(['192.0.2.1 1']);
    answering = false;
    await realClock.sleep('test', 1100);
    const begunMs = realClock.monotonicMs();
    expect(ipsOf(await ask('x.test'))).toEqual(['192.0.2.1 30']);
    // Pods ask again after five seconds.
    expect(realClock.monotonicMs() - begunMs).toBeLessThan(5_000);
    expect(await ask('new.test')).toBeUndefined();
    // They are left alone for a while, and then asked again.
    const before = asked.length;
    expect(ipsOf(await ask('x.test'))).toEqual(['192.0.2.1 30']);
    expect(asked.length).toBe(before);
    answering = true;
    await expect
      .poll(async () => ipsOf(await ask('x.test')), { timeout: 10_000, interval: 200 })
      .toEqual(['192.0.2.1 1']);
    // Another network is another world.
    answering = false;
    upstream.setResolvers([host]);
    expect(await ask('x.test')).toBeUndefined();
  });
});
