import * as packet from 'dns-packet';
import { X509Certificate } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { parseCron } from '../../internal/api/cron/cron.ts';
import type { Pod } from '../../internal/api/generated/types/core-v1.ts';
import { Quantity, parseQuantity } from '../../internal/api/quantity.ts';
import { parseFieldSelector, parseLabelSelector } from '../../internal/api/selectors.ts';
import {
  parseIpv4,
  parseIpv4Cidr,
  type Ipv4,
  type Ipv4Cidr,
} from '../../internal/base/addresses.ts';
import { realClock } from '../../internal/io/clock.ts';
import { silentLog } from '../../internal/io/log.ts';
import { realRandom } from '../../internal/io/random.ts';
import { KeptAnswers } from '../../internal/network/dns/kept-answers.ts';
import { startDnsServer } from '../../internal/network/dns/server.ts';
import { makePlan } from '../../internal/network/proxy/plan.ts';
import { fullRuleset } from '../../internal/network/proxy/ruleset.ts';
import { hostPorts } from '../../internal/network/proxy/service-ports.ts';
import { issueCa, issueCert } from '../../internal/pki/certificate.ts';
import { CertificateAuthenticator } from '../../internal/apiserver/authn/x509.ts';
import { decisionOf, statusIn } from '../../internal/apiserver/authz/review.ts';
import { criCodec } from '../../internal/wire/cri/cri.ts';
import { criMessages } from '../../internal/wire/cri/generated/messages.ts';
import { decode as decodeEtcd } from '../../internal/wire/etcd/codec.ts';
import { WireError } from '../../internal/wire/protobuf/codec.ts';
import { etcdMessages } from '../../internal/wire/etcd/messages.ts';
import { FrameParser } from '../../internal/wire/spdy/frames.ts';
import type { Rng } from './rng.ts';
import { bendBytes, text } from './values.ts';

/**
 * A parser of hostile bytes: an input that a seed repeats, and what is done with it. Throws or
 * rejects when it did wrong.
 */
export interface Parser {
  input(rng: Rng): Buffer;
  run(input: Buffer): void | Promise<void>;
}

/** Errors that say "this cannot be read"; anything else is a fault of ours. */
function expected(error: unknown): boolean {
  if (error instanceof WireError) return true;
  return (
    error instanceof Error &&
    !(error instanceof TypeError) &&
    !(error instanceof RangeError) &&
    !(error instanceof ReferenceError)
  );
}

function reading(run: (input: Buffer) => unknown): (input: Buffer) => void {
  return (input) => {
    try {
      run(input);
    } catch (error) {
      if (!expected(error)) throw error;
    }
  };
}

const grammar =
  (words: readonly string[]) =>
  (rng: Rng): Buffer =>
    Buffer.from(rng.chance(3) ? text(rng) : rng.many(12, () => rng.pick(words)).join(''));

/** The first byte chooses the message. */
const messageOf = (names: readonly string[], input: Buffer): string =>
  names[(input[0] ?? 0) % names.length] ?? '';
const criNames = Object.keys(criMessages);
const etcdNames = Object.keys(etcdMessages);

/** Fields and lengths that might be some message, some of them nested. */
function fields(rng: Rng, depth = 4): Buffer {
  return Buffer.concat(
    rng.many(6, () => {
      const number = 1 + rng.int(15);
      if (rng.chance(3))
        return Buffer.from([number * 8, ...rng.many(9, () => 0x80 + rng.int(128)), rng.int(128)]);
      const inner = depth > 0 && rng.chance(2) ? fields(rng, depth - 1) : Buffer.from(text(rng));
      return Buffer.concat([
        Buffer.from([number * 8 + rng.pick([2, 2, 2, 2, 1, 3, 4, 5, 7]), inner.length & 127]),
        inner,
      ]);
    }),
  );
}

const pem = (() => {
  const now = { nowMs: Date.now(), random: realRandom };
  const ca = issueCa({ ...now, cn: 'fuzz' });
  const leaf = issueCert({
    ...now,
    ca,
    cn: 'user',
    orgs: ['system:nodes', 'a+b', 'c,d'],
    usages: ['client'],
  });
  return { ca: ca.cert, leaf: new X509Certificate(leaf.cert).raw };
})();
const certificates = new CertificateAuthenticator(pem.ca, () => Date.now());

const network = {
  clusterCidr: parseIpv4Cidr('10.42.0.0/16') as Ipv4Cidr,
  serviceCidrs: [parseIpv4Cidr('10.43.0.0/16') as Ipv4Cidr],
  dnsAddress: parseIpv4('10.43.0.10') as Ipv4,
  dnsPort: undefined,
  services: true,
  podsLeave: true,
};
/** What the ruleset is without anybody's host ports. */
const bare = fullRuleset(makePlan([], []), network);

/** Every word of the text must be one that we write, an address or a number. */
function onlyOurWords(ruleset: string): void {
  const ours = new Set(bare.split(/[\s;,{}]+/));
  for (const word of ruleset.split(/[\s;,{}]+/)) {
    if (
      !ours.has(word) &&
      !/^(?:\d{1,3}(?:\.\d{1,3}){3}|\d{1,5}|tcp|udp|sctp|elements|=|:|\.)$/.test(word)
    )
      throw new Error(`a word of somebody else in the ruleset: ${JSON.stringify(word)}`);
  }
}

function hostile(input: Buffer): void {
  const [hostIP = '', protocol = '', podIP = '', number = ''] = input.toString().split('\u0001');
  const ports = [{ hostPort: Number(number) || 80, containerPort: 80, hostIP, protocol }];
  const pod = {
    metadata: { name: 'p', namespace: 'd' },
    spec: { containers: [{ name: 'c', ports }] },
    status: { podIP, phase: 'Running' },
  } as Pod;
  onlyOurWords(fullRuleset(makePlan([], hostPorts(pod)), network));
}

const nameParts = [
  ...'a kubernetes default svc cluster local _https _tcp in-addr arpa 1'.split(' '),
  'x'.repeat(63),
];

const question = (rng: Rng): Buffer =>
  packet.encode({
    type: 'query',
    id: rng.int(65_536),
    flags: rng.int(65_536),
    questions: rng.many(3, () => ({
      type: rng.pick(['A', 'AAAA', 'SRV', 'PTR', 'TXT', 'ANY']) as packet.RecordType,
      name: rng.many(4, () => rng.pick(nameParts)).join('.'),
    })) as packet.Question[],
  });

/** Sends packets to a real server and asks, after each, whether it still answers. */
export async function dnsParser(): Promise<Parser & { stop(): void }> {
  const zone = {
    domain: 'cluster.local',
    address: '10.43.0.10',
    service: () => undefined,
    slices: () => [],
    hasNamespace: (name: string) => name === 'default',
    serviceAt: () => undefined,
    slicesAt: () => [],
    node: () => undefined,
    told: () => undefined,
  };
  const server = await startDnsServer({
    address: '127.0.0.1',
    port: 0,
    zone,
    upstream: { canAsk: () => false, ask: () => Promise.resolve(undefined) } as never,
    mayAsk: () => true,
    kept: new KeptAnswers(),
    clock: realClock,
    log: silentLog,
  });
  const socket = createSocket('udp4');
  const good = packet.encode({
    type: 'query',
    id: 7,
    questions: [{ type: 'A', name: 'x.default.svc.cluster.local' }],
  });
  return {
    input: (rng) => (rng.chance(3) ? question(rng) : bendBytes(rng, question(rng))),
    run: (input) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error('the DNS server answers no more')), 5_000);
        const heard = (answer: Buffer): void => {
          if (answer.readUInt16BE(0) !== 7 || answer.length < 30) return;
          clearTimeout(late);
          socket.off('message', heard);
          resolve();
        };
        socket.on('message', heard);
        if (input.length > 0) socket.send(input, server.port, '127.0.0.1');
        socket.send(good, server.port, '127.0.0.1');
      }),
    stop() {
      server.stop();
      socket.close();
    },
  };
}

/**
 * Says by a TypeError what is wrong with a schedule; what it took must then have a next time, or
 * none.
 */
function cron(input: Buffer): void {
  let schedule: ReturnType<typeof parseCron>;
  try {
    schedule = parseCron(input.toString());
  } catch (error) {
    if (error instanceof TypeError) return;
    throw error;
  }
  schedule.next(Date.UTC(2026, 0, 1));
}

/** What an authorization webhook answered: a yes is the word for it, alone and in its place. */
function review(input: Buffer): void {
  const { allowed, reason, error } = decisionOf(statusIn(input.toString(), 'v1'));
  if (
    typeof allowed !== 'boolean' ||
    typeof reason !== 'string' ||
    reason.length > 5000 ||
    (allowed && error !== undefined)
  )
    throw new TypeError('no decision');
  if (allowed && !/"allowed"\s*:\s*true/.test(input.toString()))
    throw new TypeError('allowed by nobody');
}

export const parsers: Record<string, Parser> = {
  labels: {
    input: grammar([
      'a',
      'b',
      '=',
      '==',
      '!=',
      '!',
      ' in ',
      ' notin ',
      '(',
      ')',
      ',',
      '>',
      '<',
      ' ',
      '/',
      '1',
      'constructor',
    ]),
    run: reading((input) => parseLabelSelector(input.toString()).matches({ a: 'b' })),
  },
  fields: {
    input: grammar(['metadata.name', '=', '==', '!=', ',', '\\', '\\,', '\\=', 'x', '__proto__']),
    run: reading((input) => parseFieldSelector(input.toString())),
  },
  quantity: {
    input: grammar([
      '1',
      '0',
      '.',
      '-',
      '+',
      'e',
      'E',
      'Ki',
      'm',
      'n',
      'Gi',
      '9'.repeat(40),
      '999999999',
    ]),
    run: reading((input) => parseQuantity(input.toString()).add(Quantity.of(1)).toString()),
  },
  cron: {
    input: grammar([
      '*',
      '/',
      '-',
      ',',
      '0',
      '5',
      '59',
      '99999999',
      ' ',
      ' ',
      '?',
      'JAN',
      'SUN',
      '@every ',
      '@daily',
      'TZ=',
      'UTC',
      '1h',
      '9'.repeat(20),
    ]),
    run: cron,
  },
  cri: {
    input: (rng) => Buffer.concat([rng.bytes(1), fields(rng)]),
    run: reading((input) => criCodec.decode(messageOf(criNames, input), input.subarray(1))),
  },
  etcd: {
    input: (rng) => Buffer.concat([rng.bytes(1), fields(rng)]),
    run: reading((input) => decodeEtcd(messageOf(etcdNames, input), input.subarray(1))),
  },
  spdy: {
    input: (rng) =>
      rng.chance(2)
        ? rng.bytes(rng.int(64))
        : Buffer.concat([
            Buffer.from([0x80, 3, 0, rng.int(10), 0, 0, 0, rng.int(40)]),
            rng.bytes(rng.int(40)),
          ]),
    run: reading((input) => [...new FrameParser().push(input)]),
  },
  certificate: {
    input: (rng) => bendBytes(rng, pem.leaf),
    run: reading((input) => certificates.verify([input])),
  },
  review: {
    input: grammar([
      '{',
      '}',
      '"status":',
      '"allowed":',
      '"denied":',
      '"reason":',
      'true',
      'false',
      'null',
      '"true"',
      '1',
      '[',
      ']',
      ',',
      '{"status":{"allowed":true',
      '}}',
      '"kind":"SubjectAccessReview",',
      '"apiVersion":"authorization.k8s.io/v1",',
      '"__proto__":{"allowed":true}',
      '"x"',
    ]),
    run: reading(review),
  },
  nft: {
    input: (rng) =>
      Buffer.from(
        [
          rng.chance(2)
            ? text(rng)
            : rng.pick([
                '1.2.3.4 . tcp . 99 : 10.42.0.99 . 99 }\nadd table ip x',
                '1.2.3.4,',
                '::1',
                '1.2.3.4/8',
                '01.2.3.4',
                '1.2.3.4\n',
              ]),
          rng.pick(['TCP', 'UDP', 'SCTP', 'tcp }', text(rng)]),
          rng.pick(['10.42.0.5', text(rng)]),
          String(rng.pick([80, 65_535, 0, -1, 1e9])),
        ].join('\u0001'),
      ),
    run: hostile,
  },
};
