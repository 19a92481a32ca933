import * as packet from 'dns-packet';
import type { Socket } from 'node:net';
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../../io/log.ts';
import { bindUdp, listenTcp, type Datagrams, type Listener } from '../../io/sockets.ts';
import { lookup, type DnsRecord, type Zone } from './records.ts';
import type { Upstream } from './upstream.ts';

export interface DnsServer {
  readonly port: number;
  stop(): void;
}

/** Seconds that clients may keep our answers, as CoreDNS' kubernetes plug-in says. */
const ttlSeconds = 5;
/** Largest UDP answer without EDNS (RFC 1035) and the most we send with it. */
const plainUdpBytes = 512;
const mostUdpBytes = 1232;
/** TCP connections at once; each holds a little memory. */
const mostConnections = 256;
const idleTcpMs = 10_000;

interface Options {
  address: string;
  port: number;
  zone: Zone;
  upstream: Upstream;
  log: Log;
}

/** Serves DNS over UDP and TCP on one address. */
export async function startDnsServer(options: Options): Promise<DnsServer> {
  const udp: Datagrams = await bindUdp('dns.udp', options, (data, from) => {
    void answer(options, data, false).then((reply) => {
      if (reply) udp.send(reply, from.port, from.address);
    });
  });
  let connections = 0;
  const tcp: Listener = await listenTcp('dns.tcp', { address: options.address, port: udp.port }, (socket) => {
    if (connections >= mostConnections) return void socket.destroy();
    connections++;
    socket.on('close', () => connections--);
    serveTcp(options, socket);
  });
  return {
    port: udp.port,
    stop() {
      udp.close();
      tcp.close();
    },
  };
}

function serveTcp(options: Options, socket: Socket): void {
  let got = Buffer.alloc(0);
  socket.setTimeout(idleTcpMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    got = Buffer.concat([got, chunk]);
    while (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) {
      const query = got.subarray(2, 2 + got.readUInt16BE(0));
      got = got.subarray(2 + query.length);
      void answer(options, Buffer.from(query), true).then((reply) => {
        if (!reply || socket.destroyed) return;
        const head = Buffer.alloc(2);
        head.writeUInt16BE(reply.length);
        socket.write(Buffer.concat([head, reply]));
      });
    }
  });
}

/** The bytes to send back, or undefined for what deserves no answer. Never throws. */
async function answer(options: Options, data: Buffer, tcp: boolean): Promise<Buffer | undefined> {
  let query: packet.DecodedPacket;
  try {
    query = packet.decode(data);
  } catch {
    return undefined;
  }
  if (query.flag_qr || !query.questions?.[0]) return undefined;
  try {
    return fit(query, await resolve(options, query, data), tcp);
  } catch (error) {
    options.log.warn('cannot answer a DNS question', { name: query.questions[0].name, error: messageOf(error) });
    return encode(query, { rcode: 2, answers: [], authorities: [], additionals: [] });
  }
}

interface Answer {
  rcode: number;
  answers: packet.Answer[];
  authorities: packet.Answer[];
  additionals: packet.Answer[];
}

async function resolve(options: Options, query: packet.DecodedPacket, data: Buffer): Promise<Answer | Buffer> {
  const question = query.questions?.[0] as packet.Question;
  const asked = question.name;
  const name = asked.toLowerCase().replace(/\.$/, '');
  const result = lookup(options.zone, name, question.type);
  if (result.kind === 'elsewhere') return forward(options, `${name} ${question.type}`, data);
  if (result.kind === 'missing') return { rcode: 3, answers: [], authorities: [soa(options.zone.domain)], additionals: [] };
  const answers = result.records.map((r) => toPacket(r, r.name === name ? asked : r.name));
  const additionals = (result.additional ?? []).map((r) => toPacket(r, r.name));
  const alias = result.records.find((r) => r.type === 'CNAME');
  if (alias && question.type !== 'CNAME') answers.push(...(await follow(options, alias.data as string, question.type)));
  return { rcode: 0, answers, authorities: answers.length ? [] : [soa(options.zone.domain)], additionals };
}

/** The records behind an alias, so that the asker need not ask again. */
async function follow(options: Options, target: string, type: string): Promise<packet.Answer[]> {
  const inside = lookup(options.zone, target.toLowerCase(), type);
  if (inside.kind === 'found') return inside.records.map((r) => toPacket(r, r.name));
  if (inside.kind === 'missing') return [];
  const query = packet.encode({ type: 'query', id: 0, flags: packet.RECURSION_DESIRED, questions: [{ type: type as packet.RecordType, name: target }] as packet.Question[] });
  const reply = await forward(options, `${target} ${type}`, query);
  return Buffer.isBuffer(reply) ? (packet.decode(reply).answers ?? []) : [];
}

async function forward(options: Options, key: string, data: Buffer): Promise<Answer | Buffer> {
  const refused: Answer = { rcode: 5, answers: [], authorities: [], additionals: [] };
  if (options.upstream.resolvers.length === 0) return refused;
  const reply = await options.upstream.ask(key, data);
  return reply ?? { ...refused, rcode: 2 };
}

function toPacket(record: DnsRecord, name: string): packet.Answer {
  return { ...record, name, ttl: ttlSeconds, class: 'IN' } as packet.Answer;
}

function soa(domain: string): packet.Answer {
  const data = { mname: `ns.dns.${domain}`, rname: `hostmaster.${domain}`, serial: 1, refresh: 7200, retry: 1800, expire: 86400, minimum: ttlSeconds };
  return { type: 'SOA', name: domain, ttl: ttlSeconds, class: 'IN', data };
}

function encode(query: packet.DecodedPacket, reply: Answer, truncated = false): Buffer {
  const edns = query.additionals?.some((a) => a.type === 'OPT');
  const opt = edns ? [{ type: 'OPT', name: '.', udpPayloadSize: mostUdpBytes, flags: 0, options: [] } as unknown as packet.Answer] : [];
  const flags = packet.AUTHORITATIVE_ANSWER | packet.RECURSION_AVAILABLE | (query.flag_rd ? packet.RECURSION_DESIRED : 0) | (truncated ? packet.TRUNCATED_RESPONSE : 0);
  return packet.encode({
    type: 'response',
    id: query.id ?? 0,
    flags: flags | reply.rcode,
    questions: query.questions ?? [],
    answers: reply.answers,
    authorities: reply.authorities,
    additionals: [...reply.additionals, ...opt],
  });
}

/** Cuts what does not fit into a datagram: first the additional records, then everything, with TC set. */
function fit(query: packet.DecodedPacket, reply: Answer | Buffer, tcp: boolean): Buffer {
  const opt = query.additionals?.find((a) => a.type === 'OPT') as { udpPayloadSize?: number } | undefined;
  const most = tcp ? 65535 : Math.min(Math.max(opt?.udpPayloadSize ?? plainUdpBytes, plainUdpBytes), mostUdpBytes);
  if (Buffer.isBuffer(reply)) {
    return reply.length <= most ? reply : encode(query, { rcode: 0, answers: [], authorities: [], additionals: [] }, true);
  }
  const whole = encode(query, reply);
  if (whole.length <= most) return whole;
  const less = encode(query, { ...reply, additionals: [] });
  return less.length <= most ? less : encode(query, { ...reply, answers: [], authorities: [], additionals: [] }, true);
}

/** Seconds that an upstream answer may be kept: its smallest TTL, or the SOA's minimum for a name that is not there. */
export function ttlOf(answer: Buffer): number {
  try {
    const decoded = packet.decode(answer);
    const all = [...(decoded.answers ?? []), ...(decoded.authorities ?? [])];
    const ttls = all.flatMap((a) => ('ttl' in a && typeof a.ttl === 'number' ? [a.ttl] : []));
    return ttls.length ? Math.min(...ttls) : 0;
  } catch {
    return 0;
  }
}
