import type { Duplex } from 'node:stream';
import { SkiffError } from '../../base/errors.ts';
import type { Dial } from '../../io/dial.ts';

/** An upgraded SPDY/3.1 connection to containerd's streaming server. */
export interface RuntimeConnection {
  socket: Duplex;
  head: Buffer;
  /** The X-Stream-Protocol-Version that was agreed on. */
  protocol: string;
}

/** A local socket: a slow dial means that containerd is broken. */
const dialMs = 30_000;

/** Opens the streaming URL with SPDY/3.1, offering the given protocol versions. */
export async function dialRuntime(
  dial: Dial,
  url: string,
  versions: string | string[],
): Promise<RuntimeConnection> {
  const to = new URL(url);
  const answer = await dial.request(
    'streams.dial',
    { host: to.hostname, port: Number(to.port) },
    {
      method: 'POST',
      path: to.pathname + to.search,
      headers: {
        Host: to.host,
        Connection: 'Upgrade',
        Upgrade: 'SPDY/3.1',
        'X-Stream-Protocol-Version': versions,
        'Content-Length': '0',
      },
      timeoutMs: dialMs,
    },
  );
  if (answer.kind === 'answer') {
    answer.message.resume();
    throw new SkiffError(
      `the container runtime refused the stream: ${answer.message.statusCode} ` +
        `${answer.message.statusMessage}`,
      { code: 'STREAM', op: 'streams.dial' },
    );
  }
  answer.socket.on('error', () => answer.socket.destroy());
  return {
    socket: answer.socket,
    head: answer.head,
    protocol: String(answer.message.headers['x-stream-protocol-version'] ?? ''),
  };
}

/** The 101 that a SPDY client waits for. */
export function answerUpgrade(socket: Duplex, protocol: string): void {
  const version = protocol ? `X-Stream-Protocol-Version: ${protocol}\r\n` : '';
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n' +
      `${version}\r\n`,
  );
}

/** Refuses an upgrade with a plain answer and ends the connection. */
export function refuse(socket: Duplex, status: number, message: string): void {
  const body = message + '\n';
  socket.end(
    `HTTP/1.1 ${status} Error\r\nContent-Type: text/plain\r\nContent-Length: ` +
      `${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/**
 * Joins a client and the runtime; the end of one ends the other. `rest` is what the client must
 * still hear when the runtime is gone.
 */
export function join(client: Duplex, runtime: Duplex, rest: () => Buffer | undefined): void {
  client.pipe(runtime);
  runtime.pipe(client, { end: false });
  client.on('close', () => runtime.destroy());
  const over = (): void => {
    if (!client.writable) return;
    const last = rest();
    if (last) client.end(last);
    else client.end();
  };
  runtime.on('end', over);
  runtime.on('close', over);
}
