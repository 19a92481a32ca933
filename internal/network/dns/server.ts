import { bytesOf } from '../../base/addresses.ts';
import { messageOf } from '../../base/errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import { bindUdp, listenTcp, type Datagrams, type Listener } from '../../io/sockets.ts';
import {
  classIn,
  encodeReply,
  parseQuery,
  rcodes,
  soaData,
  types,
  type Query,
  type Question,
  type Reply,
  type WireRecord,
} from '../../wire/dns/message.ts';
import { DnsFault, isWithin, nameOf, nameText, type WireName } from '../../wire/dns/names.ts';
import type { DnsCounts } from './dns-counts.ts';
import type { KeptAnswers } from './kept-answers.ts';
import { lookup, type DnsRecord, type Lookup, type Zone } from './records.ts';
import { AskRate } from './rate.ts';
import { TcpClients } from './tcp-clients.ts';
import type { Upstream } from './upstream.ts';

export interface DnsServer {
  readonly port: number;
  stop(): void;
}

/** Seconds that clients may keep our answers, as CoreDNS' kubernetes plug-in says. */
const ttlSeconds = 5;
/** External names that lead to external names of other Services. */
const mostAliases = 8;

export interface DnsServerOptions {
  address: string;
  port: number;
  zone: Zone;
  upstream: Upstream;
  /** Another port will do where this one is taken: the caller leads packets there. */
  orAnyPort?: boolean;
  /**
   * Whether this address may ask: a pod, or the node itself. All others are refused, so that nobody
   * outside uses us against a third.
   */
  mayAsk(address: string): boolean;
  /** Forgets when anything of `zone` changes. */
  kept: KeptAnswers;
  counts?: DnsCounts;
  clock: Clock;
  log: Log;
}

/** Serves DNS over UDP and TCP on one address. */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const rate = new AskRate(options.clock);
  // All who may not ask share one bucket: a sender outside can invent as many addresses as it
  // likes.
  const admit = (address: string): boolean => rate.take(options.mayAsk(address) ? address : '');
  const clients = new TcpClients({
    clock: options.clock,
    admit,
    answer: (data, address) => answer(options, data, { address, transport: 'tcp' }),
  });
  const open = (port: number): Promise<Sockets> =>
    openSockets(
      { address: options.address, port },
      (data, from, udp) => {
        if (!admit(from.address)) return;
        const kept = answerAgain(options, data, from.address);
        if (kept) return udp.send(kept, from.port, from.address);
        void answer(options, data, { address: from.address, transport: 'udp' }).then((reply) => {
          if (reply) udp.send(reply, from.port, from.address);
        });
      },
      (socket) => clients.add(socket),
    );
  const { udp, tcp } = options.orAnyPort
    ? await openSomewhere(open, options)
    : await open(options.port);
  return {
    port: udp.port,
    stop() {
      udp.close();
      tcp.close();
      clients.stop();
    },
  };
}

interface Sockets {
  udp: Datagrams;
  tcp: Listener;
}

/** Both, or neither: a client that asks over TCP uses the port that it knows from UDP. */
async function openSockets(
  at: { address: string; port: number },
  received: (data: Buffer, from: { address: string; port: number }, udp: Datagrams) => void,
  connected: Parameters<typeof listenTcp>[2],
): Promise<Sockets> {
  const udp: Datagrams = await bindUdp('dns.udp', at, (data, from) => received(data, from, udp));
  try {
    return {
      udp,
      tcp: await listenTcp('dns.tcp', { address: at.address, port: udp.port }, connected),
    };
  } catch (error) {
    udp.close();
    throw error;
  }
}

/**
 * A program that listens on port 53 of every address (dnsmasq on a gateway) has this one's, too.
 */
async function openSomewhere(
  open: (port: number) => Promise<Sockets>,
  { port, address, log }: DnsServerOptions,
): Promise<Sockets> {
  try {
    return await open(port);
  } catch (error) {
    log.warn('another program has the port of the cluster DNS: questions are led to another port', {
      address,
      port,
      error: messageOf(error),
    });
  }
  for (let tries = 1; ; tries++) {
    try {
      return await open(0);
    } catch (error) {
      // The port that is free for UDP may be in use for TCP.
      if (tries === mostPortTries) throw error;
    }
  }
}

const mostPortTries = 10;

interface Asker {
  address: string;
  transport: 'udp' | 'tcp';
}

const plain = (rcode: number): Reply => ({
  rcode,
  authoritative: false,
  authenticData: false,
  answers: [],
  authorities: [],
  additionals: [],
});

/** The answer that the same question had before, while nothing has changed. */
function answerAgain(options: DnsServerOptions, data: Buffer, asker: string): Buffer | undefined {
  const kept = options.kept.find(data);
  if (!kept || !options.mayAsk(asker)) return undefined;
  options.counts?.asked('udp', kept.type);
  options.counts?.answered('udp', kept.type, kept.rcode);
  return kept.bytes;
}

/** The bytes to send back, or undefined for what deserves no answer. Never throws. */
async function answer(
  options: DnsServerOptions,
  data: Buffer,
  asker: Asker,
): Promise<Buffer | undefined> {
  const query = parseQuery(data);
  if (!query) return undefined;
  const { counts, kept } = options;
  const { version } = kept;
  const type = query.question?.type ?? 0;
  const encoded = (reply: Reply): Buffer => {
    counts?.answered(asker.transport, type, reply.rcode);
    return encodeReply(query, reply, asker.transport);
  };
  counts?.asked(asker.transport, type);
  try {
    const rcode = refusalOf(options, query, asker);
    if (rcode !== undefined) return encoded(plain(rcode));
    const reply = await resolve(options, query, query.question as Question, asker);
    const bytes = encoded(reply);
    if (reply.ours && asker.transport === 'udp')
      kept.add(data, { bytes, type, rcode: reply.rcode }, version);
    return bytes;
  } catch (error) {
    options.log.warn('cannot answer a DNS question', {
      name: query.question && nameText(query.question.name),
      error: messageOf(error),
    });
    return encoded(plain(rcodes.SERVFAIL));
  }
}

function refusalOf(options: DnsServerOptions, query: Query, asker: Asker): number | undefined {
  if (!options.mayAsk(asker.address)) return rcodes.REFUSED;
  if (query.opcode !== 0) return rcodes.NOTIMP;
  if (query.faulty || !query.question) return rcodes.FORMERR;
  if (query.edns && query.edns.version > 0) return rcodes.BADVERS;
  return query.question.class === classIn ? undefined : rcodes.REFUSED;
}

const typeNames = new Map<number, string>(
  Object.entries(types).map(([name, number]) => [number, name]),
);
const typeName = (type: number): string => typeNames.get(type) ?? `TYPE${type}`;

/**
 * The name as the zone knows it; a name with a dot inside a label is not a name of ours, however it
 * reads as text.
 */
function find(zone: Zone, name: WireName, type: number): Lookup {
  const text = nameText(name);
  const told = text === undefined ? undefined : zone.told(text, typeName(type));
  if (told) return { kind: 'found', records: told };
  if (text !== undefined) return lookup(zone, text, typeName(type));
  return isWithin(name, nameOf(zone.domain)) ? { kind: 'missing' } : { kind: 'elsewhere' };
}

/** `ours`: made of the zone's objects alone. */
async function resolve(
  options: DnsServerOptions,
  query: Query,
  question: Question,
  asker: Asker,
): Promise<Reply & { ours?: boolean }> {
  const { zone } = options;
  const result = find(zone, question.name, question.type);
  if (result.kind === 'elsewhere') return forward(options, query, question, asker);
  const soa = toWire({ type: 'SOA', name: zone.domain, data: zone.domain });
  if (result.kind === 'missing')
    return { ...plain(rcodes.NXDOMAIN), authoritative: true, authorities: soa, ours: true };
  const answers = result.records.flatMap(toWire);
  const alias = question.type === types.CNAME ? undefined : aliasOf(result.records);
  if (alias) answers.push(...(await follow(options, query, { ...question, name: alias }, asker)));
  const additionals = (result.additional ?? []).flatMap(toWire);
  const turns = answers.length > 1 && answers.every(({ type }) => isAddress(type));
  return {
    ...plain(rcodes.NOERROR),
    authoritative: true,
    answers: turns ? inTurn(answers) : answers,
    authorities: answers.length ? [] : soa,
    additionals,
    ours: !alias && !turns,
  };
}

const isAddress = (type: number): boolean => type === types.A || type === types.AAAA;

let turn = 0;
/** Many programs take the first address: each answer begins with another one. */
function inTurn(records: WireRecord[]): WireRecord[] {
  turn = (turn + 1) % 0x7fffffff;
  const first = turn % records.length;
  return [...records.slice(first), ...records.slice(0, first)];
}

/** The records behind an alias, so that the asker need not ask again. */
async function follow(
  options: DnsServerOptions,
  query: Query,
  question: Question,
  asker: Asker,
): Promise<WireRecord[]> {
  const all: WireRecord[] = [];
  let { name } = question;
  for (let i = 0; i < mostAliases; i++) {
    const result = find(options.zone, name, question.type);
    if (result.kind === 'missing') return all;
    if (result.kind === 'elsewhere')
      return [...all, ...(await forward(options, query, { ...question, name }, asker)).answers];
    all.push(...result.records.flatMap(toWire));
    const alias = aliasOf(result.records);
    if (!alias) return all;
    name = alias;
  }
  return all;
}

/** Where an alias leads; an external name that is not a name leads nowhere. */
function aliasOf(records: DnsRecord[]): WireName | undefined {
  for (const record of records)
    if (record.type === 'CNAME' && toWire(record).length > 0) return nameOf(record.data);
  return undefined;
}

async function forward(
  options: DnsServerOptions,
  query: Query,
  question: Question,
  asker: Asker,
): Promise<Reply> {
  // Without recursion desired the asker wants what we have, which would tell it what others asked
  // for.
  if (!query.recursionDesired || !options.upstream.canAsk(question.name))
    return plain(rcodes.REFUSED);
  const { checkingDisabled, authenticData } = query;
  const reply = await options.upstream.ask(
    { question, checkingDisabled, authenticData, dnssecOk: query.edns?.dnssecOk ?? false },
    asker.address,
  );
  return reply ?? plain(rcodes.SERVFAIL);
}

/**
 * A record of ours in wire form; none where it holds what is not a name: one bad object must not
 * take the others' answer away.
 */
function toWire(record: DnsRecord): WireRecord[] {
  try {
    return [
      {
        name: nameOf(record.name),
        type: types[record.type],
        class: classIn,
        ttl: ttlSeconds,
        data: dataOf(record),
      },
    ];
  } catch (error) {
    if (error instanceof DnsFault) return [];
    throw error;
  }
}

function dataOf(record: DnsRecord): Buffer {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return Buffer.from(bytesOf(record.data));
    case 'CNAME':
    case 'PTR':
    case 'NS':
      return nameOf(record.data);
    case 'TXT':
      return Buffer.concat([Buffer.of(Buffer.byteLength(record.data)), Buffer.from(record.data)]);
    case 'SRV': {
      const numbers = Buffer.alloc(6);
      [record.data.priority, record.data.weight, record.data.port].forEach((n, i) =>
        numbers.writeUInt16BE(n, i * 2),
      );
      return Buffer.concat([numbers, nameOf(record.data.target)]);
    }
    case 'SOA':
      return soaData({
        primary: `ns.dns.${record.data}`,
        mailbox: `hostmaster.${record.data}`,
        serial: 1,
        refresh: 7200,
        retry: 1800,
        expire: 86400,
        minimum: ttlSeconds,
      });
  }
}
