import type { Duplex } from 'node:stream';
import { messageOf } from '../../base/errors.ts';
import { SpdySession, type SpdyStream } from '../../wire/spdy/session.ts';
import { channel, ChannelSocket, chooseProtocol } from './channel-socket.ts';
import { dialRuntime, refuse } from './runtime-connection.ts';
import type { StreamContext, StreamRequest, Wants } from './stream-request.ts';
import { acceptWebSocket } from './web-socket.ts';

/** exec and attach over WebSocket channels, translated to containerd's SPDY streams. */
export async function serveChannels(
  context: StreamContext,
  stream: StreamRequest,
  offered: string[],
): Promise<void> {
  const protocol = chooseProtocol(offered);
  if (protocol === undefined)
    return refuse(
      stream.socket,
      403,
      `unable to upgrade: no known subprotocol among ${offered.join(', ')}`,
    );
  const runtime = await dialRuntime(context.dial, stream.url, 'v4.channel.k8s.io');
  const ws = await acceptWebSocket({ ...stream, protocol });
  const client = new ChannelSocket(ws, protocol);
  const translator = new Translator(client, runtime.socket, stream.wants);
  if (runtime.head.length) translator.fromRuntime(runtime.head);
}

class Translator {
  readonly #client: ChannelSocket;
  readonly #socket: Duplex;
  readonly #session: SpdySession;
  readonly #stdin: SpdyStream | undefined;
  readonly #resize: SpdyStream | undefined;
  /** Streams that containerd has not ended yet; the last one ends the connection. */
  readonly #open = new Set<SpdyStream>();
  #status: Buffer[] = [];

  constructor(client: ChannelSocket, socket: Duplex, wants: Wants) {
    this.#client = client;
    this.#socket = socket;
    this.#session = new SpdySession({
      role: 'client',
      send: (b) => void socket.write(b),
      onStream: (s) => s.reset(),
    });
    this.#input('error', (data) => this.#status.push(data));
    this.#stdin = wants.stdin ? this.#session.open({ streamtype: 'stdin' }) : undefined;
    if (wants.stdout) this.#input('stdout', (data) => this.#send(channel.stdout, data));
    if (wants.stderr && !wants.tty)
      this.#input('stderr', (data) => this.#send(channel.stderr, data));
    this.#resize = wants.tty ? this.#session.open({ streamtype: 'resize' }) : undefined;
    this.#wire();
    this.#holdBack();
    // The client learns from an empty message that the streams stand.
    this.#send(
      wants.stdout ? channel.stdout : wants.stderr ? channel.stderr : channel.error,
      Buffer.alloc(0),
    );
  }

  fromRuntime(data: Buffer): void {
    try {
      this.#session.receive(data);
    } catch (error) {
      this.#client.ws.close(1011, messageOf(error).slice(0, 120));
      this.#socket.destroy();
    }
  }

  #wire(): void {
    this.#socket.on('data', (data: Buffer) => this.fromRuntime(data));
    this.#socket.on('close', () => {
      this.#session.close();
      this.#finish();
    });
    const { ws } = this.#client;
    ws.on('message', (data: Buffer) =>
      this.#fromClient(Buffer.isBuffer(data) ? data : Buffer.from(data as ArrayBuffer)),
    );
    ws.on('close', () => this.#socket.destroy());
  }

  /** Until containerd takes stdin, what the client sends waits with the client. */
  #holdBack(): void {
    const stdin = this.#stdin;
    if (!stdin) return;
    const { ws } = this.#client;
    ws.pause();
    stdin.onOpen = stdin.onClose = () => ws.resume();
  }

  #input(streamtype: string, take: (data: Buffer) => void): void {
    const stream = this.#session.open({ streamtype });
    this.#open.add(stream);
    stream.onData = (data) => (data ? take(data) : this.#ended(stream));
    stream.onClose = () => this.#ended(stream);
  }

  #fromClient(message: Buffer): void {
    const input = {
      stdin: (data: Buffer) => this.#stdin?.write(data),
      stdinEnds: () => this.#stdin?.end(),
      resize: (data: Buffer) => this.#resize?.write(data),
    };
    this.#client.take(message, input, this.#socket);
  }

  #send(to: number, data: Buffer): void {
    this.#client.send(to, data, this.#socket);
  }

  #ended(stream: SpdyStream): void {
    if (this.#open.delete(stream) && this.#open.size === 0) this.#finish();
  }

  /** Sends the final status, which containerd gives on the error stream, and says goodbye. */
  #finish(): void {
    const text = statusOr(Buffer.concat(this.#status).toString());
    if (this.#client.finish(text)) this.#socket.end();
  }
}

/**
 * What containerd said of the end. Without a whole word of it nobody knows the end, and a client
 * would take the silence for success.
 */
export function statusOr(text: string): string {
  try {
    const { status } = JSON.parse(text) as { status?: string };
    if (status === 'Success' || status === 'Failure') return text;
  } catch {
    // It was cut, or there is none.
  }
  return JSON.stringify({
    metadata: {},
    status: 'Failure',
    message:
      'Internal error occurred: the connection to the container runtime ended before the ' +
      'result was known',
    reason: 'InternalError',
    code: 500,
  });
}
