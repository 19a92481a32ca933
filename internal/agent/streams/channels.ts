import type { WebSocket } from 'ws';
import type { Duplex } from 'node:stream';
import { messageOf } from '../../base/errors.ts';
import { SpdySession, type SpdyStream } from '../../wire/spdy/session.ts';
import { dialRuntime, refuse } from './runtime-connection.ts';
import type { StreamContext, StreamRequest, Wants } from './stream-request.ts';
import { acceptWebSocket, pacedBy, sendPaced } from './web-socket.ts';

/** The first byte of each message. */
const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** Best first. The empty name is the oldest protocol, as `channel.k8s.io`. */
const protocols = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
] as const;

/** The protocol to speak, '' for a client that names none, undefined when none is known. */
export function chooseProtocol(offered: string[]): string | undefined {
  if (offered.length === 0) return '';
  return protocols.find((p) => offered.includes(p));
}

/** How a protocol writes messages and the final status. */
export interface Dialect {
  base64: boolean;
  /** The error channel carries a Status object, otherwise a text and only for a failure. */
  status: boolean;
  /** 255 and a channel number half-closes that channel. */
  halfClose: boolean;
}

export function dialectOf(protocol: string): Dialect {
  return {
    base64: protocol.includes('base64'),
    status: /^v[45]\./.test(protocol),
    halfClose: protocol.startsWith('v5.'),
  };
}

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
  const translator = new Translator(ws, runtime.socket, {
    ...dialectOf(protocol),
    wants: stream.wants,
  });
  if (runtime.head.length) translator.fromRuntime(runtime.head);
}

interface TranslatorOptions extends Dialect {
  wants: Wants;
}

class Translator {
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #options: TranslatorOptions;
  readonly #session: SpdySession;
  readonly #stdin: SpdyStream | undefined;
  readonly #resize: SpdyStream | undefined;
  /** Streams that containerd has not ended yet; the last one ends the connection. */
  readonly #open = new Set<SpdyStream>();
  #status: Buffer[] = [];
  #finished = false;

  constructor(ws: WebSocket, socket: Duplex, options: TranslatorOptions) {
    this.#ws = ws;
    this.#socket = socket;
    this.#options = options;
    this.#session = new SpdySession({
      role: 'client',
      send: (b) => void socket.write(b),
      onStream: (s) => s.reset(),
    });
    const { wants } = options;
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
      this.#ws.close(1011, messageOf(error).slice(0, 120));
      this.#socket.destroy();
    }
  }

  #wire(): void {
    this.#socket.on('data', (data: Buffer) => this.fromRuntime(data));
    this.#socket.on('close', () => {
      this.#session.close();
      this.#finish();
    });
    this.#ws.on('message', (data: Buffer) =>
      this.#fromClient(Buffer.isBuffer(data) ? data : Buffer.from(data as ArrayBuffer)),
    );
    this.#ws.on('close', () => this.#socket.destroy());
  }

  /** Until containerd takes stdin, what the client sends waits with the client. */
  #holdBack(): void {
    const stdin = this.#stdin;
    if (!stdin) return;
    this.#ws.pause();
    stdin.onOpen = stdin.onClose = () => this.#ws.resume();
  }

  #input(streamtype: string, take: (data: Buffer) => void): void {
    const stream = this.#session.open({ streamtype });
    this.#open.add(stream);
    stream.onData = (data) => (data ? take(data) : this.#ended(stream));
    stream.onClose = () => this.#ended(stream);
  }

  #fromClient(message: Buffer): void {
    if (message.length === 0) return;
    const first = message[0] as number;
    const to = this.#options.base64 ? first - 0x30 : first;
    const data = this.#options.base64
      ? Buffer.from(message.toString('latin1', 1), 'base64')
      : message.subarray(1);
    if (to === channel.stdin) this.#stdin?.write(data);
    else if (to === channel.resize) this.#resize?.write(data);
    else if (to === channel.close && this.#options.halfClose && data[0] === channel.stdin)
      this.#stdin?.end();
    pacedBy(this.#ws, this.#socket);
  }

  #send(to: number, data: Buffer): void {
    const message = this.#options.base64
      ? String(to) + data.toString('base64')
      : Buffer.concat([Buffer.from([to]), data]);
    sendPaced(this.#ws, message, this.#socket);
  }

  #ended(stream: SpdyStream): void {
    if (this.#open.delete(stream) && this.#open.size === 0) this.#finish();
  }

  /** Sends the final status, which containerd gives on the error stream, and says goodbye. */
  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    const text = statusOr(Buffer.concat(this.#status).toString());
    const shown = this.#options.status ? text : failureText(text);
    if (shown) this.#send(channel.error, Buffer.from(shown));
    this.#ws.close(1000);
    this.#socket.end();
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

/** The message of a failure Status; empty for success. */
export function failureText(status: string): string {
  try {
    const parsed = JSON.parse(status) as { status?: string; message?: string };
    return parsed.status === 'Success' ? '' : (parsed.message ?? status);
  } catch {
    return status;
  }
}
