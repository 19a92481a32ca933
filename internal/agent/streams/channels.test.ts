import { createServer, request, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { realDial } from '../../io/dial.ts';
import { silentLog } from '../../io/log.ts';
import { controlFrame, dataFrame, FrameParser, frameType } from '../../wire/spdy/frames.ts';
import { HeaderReader, HeaderWriter } from '../../wire/spdy/header-block.ts';
import { SpdySession, type SpdyStream } from '../../wire/spdy/session.ts';
import { chooseProtocol, failureText } from './channel-socket.ts';
import { serveStream } from './serve.ts';

const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((s) => s.close()));

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    servers.push(server);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

/**
 * A stand-in for containerd: upper-cases stdin to stdout until stdin ends, then reports exit code
 * 3.
 */
function runtime(): Server {
  const server = createServer();
  server.on('upgrade', (_request, socket: Socket) => {
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n' +
        'X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n',
    );
    const streams = new Map<string, SpdyStream>();
    const session = new SpdySession({
      role: 'server',
      send: (b) => void socket.write(b),
      onStream(stream) {
        streams.set(stream.headers['streamtype'] ?? '', stream);
        if (stream.headers['streamtype'] !== 'stdin') return;
        stream.onData = (d) => {
          if (d) return streams.get('stdout')?.write(Buffer.from(d.toString().toUpperCase()));
          streams
            .get('error')
            ?.write(Buffer.from(JSON.stringify({ status: 'Failure', message: 'exit code 3' })));
          for (const s of streams.values()) s.end();
        };
      },
    });
    socket.on('data', (d) => session.receive(d));
    socket.on('error', () => undefined);
  });
  return server;
}

/** The agent's side: every upgrade goes to the stand-in. */
async function agent(behind: Server = runtime()): Promise<number> {
  const url = `http://127.0.0.1:${await listen(behind)}/exec/token`;
  const server = createServer();
  server.on('upgrade', (req, socket, head) => {
    const wants = { stdin: true, stdout: true, stderr: false, tty: false };
    void serveStream(
      { dial: realDial, log: silentLog },
      { kind: 'exec', url, request: req, socket, head, wants, ports: [] },
    );
  });
  return listen(server);
}

async function talk(
  protocol: string[],
  sendAll: (ws: WebSocket) => void,
  behind?: Server,
): Promise<string[]> {
  const ws = new WebSocket(`ws://127.0.0.1:${await agent(behind)}/exec`, protocol);
  const got: string[] = [];
  ws.on('message', (data: Buffer) => {
    if (data.length > 1) got.push(`${data[0]}:${data.subarray(1).toString()}`);
  });
  ws.on('open', () => sendAll(ws));
  await new Promise((resolve) => ws.on('close', resolve));
  return got;
}

describe('exec over WebSocket', () => {
  it('half-closes stdin in v5 and ends with the status', async () => {
    const got = await talk(['v5.channel.k8s.io', 'v4.channel.k8s.io'], (ws) => {
      ws.send(Buffer.from('\0hello'));
      ws.send(Buffer.from([255, 0]));
    });
    expect(got).toEqual(['1:HELLO', '3:{"status":"Failure","message":"exit code 3"}']);
  });

  it('passes SPDY clients through', async () => {
    const port = await agent();
    const socket = await new Promise<Socket>((resolve) => {
      const headers = {
        Connection: 'Upgrade',
        Upgrade: 'SPDY/3.1',
        'X-Stream-Protocol-Version': 'v4.channel.k8s.io',
      };
      request({ port, method: 'POST', headers })
        .on('upgrade', (_r, s) => resolve(s as Socket))
        .end();
    });
    const client = new SpdySession({
      role: 'client',
      send: (b) => void socket.write(b),
      onStream: () => undefined,
    });
    socket.on('data', (d) => client.receive(d));
    const [error, stdin, stdout] = ['error', 'stdin', 'stdout'].map((streamtype) =>
      client.open({ streamtype }),
    ) as [SpdyStream, SpdyStream, SpdyStream];
    const status = new Promise<string>(
      (resolve) => (error.onData = (d) => d && resolve(d.toString())),
    );
    const out = new Promise<string>(
      (resolve) => (stdout.onData = (d) => d && resolve(d.toString())),
    );
    stdin.write(Buffer.from('x'));
    stdin.end();
    expect(await out).toBe('X');
    expect(await status).toContain('exit code 3');
    socket.destroy();
  });
});

/**
 * As spdystream: a stream is answered a moment after it came, and what came for it before is
 * dropped without a word.
 */
function slowRuntime(got: { stdin: number }): Server {
  const server = createServer();
  server.on('upgrade', (_request, socket: Socket) => {
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n' +
        'X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n',
    );
    const [parser, reader, writer] = [new FrameParser(), new HeaderReader(), new HeaderWriter()];
    const names = new Map<number, string>();
    const idOf = (name: string): number => [...names].find(([, n]) => n === name)?.[0] ?? 0;
    const answer = (id: number): void => {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(id, 0);
      socket.write(controlFrame(frameType.synReply, 0, Buffer.concat([head, writer.write({})])));
    };
    socket.on('data', (chunk: Buffer) => {
      for (const frame of parser.push(chunk)) {
        if (frame.kind === 'control') {
          const id = frame.payload.readUInt32BE(0);
          const name = reader.read(frame.payload.subarray(10))['streamtype'] ?? '';
          setTimeout(() => (names.set(id, name), answer(id)), 50);
        } else if (names.get(frame.streamId) === 'stdin') {
          got.stdin += frame.data.length;
          if (!frame.fin) continue;
          socket.write(dataFrame(idOf('error'), Buffer.from('{"status":"Success"}'), true));
          socket.write(dataFrame(idOf('stdout'), Buffer.alloc(0), true));
        }
      }
    });
    socket.on('error', () => undefined);
  });
  return server;
}

it('loses nothing of an upload that begins before the runtime has taken its streams', async () => {
  const got = { stdin: 0 };
  const out = await talk(
    ['v5.channel.k8s.io'],
    (ws) => {
      for (let i = 0; i < 64; i++) ws.send(Buffer.alloc(32 * 1024 + 1));
      ws.send(Buffer.from([255, 0]));
    },
    slowRuntime(got),
  );
  expect(got.stdin).toBe(64 * 32 * 1024);
  expect(out).toEqual(['3:{"status":"Success"}']);
});

/** A runtime that gives some output and then is gone, with these last words on the error stream. */
function dyingRuntime(words: string): Server {
  const server = createServer();
  server.on('upgrade', (_request, socket: Socket) => {
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n' +
        'X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n',
    );
    const streams = new Map<string, SpdyStream>();
    const session = new SpdySession({
      role: 'server',
      send: (b) => void socket.write(b),
      onStream(stream) {
        streams.set(stream.headers['streamtype'] ?? '', stream);
        if (stream.headers['streamtype'] !== 'stdout') return;
        stream.write(Buffer.from('half of i'));
        if (words) streams.get('error')?.write(Buffer.from(words));
        setTimeout(() => socket.destroy(), 20);
      },
    });
    socket.on('data', (d) => session.receive(d));
    socket.on('error', () => undefined);
  });
  return server;
}

describe('an end without a status', () => {
  it.each(['', '{"status":"Succ', '{}', 'null'])(
    'is a failure over WebSocket: %j',
    async (words) => {
      const got = await talk(['v5.channel.k8s.io'], () => undefined, dyingRuntime(words));
      expect(got[0]).toBe('1:half of i');
      expect(got[1]).toMatch(/^3:.*"status":"Failure".*before the result was known/);
    },
  );

  it('is a failure for the oldest clients too', async () => {
    const got = await talk(['channel.k8s.io'], () => undefined, dyingRuntime(''));
    expect(got[1]).toMatch(/^3:Internal error occurred/);
  });

  it('is a failure over SPDY', async () => {
    const port = await agent(dyingRuntime(''));
    const socket = await new Promise<Socket>((resolve) => {
      const headers = {
        Connection: 'Upgrade',
        Upgrade: 'SPDY/3.1',
        'X-Stream-Protocol-Version': 'v4.channel.k8s.io',
      };
      request({ port, method: 'POST', headers })
        .on('upgrade', (_r, s) => resolve(s as Socket))
        .end();
    });
    const client = new SpdySession({
      role: 'client',
      send: (b) => void socket.write(b),
      onStream: () => undefined,
    });
    socket.on('data', (d) => client.receive(d));
    const [error, stdout] = ['error', 'stdout'].map((streamtype) =>
      client.open({ streamtype }),
    ) as [SpdyStream, SpdyStream];
    const [said, out]: [string[], string[]] = [[], []];
    error.onData = (d) => d && said.push(d.toString());
    stdout.onData = (d) => d && out.push(d.toString());
    await new Promise((resolve) => socket.on('close', resolve));
    expect(out).toEqual(['half of i']);
    expect(said.join('')).toContain('"status":"Failure"');
  });
});

describe('protocols', () => {
  it('are chosen best first', () => {
    expect(chooseProtocol(['v4.channel.k8s.io', 'v5.channel.k8s.io'])).toBe('v5.channel.k8s.io');
    expect(chooseProtocol(['channel.k8s.io'])).toBe('channel.k8s.io');
    expect(chooseProtocol([])).toBe('');
    expect(chooseProtocol(['v9.channel.k8s.io'])).toBeUndefined();
  });

  it('before v4 say only what went wrong', () => {
    expect(failureText('{"status":"Success"}')).toBe('');
    expect(failureText('{"status":"Failure","message":"m"}')).toBe('m');
  });
});
