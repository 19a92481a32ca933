import { createServer, request, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { realDial } from '../../io/dial.ts';
import { silentLog } from '../../io/log.ts';
import { SpdySession, type SpdyStream } from '../../wire/spdy/session.ts';
import { chooseProtocol, failureText } from './channels.ts';
import { serveStream } from './serve.ts';

const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((s) => s.close()));

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    servers.push(server);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

/** A stand-in for containerd: upper-cases stdin to stdout until stdin ends, then reports exit code 3. */
function runtime(): Server {
  const server = createServer();
  server.on('upgrade', (_request, socket: Socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n');
    const streams = new Map<string, SpdyStream>();
    const session = new SpdySession({
      role: 'server',
      send: (b) => void socket.write(b),
      onStream(stream) {
        streams.set(stream.headers['streamtype'] ?? '', stream);
        if (stream.headers['streamtype'] !== 'stdin') return;
        stream.onData = (d) => {
          if (d) return streams.get('stdout')?.write(Buffer.from(d.toString().toUpperCase()));
          streams.get('error')?.write(Buffer.from(JSON.stringify({ status: 'Failure', message: 'exit code 3' })));
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
async function agent(): Promise<number> {
  const url = `http://127.0.0.1:${await listen(runtime())}/exec/token`;
  const server = createServer();
  server.on('upgrade', (req, socket, head) => {
    const wants = { stdin: true, stdout: true, stderr: false, tty: false };
    void serveStream({ dial: realDial, log: silentLog }, { kind: 'exec', url, request: req, socket, head, wants, ports: [] });
  });
  return listen(server);
}

async function talk(protocol: string[], sendAll: (ws: WebSocket) => void): Promise<string[]> {
  const ws = new WebSocket(`ws://127.0.0.1:${await agent()}/exec`, protocol);
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
      const headers = { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': 'v4.channel.k8s.io' };
      request({ port, method: 'POST', headers }).on('upgrade', (_r, s) => resolve(s as Socket)).end();
    });
    const client = new SpdySession({ role: 'client', send: (b) => void socket.write(b), onStream: () => undefined });
    socket.on('data', (d) => client.receive(d));
    const [error, stdin, stdout] = ['error', 'stdin', 'stdout'].map((streamtype) => client.open({ streamtype })) as [SpdyStream, SpdyStream, SpdyStream];
    const status = new Promise<string>((resolve) => (error.onData = (d) => d && resolve(d.toString())));
    const out = new Promise<string>((resolve) => (stdout.onData = (d) => d && resolve(d.toString())));
    stdin.write(Buffer.from('x'));
    stdin.end();
    expect(await out).toBe('X');
    expect(await status).toContain('exit code 3');
    socket.destroy();
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
