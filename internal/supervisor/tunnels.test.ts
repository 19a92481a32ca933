import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTcp, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, expect, test, vi } from 'vitest';
import { Troubles } from '../client/troubles.ts';
import { FakeClock } from '../io/clock-fake.ts';
import { realDial, type Dial } from '../io/dial.ts';
import { makeLog, silentLog as log } from '../io/log.ts';
import { tunnelSilenceMs, type EgressMode } from './handshake-paths.ts';
import { keepTunnels } from './tunnel-client.ts';
import { ServerList } from './server-list.ts';
import { Tunnels } from './tunnels.ts';

const ends: (() => void)[] = [];
afterEach(() => ends.splice(0).forEach((end) => end()));

/** The end of a server, at a port of this machine: every connection is the node `n`. */
async function serverEnd(mode: EgressMode, clock: FakeClock, port = 0) {
  const said: string[] = [];
  const telling = makeLog({ level: 'info', write: (line) => void said.push(line) });
  const tunnels = new Tunnels({ clock, log: telling, mode });
  const http = createServer();
  const sockets = new Set<Duplex>();
  http.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    sockets.add(socket);
    const user = { name: 'system:node:n', groups: ['system:nodes'] };
    void tunnels.take(
      {
        method: 'GET',
        path: request.url ?? '',
        authorization: undefined,
        header: (name) => request.headers[name] as string | undefined,
        body: () => Promise.resolve(Buffer.alloc(0)),
        user: () => Promise.resolve(user),
      },
      socket,
    );
  });
  await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
  const stop = (): void => {
    http.close();
    tunnels.stop();
    for (const socket of sockets) socket.destroy();
  };
  ends.push(stop);
  return { tunnels, said, at: `127.0.0.1:${(http.address() as AddressInfo).port}`, stop };
}

/** Something that listens on the machine of the agent and echoes. */
async function echo(): Promise<number> {
  const server = createTcp((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** The end of an agent whose kubelet is at a port of this machine. */
function agentEnd(servers: string[], kubeletPort: number) {
  const clock = new FakeClock();
  const troubles = new Troubles();
  // Without TLS, which is not what is tried here.
  const dial: Dial = {
    request: (op, { host, port }, request) => realDial.request(op, { host, port }, request),
    connect: (op, target) => realDial.connect(op, target),
  };
  const client = keepTunnels({
    ca: '',
    shown: () => ({ cert: '', key: '' }),
    servers: new ServerList(servers[0] ?? '', servers),
    inward: {
      kubeletPort,
      podCidr: () => '10.42.1.0/24',
      ownAddresses: () => ['127.0.0.1'],
      pods: () => [],
    },
    troubles,
    clock,
    log,
    dial,
  });
  ends.push(() => client.stop());
  return { clock, troubles };
}

const stands = (tunnels: Tunnels) =>
  vi.waitFor(async () => {
    const way = tunnels.of('n');
    expect(way).toBeDefined();
    return way!;
  });

async function echoed(stream: Duplex, text: string): Promise<string> {
  stream.end(text);
  let got = '';
  for await (const chunk of stream) got += String(chunk);
  return got;
}

test('the kubelet is reached through the tunnel, and nothing that is not of its mode', async () => {
  const port = await echo();
  const { tunnels, at } = await serverEnd('agent', new FakeClock());
  agentEnd([at], port);
  const open = await stands(tunnels);
  expect(await echoed(await open(`127.0.0.1:${port}`), 'hello')).toBe('hello');
  for (const other of [`127.0.0.1:${port + 1}`, `10.42.1.9:${port}`, `localhost:${port}`])
    await expect(open(other)).rejects.toThrow(/refused with status 403/);
});

test('a server that wants no tunnel uses none', async () => {
  const { tunnels, said, at } = await serverEnd('disabled', new FakeClock());
  const { troubles } = agentEnd([at], await echo());
  await vi.waitFor(() => expect(said.join()).toContain('a node has a tunnel'));
  expect(tunnels.of('n')).toBeUndefined();
  expect(troubles.list()).toEqual([]);
});

test('what goes through a tunnel that is silent ends with it', async () => {
  const port = await echo();
  const clock = new FakeClock();
  const { tunnels, at } = await serverEnd('agent', clock);
  const agent = agentEnd([at], port);
  const open = await stands(tunnels);
  const log = await open(`127.0.0.1:${port}`);
  const ended = new Promise((resolve) => log.on('close', resolve));
  log.on('error', () => undefined);
  // Pings keep it.
  for (let i = 0; i < 4; i += 1) {
    await clock.advance(tunnelSilenceMs * 0.6);
    await agent.clock.advance(tunnelSilenceMs * 0.6);
    log.write(`${i}`);
    await new Promise((resolve) => log.once('data', resolve));
    expect(tunnels.of('n')).toBeDefined();
  }
  await clock.advance(tunnelSilenceMs + 1);
  await ended;
  await vi.waitFor(() => expect(tunnels.of('n')).toBeUndefined());
});

test('a node says which server has no tunnel to it, until it has', async () => {
  const first = await serverEnd('agent', new FakeClock());
  const { clock, troubles } = agentEnd([first.at], await echo());
  await stands(first.tunnels);
  first.stop();
  await vi.waitFor(async () => {
    await clock.advance(tunnelSilenceMs + 1);
    expect(troubles.list()).toEqual([
      { type: 'TunnelMissing', message: expect.stringContaining(first.at) as string },
    ]);
  });
  await serverEnd('agent', new FakeClock(), Number(first.at.split(':')[1]));
  await vi.waitFor(async () => {
    await clock.advance(10_000);
    expect(troubles.list()).toEqual([]);
  });
});
