/**
 * What the tunnel of a node adds: bytes a second of one stream, and the time of a short question,
 * through it and over a TLS connection of its own; and what a request to a kubelet costs with and
 * without a connection that is kept. All ends in this process.
 *
 *     node test/bench/tunnel.ts [MEBIBYTES]
 */
import { createServer as createHttps, request as httpsRequest } from 'node:https';
import { connect as tcpConnect, createServer, type AddressInfo, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect, createServer as createTls } from 'node:tls';
import { openedPool, realDial } from '../../internal/io/dial.ts';
import { multiplexAcceptor, multiplexOpener } from '../../internal/io/multiplexer.ts';
import { realRandom } from '../../internal/io/random.ts';
import { issueCa, issueCert } from '../../internal/pki/certificate.ts';

const bytes = Number(process.argv[2] ?? 256) << 20;
const questions = 2000;
const issuing = { nowMs: Date.now(), random: realRandom };
const ca = issueCa({ ...issuing, cn: 'ca' });
const tls = issueCert({ ...issuing, ca, cn: 'a', sans: ['localhost'], usages: ['server'] });

/** `s` is answered with all bytes, anything else with the same again. */
function answer(socket: Duplex): void {
  const block = Buffer.alloc(64 << 10);
  let left = bytes;
  const more = (): void => {
    for (;;) {
      if (left <= 0) return void socket.end();
      left -= block.length;
      if (!socket.write(block)) return;
    }
  };
  socket.on('error', () => undefined);
  socket.on('data', (asked: Buffer) => {
    if (asked.toString() !== 's') return void socket.write(asked);
    socket.on('drain', more);
    more();
  });
}

const listening = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};
const plain = createServer({ noDelay: true }, answer);
const direct = createTls({ key: tls.key, cert: tls.cert, noDelay: true }, answer);
const door = createHttps({ key: tls.key, cert: tls.cert });
const [plainPort, directPort, doorPort] = [
  await listening(plain),
  await listening(direct),
  await listening(door),
];
const taken = new Promise<Duplex>((resolve) =>
  door.on('upgrade', (_request, socket: Duplex) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
    resolve(socket);
  }),
);
const dialled = await new Promise<Duplex>((resolve, reject) => {
  const headers = { connection: 'Upgrade', upgrade: 'x' };
  const place = { host: 'localhost', family: 4, port: doorPort, ca: ca.cert, headers };
  const asked = httpsRequest(place);
  asked.on('upgrade', (_answer, socket) => resolve(socket));
  asked.on('error', reject);
  asked.end();
});
const opener = multiplexOpener(await taken, { lost: () => undefined, pinged: () => undefined });
multiplexAcceptor(dialled, {
  ended: () => undefined,
  accept: (to) =>
    new Promise((resolve) => {
      const port = to === '127.0.0.1:1' ? plainPort : Number(to.split(':')[1]);
      const socket = tcpConnect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    }),
});

const ways: Record<string, () => Promise<Duplex>> = {
  direct: () =>
    new Promise((resolve) => {
      const socket = tlsConnect(
        { port: directPort, host: '127.0.0.1', servername: 'localhost', ca: ca.cert },
        () => resolve(socket.setNoDelay(true)),
      );
    }),
  tunnel: () => opener.open('127.0.0.1:1'),
};

for (let round = 0; round < 3; round += 1)
  for (const [name, open] of Object.entries(ways)) {
    const stream = await open();
    const cpu = process.cpuUsage();
    const began = performance.now();
    stream.write('s');
    let got = 0;
    for await (const chunk of stream) got += (chunk as Buffer).length;
    const seconds = (performance.now() - began) / 1000;
    const used = process.cpuUsage(cpu);
    const asking = await open();
    const times: number[] = [];
    for (let i = 0; i < questions; i += 1) {
      const at = performance.now();
      asking.write('q');
      await new Promise((resolve) => asking.once('data', resolve));
      times.push(performance.now() - at);
    }
    asking.destroy();
    times.sort((a, b) => a - b);
    process.stdout.write(
      `${name}: ${(got / seconds / (1 << 20)).toFixed(0)} MiB/s, ` +
        `${((used.user + used.system) / 1000 / (got / (1 << 20))).toFixed(2)} ms of processor a ` +
        `MiB; a question ${(times[questions >> 1] ?? 0).toFixed(3)} ms (p99 ` +
        `${(times[Math.floor(questions * 0.99)] ?? 0).toFixed(3)})\n`,
    );
  }

const asking = 300;
const authority = 'localhost:1';
const kubelet = createHttps({ key: tls.key, cert: tls.cert }, (_request, reply) => reply.end('ok'));
const kubeletPort = await listening(kubelet);
const throughTunnel = (): Promise<Duplex> => opener.open(`127.0.0.1:${kubeletPort}`);
for (let round = 0; round < 3; round += 1)
  for (const [name, pool] of [
    ['a connection each', undefined],
    ['one kept', openedPool(throughTunnel)],
  ] as const) {
    const times: number[] = [];
    const cpu = process.cpuUsage();
    for (let i = 0; i < asking; i += 1) {
      const at = performance.now();
      const answered = await realDial.request(
        'bench',
        {
          host: 'localhost',
          port: 1,
          tls: { ca: ca.cert, servername: 'localhost' },
          open: throughTunnel,
          ...(pool && { pool }),
        },
        { method: 'GET', path: '/', headers: { host: authority } },
      );
      if (answered.kind === 'answer') for await (const _ of answered.message);
      times.push(performance.now() - at);
    }
    const used = process.cpuUsage(cpu);
    times.sort((a, b) => a - b);
    process.stdout.write(
      `requests over TLS in the tunnel, ${name}: ${(times[asking >> 1] ?? 0).toFixed(2)} ms, ` +
        `${((used.user + used.system) / 1000 / asking).toFixed(2)} ms of processor, both ends\n`,
    );
  }
process.exit(0);
