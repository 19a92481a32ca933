import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../io/clock-fake.ts';
import { silentLog } from '../../io/log.ts';
import { bindUdp, dialTcp, type Datagrams } from '../../io/sockets.ts';
import { KeptAnswers } from './kept-answers.ts';
import { perAddress } from './rate.ts';
import { startDnsServer, type DnsServer } from './server.ts';
import { dotted, host, name, query, words } from './testing/messages.ts';

let server: DnsServer;
let client: Datagrams;
let clock: FakeClock;
let heard: (data: Buffer) => void = () => undefined;
let allowed = true;
const sockets: Socket[] = [];

beforeEach(async () => {
  clock = new FakeClock();
  allowed = true;
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
  const upstream = {
    canAsk: () => false,
    setResolvers: () => undefined,
    setStubs: () => undefined,
    ask: () => Promise.resolve(undefined),
  };
  server = await startDnsServer({
    address: host,
    port: 0,
    zone,
    upstream,
    mayAsk: () => allowed,
    kept: new KeptAnswers(),
    clock,
    log: silentLog,
  });
  client = await bindUdp('test', { address: host, port: 0 }, (data) => heard(data));
});
afterEach(() => {
  client.close();
  server.stop();
  for (const socket of sockets.splice(0)) socket.destroy();
});

const good = query({ name: dotted('ns.dns.cluster.local') });
const send = (data: Buffer): Promise<Buffer> =>
  new Promise((resolve) => {
    heard = resolve;
    client.send(data, server.port, host);
  });
const rcodeOf = (data: Buffer): number => (data[3] as number) & 15;

describe('a datagram', () => {
  const opt = (more: Buffer): Buffer =>
    Buffer.concat([query({ name: dotted('cluster.local'), counts: [1, 0, 0, 1] }), more]);
  it.each([
    ['without a question', query({ name: Buffer.alloc(0), counts: [0, 0, 0, 0] }), 1],
    ['with two questions', query({ name: dotted('a.b'), counts: [2, 0, 0, 0] }), 1],
    [
      'that promises 65535 questions',
      query({ name: dotted('a.b'), counts: [65535, 65535, 65535, 65535] }),
      1,
    ],
    ['whose name is a pointer to itself', query({ name: Buffer.of(0xc0, 12) }), 1],
    ['whose name points forwards', query({ name: Buffer.of(0xc0, 40) }), 1],
    ['whose label ends beyond it', query({ name: Buffer.of(63, 65) }), 1],
    ['with a label of a kind that is not', query({ name: Buffer.from([0x80, 1, 0]) }), 1],
    [
      'with a name of 300 bytes',
      query({ name: name(...Array.from({ length: 6 }, () => 'x'.repeat(50))) }),
      1,
    ],
    ['that is cut', good.subarray(0, good.length - 3), 1],
    ['with bytes behind its end', Buffer.concat([good, Buffer.alloc(40)]), 1],
    ['with an answer in it', query({ name: dotted('a.b'), counts: [1, 1, 0, 0] }), 1],
    ['with a cut OPT', opt(Buffer.from([0, 0, 41, 4])), 1],
    ['of another opcode', query({ name: dotted('a.b'), flags: 0x2800 }), 4],
    ['of another class', query({ name: dotted('version.bind'), class: 3, type: 16 }), 5],
    ['of a later EDNS', opt(Buffer.from([0, 0, 41, 4, 208, 0, 1, 0, 0, 0, 0])), 0],
    [
      'for a dotted label of the cluster',
      query({ name: name('web.default', 'svc', 'cluster', 'local') }),
      3,
    ],
    ['for the world, with nobody to ask', query({ name: dotted('example.org') }), 5],
  ])('%s is answered shortly', async (_what, data, rcode) => {
    const reply = await send(data);
    expect(rcodeOf(reply)).toBe(rcode);
    expect(reply.readUInt16BE(0)).toBe(7);
    expect(rcodeOf(await send(good))).toBe(0);
  });

  it.each([
    ['that is an answer', Buffer.concat([words(7, 0x8100), good.subarray(4)])],
    ['of eleven bytes', good.subarray(0, 11)],
    ['of none', Buffer.alloc(0)],
  ])('%s is answered by nothing', async (_what, data) => {
    let answers = 0;
    heard = () => answers++;
    client.send(data, server.port, host);
    await expect(Promise.race([send(good), send(good)])).resolves.toBeDefined();
    expect(answers).toBe(0);
  });

  it('from outside is refused, of the cluster or not, over UDP and TCP', async () => {
    allowed = false;
    for (const text of ['ns.dns.cluster.local', 'example.org']) {
      const reply = await send(query({ name: dotted(text) }));
      expect([rcodeOf(reply), reply.readUInt16BE(6)]).toEqual([5, 0]);
    }
    const socket = await connect();
    socket.write(framed(good));
    expect(rcodeOf((await next(socket)).subarray(2))).toBe(5);
  });
});

describe('an address that asks without end', () => {
  /**
   * Sends so many datagrams and gives how many were answered; a last question tells when all have
   * been looked at.
   */
  async function answersTo(count: number, data: Buffer): Promise<number> {
    let answers = 0;
    heard = () => answers++;
    for (let i = 0; i < count; i++) {
      client.send(data, server.port, host);
      // The socket's buffer holds some hundred.
      if (i % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    let before = -1;
    while (before !== answers) {
      before = answers;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return answers;
  }

  it.each([
    ['questions', good],
    ['questions for the world', query({ name: dotted('example.org') })],
    ['broken questions', query({ name: Buffer.of(0xc0, 12) })],
  ])(
    'is answered %s as far as its bucket goes, and again when it has filled',
    async (_what, data) => {
      expect(await answersTo(perAddress.burst + 1000, data)).toBeLessThanOrEqual(perAddress.burst);
      expect(await answersTo(1, data)).toBe(0);
      await clock.advance(1000);
      expect(rcodeOf(await send(good))).toBe(0);
    },
  );

  it('is not answered over TCP either', async () => {
    // Whichever address of the loopback this is.
    const socket = await connect();
    socket.resume();
    for (let i = 0; i <= perAddress.burst; i++) socket.write(framed(good));
    await closed(socket);
  });

  it('shares its bucket with all others that may not ask', async () => {
    allowed = false;
    await answersTo(perAddress.burst + 1000, good);
    expect(await answersTo(1, good)).toBe(0);
    allowed = true;
    expect(rcodeOf(await send(good))).toBe(0);
  });
});

const framed = (data: Buffer): Buffer => Buffer.concat([words(data.length), data]);
const next = (socket: Socket): Promise<Buffer> =>
  new Promise((resolve) => socket.once('data', resolve));
const closed = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => socket.once('close', resolve));
async function connect(): Promise<Socket> {
  const socket = await dialTcp('test', { address: host, port: server.port, timeoutMs: 2000 });
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

describe('a TCP client', () => {
  it('may send byte by byte and several at once', async () => {
    const socket = await connect();
    const got: Buffer[] = [];
    socket.on('data', (data: Buffer) => got.push(data));
    for (const byte of framed(good)) socket.write(Buffer.of(byte));
    socket.write(Buffer.concat(Array.from({ length: 40 }, () => framed(good))));
    const one = 2 + Buffer.concat([await send(good)]).length;
    await expect.poll(() => Buffer.concat(got).length).toBe(41 * one);
  });

  it.each([
    ['says nothing', Buffer.alloc(0)],
    ['sends half a length', Buffer.of(0)],
    ['sends half a question', framed(good).subarray(0, 9)],
  ])('that %s is put off after ten seconds, however its bytes trickle', async (_what, data) => {
    const socket = await connect();
    socket.write(data);
    await expect.poll(() => clock.timers).toBe(1);
    const gone = closed(socket);
    await clock.advance(6000);
    socket.write(Buffer.of(0));
    await clock.advance(4001);
    await gone;
  });

  it.each([
    ['of no length', Buffer.of(0, 0, 1)],
    ['of 65535 bytes', Buffer.of(255, 255, 1)],
  ])('with a question %s is put off at once', async (_what, data) => {
    const socket = await connect();
    const gone = closed(socket);
    socket.write(data);
    await gone;
  });

  it('holds sixteen places, and leaves the others theirs', async () => {
    const all = await Promise.all(Array.from({ length: 40 }, connect));
    await expect
      .poll(() => all.filter((s) => s.destroyed || s.readableEnded || s.closed).length)
      .toBeGreaterThanOrEqual(24);
    expect(rcodeOf(await send(good))).toBe(0);
  });
});
