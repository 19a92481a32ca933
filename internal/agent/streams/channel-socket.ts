import type { WebSocket } from 'ws';
import { pacedBy, sendPaced, type Pausable, type Sink } from './web-socket.ts';

/** The first byte of each message. */
export const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

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
interface Dialect {
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

/** What a client sends. */
export interface ChannelInput {
  stdin(data: Buffer): void;
  stdinEnds(): void;
  resize(data: Buffer): void;
}

/** The streams of exec and its kin in the messages of a WebSocket. */
export class ChannelSocket {
  readonly ws: WebSocket;
  readonly #dialect: Dialect;
  #finished = false;

  constructor(ws: WebSocket, protocol: string) {
    this.ws = ws;
    this.#dialect = dialectOf(protocol);
  }

  /** Hands on what a message of the client says, and holds the client back while `to` is slow. */
  take(message: Buffer, input: ChannelInput, to: Sink): void {
    // What comes after the last word is for nobody.
    if (this.#finished) return;
    if (message.length > 0) this.#hand(message, input);
    pacedBy(this.ws, to);
  }

  #hand(message: Buffer, input: ChannelInput): void {
    const first = message[0] as number;
    const from = this.#dialect.base64 ? first - 0x30 : first;
    const data = this.#dialect.base64
      ? Buffer.from(message.toString('latin1', 1), 'base64')
      : message.subarray(1);
    if (from === channel.stdin) input.stdin(data);
    else if (from === channel.resize) input.resize(data);
    else if (from === channel.close && this.#dialect.halfClose && data[0] === channel.stdin)
      input.stdinEnds();
  }

  /** Sends data, and holds `source` back while the client is slow. */
  send(to: number, data: Buffer, source: Pausable): void {
    sendPaced(this.ws, this.#message(to, data), source);
  }

  /** Sends the final Status and says goodbye; false when that was done before. */
  finish(status: string): boolean {
    if (this.#finished) return false;
    this.#finished = true;
    // One that is held back would not be heard to say goodbye.
    this.ws.resume();
    const shown = this.#dialect.status ? status : failureText(status);
    if (shown && this.ws.readyState === this.ws.OPEN)
      this.ws.send(this.#message(channel.error, Buffer.from(shown)));
    this.ws.close(1000);
    return true;
  }

  #message(to: number, data: Buffer): string | Buffer {
    return this.#dialect.base64
      ? String(to) + data.toString('base64')
      : Buffer.concat([Buffer.from([to]), data]);
  }
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
