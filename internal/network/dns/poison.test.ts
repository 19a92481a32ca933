import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock } from '../../io/clock.ts';
import { silentLog } from '../../io/log.ts';
import { seededRandom } from '../../io/random.ts';
import { bindUdp, listenTcp, type Datagrams, type Listener } from '../../io/sockets.ts';
import { parseReply, type Reply } from '../../wire/dns/message.ts';
import { nameKey, nameOf } from '../../wire/dns/names.ts';
import { KeptAnswers } from './kept-answers.ts';
import { startDnsServer, type DnsServer } from './server.ts';
import {
  a,
  cname,
  dotted,
  host,
  name,
  query,
  questionName,
  reply,
  soa,
  type Ask,
} from './testing/messages.ts';
import { makeUpstream } from './upstream.ts';

const bank = dotted('www.bank.com');
const evil = dotted('x.evil.com');
const [truth, lie] = ['192.0.2.80', '203.0.113.66'];
const honest = (asked: Buffer): Buffer =>
  reply(asked, { answers: [a(questionName(asked), truth)] });
const asksFor = (asked: Buffer, wanted: Buffer): boolean =>
  nameKey(questionName(asked)) === nameKey(wanted);

type Resolver = (asked: Buffer) => Buffer[];
let behaviour: Resolver;
let overTcp: Resolver | undefined;
let asked: Buffer[] = [];
let resolver: Datagrams;
let tcp: Listener;
let server: DnsServer;
let client: Datagrams;
const inbox = new Map<number, (data: Buffer) => void>();

beforeEach(async () => {
  asked = [];
  behaviour = (q) => [honest(q)];
  overTcp = (q) => [honest(q)];
  resolver = await bindUdp('test', { address: host, port: 0 }, (data, from) => {
    asked.push(data);
    for (const answer of behaviour(data)) resolver.send(answer, from.port, from.address);
  });
  tcp = await listenTcp('test', { address: host, port: resolver.port }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => {
      if (!overTcp) return socket.destroy();
      for (const answer of overTcp(data.subarray(2)))
        socket.write(Buffer.concat([Buffer.of(answer.length >> 8, answer.length & 255), answer]));
    });
  });
  const upstream = makeUpstream({
    clock: realClock,
    random: seededRandom(1),
    log: silentLog,
    ownZone: nameOf('cluster.local'),
    port: resolver.port,
  });
  upstream.setResolvers([host]);
  const zone = {
    domain: 'cluster.local',
    address: '10.43.0.10',
    service: () => undefined,
    slices: () => [],
    hasNamespace: () => false,
    serviceAt: () => undefined,
    slicesAt: () => [],
    node: () => undefined,
    told: () => undefined,
  };
  server = await startDnsServer({
    address: host,
    port: 0,
    zone,
    upstream,
    mayAsk: () => true,
    kept: new KeptAnswers(),
    clock: realClock,
    log: silentLog,
  });
  client = await bindUdp('test', { address: host, port: 0 }, (data) =>
    inbox.get(data.readUInt16BE(0))?.(data),
  );
});
afterEach(() => {
  for (const part of [client, resolver, tcp]) part.close();
  server.stop();
});

let ids = 1;
function ask(question: Ask): Promise<Reply> {
  const id = ids++;
  const answered = new Promise<Reply>((resolve) =>
    inbox.set(id, (data) => resolve(parseReply(data))),
  );
  client.send(query({ ...question, id }), server.port, host);
  return answered;
}
const told = (r: Reply): string[] =>
  r.answers.filter((x) => x.type === 1).map((x) => [...x.data].join('.'));

/**
 * What an attacker asks, or a resolver (or a forger beside it) says, none of which may change what
 * the next asks.
 */
const attacks: Record<string, { ask: Ask[]; says?: Resolver }> = {
  'one label that reads as two': {
    ask: [{ name: name('www.bank', 'com') }],
    says: (q) => [
      nameKey(questionName(q)) === nameKey(bank)
        ? honest(q)
        : reply(q, { rcode: 3, authorities: [soa(dotted('com'))] }),
    ],
  },
  'a label with the last dot in it': {
    ask: [{ name: name('www', 'bank.com') }, { name: name('www.bank.com') }],
    says: (q) => [
      asksFor(q, bank) ? honest(q) : reply(q, { rcode: 3, authorities: [soa(Buffer.of(0))] }),
    ],
  },
  'a name with a zero in a label': {
    ask: [{ name: name('www\0', 'bank', 'com') }],
    says: (q) => [asksFor(q, bank) ? honest(q) : reply(q, { answers: [a(questionName(q), lie)] })],
  },
  'no recursion desired': {
    ask: [{ name: bank, flags: 0 }],
    says: (q) => [q.readUInt16BE(2) & 0x0100 ? honest(q) : reply(q, {})],
  },
  'another class': {
    ask: [
      { name: bank, class: 3 },
      { name: bank, class: 255 },
    ],
    says: (q) => [
      q[q.length - 12] === 1 ? honest(q) : reply(q, { answers: [a(questionName(q), lie)] }),
    ],
  },
  'another type': {
    ask: [
      { name: bank, type: 16 },
      { name: bank, type: 257 },
      { name: bank, type: 255 },
    ],
    says: (q) => [
      q.readUInt16BE(12 + questionName(q).length) === 1
        ? honest(q)
        : reply(q, { answers: [a(questionName(q), lie)] }),
    ],
  },
  'checking disabled': {
    ask: [{ name: bank, flags: 0x0110 }],
    says: (q) => [
      q.readUInt16BE(2) & 0x0010 ? reply(q, { answers: [a(questionName(q), lie)] }) : honest(q),
    ],
  },
  'DNSSEC OK': {
    ask: [{ name: bank, dnssecOk: true }],
    says: (q) => [
      (q.at(-4) as number) & 0x80 ? reply(q, { answers: [a(questionName(q), lie)] }) : honest(q),
    ],
  },
  'other letters': { ask: [{ name: dotted('WWW.BANK.COM') }] },
  'a foreign record in the answer': {
    ask: [{ name: evil }],
    says: (q) => [
      asksFor(q, evil) ? reply(q, { answers: [a(questionName(q), lie), a(bank, lie)] }) : honest(q),
    ],
  },
  'a foreign record beside the answer': {
    ask: [{ name: evil }],
    says: (q) => [
      asksFor(q, evil)
        ? reply(q, {
            answers: [a(questionName(q), lie)],
            authorities: [{ name: dotted('bank.com'), type: 2, data: evil }],
            additionals: [a(bank, lie)],
          })
        : honest(q),
    ],
  },
  'a foreign address behind an alias': {
    ask: [{ name: evil }],
    says: (q) => [
      asksFor(q, evil)
        ? reply(q, { answers: [cname(questionName(q), bank), a(bank, lie)] })
        : honest(q),
    ],
  },
  'a name that is said not to be, above': {
    ask: [{ name: dotted('bank.com') }],
    says: (q) => [
      asksFor(q, bank) ? honest(q) : reply(q, { rcode: 3, authorities: [soa(dotted('com'))] }),
    ],
  },
  'an answer to another question': {
    ask: [],
    says: (q) => [
      reply(q, { question: Buffer.concat([evil, Buffer.of(0, 1, 0, 1)]), answers: [a(bank, lie)] }),
      honest(q),
    ],
  },
  'an answer to another type': {
    ask: [],
    says: (q) => [
      reply(q, {
        question: Buffer.concat([questionName(q), Buffer.of(0, 28, 0, 1)]),
        answers: [a(bank, lie)],
      }),
      honest(q),
    ],
  },
  'a guessed id': {
    ask: [],
    says: (q) => [reply(q, { id: q.readUInt16BE(0) ^ 1, answers: [a(bank, lie)] }), honest(q)],
  },
  'a query as an answer': {
    ask: [],
    says: (q) => [reply(q, { flags: 0x0100, answers: [a(bank, lie)] }), honest(q)],
  },
  'guessed letters': {
    ask: [],
    says: (q) => [
      reply(q, { question: Buffer.concat([bank, Buffer.of(0, 1, 0, 1)]), answers: [a(bank, lie)] }),
    ],
  },
  'a cut answer with records': {
    ask: [],
    says: (q) => [reply(q, { flags: 0x8380, answers: [a(bank, lie)] })],
  },
  'no name at all': {
    ask: [],
    says: (q) => [
      Buffer.alloc(0),
      Buffer.alloc(11),
      reply(q, { answers: [{ name: Buffer.of(0xc0, 0xff), data: Buffer.alloc(4) }] }),
      honest(q),
    ],
  },
  'a loop of pointers': {
    ask: [],
    says: (q) => [
      reply(q, { answers: [{ name: Buffer.of(0xc0, q.length), data: Buffer.alloc(4) }] }),
      honest(q),
    ],
  },
  'sixty-three wrong ids': {
    ask: [],
    says: (q) => [
      ...Array.from({ length: 63 }, (_, i) =>
        reply(q, { id: (q.readUInt16BE(0) + i + 1) % 65536, answers: [a(bank, lie)] }),
      ),
      honest(q),
    ],
  },
  'a hundred wrong ids, and the truth over TCP': {
    ask: [],
    says: (q) =>
      Array.from({ length: 100 }, (_, i) =>
        reply(q, { id: (q.readUInt16BE(0) + i + 1) % 65536, answers: [a(bank, lie)] }),
      ),
  },
};

describe('poison', () => {
  it.each(Object.entries(attacks))('%s', async (_name, attack) => {
    if (attack.says) behaviour = attack.says;
    for (const question of attack.ask) await ask(question);
    expect(told(await ask({ name: bank }))).toEqual([truth]);
    // What is kept now must be the truth as well.
    expect(told(await ask({ name: bank }))).toEqual([truth]);
  });

  it('nothing about the cluster comes from outside', async () => {
    const own = dotted('kubernetes.default.svc.cluster.local');
    behaviour = (q) => [reply(q, { answers: [cname(questionName(q), own), a(own, lie)] })];
    const { answers } = await ask({ name: evil });
    expect(answers.map((r) => r.type)).toEqual([5]);
    expect((await ask({ name: own })).rcode).toBe(3);
  });
});

describe('questions to resolvers', () => {
  it('come from another port with another id and other letters each time', async () => {
    for (let i = 0; i < 20; i++)
      await ask({ name: dotted(`host-${i}.abcdefghijklmnopqrstuvwxyz.example`) });
    expect(new Set(asked.map((q) => q.readUInt16BE(0))).size).toBeGreaterThan(15);
    expect(new Set(asked.map((q) => questionName(q).subarray(-37).toString())).size).toBe(20);
  });

  it('are asked once while the answer holds, and keep nothing but the question', async () => {
    await Promise.all(Array.from({ length: 20 }, () => ask({ name: bank })));
    await ask({ name: bank });
    expect(asked).toHaveLength(1);
    await ask({ name: bank, flags: 0x0100 | 0x0020 });
    expect(asked).toHaveLength(2);
  });

  it('go without letters to a resolver that neither keeps them nor speaks TCP', async () => {
    overTcp = undefined;
    behaviour = (q) => [
      reply(q, {
        question: Buffer.concat([
          Buffer.from(nameKey(questionName(q)), 'latin1'),
          Buffer.of(0, 1, 0, 1),
        ]),
        answers: [a(questionName(q), truth)],
      }),
    ];
    expect(told(await ask({ name: bank }))).toEqual([truth]);
  });

  it('are bounded for each asker', async () => {
    behaviour = () => [];
    const all = await Promise.all(
      Array.from({ length: 200 }, (_, i) => ask({ name: dotted(`n${i}.example`) })),
    );
    expect(new Set(all.map((r) => r.rcode))).toEqual(new Set([2]));
    expect(asked.length).toBeLessThan(140);
  });
});

describe('what is kept', () => {
  it('is no negative answer without its SOA, and nothing that says it may not be', async () => {
    behaviour = (q) => [reply(q, { rcode: 3 })];
    await ask({ name: bank });
    behaviour = (q) => [reply(q, { answers: [a(questionName(q), truth, 0)] })];
    expect(told(await ask({ name: bank }))).toEqual([truth]);
    behaviour = (q) => [reply(q, { answers: [a(questionName(q), truth, 0x80000000)] })];
    expect((await ask({ name: bank })).answers[0]?.ttl).toBe(0);
    behaviour = (q) => [reply(q, { answers: [a(questionName(q), truth, 0x7fffffff)] })];
    expect((await ask({ name: bank })).answers[0]?.ttl).toBe(86_400);
    expect(asked).toHaveLength(4);
  });
});
