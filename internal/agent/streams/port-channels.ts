import type { WebSocket } from 'ws';
import { messageOf } from '../../base/errors.ts';
import { SpdySession, type SpdyStream } from '../../wire/spdy/session.ts';
import { chooseProtocol, dialectOf } from './channel-socket.ts';
import { dialRuntime, refuse } from './runtime-connection.ts';
import type { StreamContext, StreamRequest } from './stream-request.ts';
import { acceptWebSocket, pacedBy, sendPaced } from './web-socket.ts';

/** Ports that one connection may ask for; a channel number is a byte and each port takes two. */
const mostPorts = 100;

/**
 * The older WebSocket form of port-forward: `?port=80&port=443`, channel 2i for the data of port i
 * and 2i+1 for its errors, each opened with a message of the port number in two bytes, little end
 * first.
 */
export async function servePortChannels(
  context: StreamContext,
  stream: StreamRequest,
  offered: string[],
): Promise<void> {
  const protocol = chooseProtocol(
    offered.filter((p) => p.startsWith('v4.') || p.startsWith('v5.')),
  );
  if (stream.ports.length === 0 || stream.ports.length > mostPorts)
    return refuse(stream.socket, 400, 'query parameter "port" is required');
  if (protocol === undefined)
    return refuse(
      stream.socket,
      403,
      `unable to upgrade: no known subprotocol among ${offered.join(', ')}`,
    );
  const runtime = await dialRuntime(context.dial, stream.url, 'portforward.k8s.io');
  const ws = await acceptWebSocket({ ...stream, protocol });
  const { base64 } = dialectOf(protocol);
  const send = (channel: number, data: Buffer): void =>
    sendPaced(
      ws,
      base64
        ? String(channel) + data.toString('base64')
        : Buffer.concat([Buffer.from([channel]), data]),
      runtime.socket,
    );
  const session = new SpdySession({
    role: 'client',
    send: (b) => void runtime.socket.write(b),
    onStream: (s) => s.reset(),
  });
  const streams = stream.ports.map((port, i) => openPort(session, { port, index: i, send }));
  // What is sent to a port that does not stand yet waits with the client.
  let pending = streams.length;
  ws.pause();
  for (const stream of streams) stream.onOpen = () => --pending === 0 && ws.resume();
  ws.on('message', (data: Buffer) => {
    const channel = base64 ? (data[0] as number) - 0x30 : (data[0] as number);
    if (channel % 2 === 0)
      streams[channel / 2]?.write(
        base64 ? Buffer.from(data.toString('latin1', 1), 'base64') : data.subarray(1),
      );
    pacedBy(ws, runtime.socket);
  });
  closeTogether(ws, runtime.socket, session);
  if (runtime.head.length) session.receive(runtime.head);
}

function openPort(
  session: SpdySession,
  options: { port: number; index: number; send(channel: number, data: Buffer): void },
): SpdyStream {
  const { port, index, send } = options;
  const headers = { port: String(port), requestid: String(index) };
  const error = session.open({ streamtype: 'error', ...headers });
  const data = session.open({ streamtype: 'data', ...headers });
  const opening = Buffer.from([port & 0xff, port >> 8]);
  send(index * 2, opening);
  send(index * 2 + 1, opening);
  error.end();
  error.onData = (d) => d && send(index * 2 + 1, d);
  data.onData = (d) => d && send(index * 2, d);
  return data;
}

function closeTogether(
  ws: WebSocket,
  socket: import('node:stream').Duplex,
  session: SpdySession,
): void {
  socket.on('data', (data: Buffer) => {
    try {
      session.receive(data);
    } catch (error) {
      ws.close(1011, messageOf(error).slice(0, 120));
    }
  });
  socket.on('close', () => {
    session.close();
    ws.close(1000);
  });
  ws.on('close', () => socket.destroy());
}
