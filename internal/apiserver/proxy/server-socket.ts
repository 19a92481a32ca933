import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { badRequest } from '../../api/status.ts';

const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * The sending half of a WebSocket (RFC 6455): enough to stream logs and events to a client that
 * only listens.
 */
export class ServerSocket {
  readonly #socket: Duplex;
  readonly protocol: string;
  onClose: () => void = () => undefined;

  constructor(request: IncomingMessage, socket: Duplex, protocols: readonly string[]) {
    const key = request.headers['sec-websocket-key'];
    if (!key) throw badRequest('the request is not a WebSocket handshake');
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(/,\s*/).filter(Boolean);
    this.protocol = offered.find((one) => protocols.includes(one)) ?? '';
    const accept = createHash('sha1')
      .update(key + magic)
      .digest('base64');
    const lines = [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${accept}`,
    ];
    if (this.protocol) lines.push(`Sec-WebSocket-Protocol: ${this.protocol}`);
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#heard(chunk));
    socket.on('close', () => this.onClose());
    socket.on('error', () => this.onClose());
  }

  /** A client that only listens sends nothing but a close. */
  #heard(chunk: Buffer): void {
    if (((chunk[0] ?? 0) & 0x0f) === 8) {
      this.close();
      this.onClose();
    }
  }

  /** Whether the client keeps up; if not, the socket says `drain` when it does. */
  send(data: Buffer, text = false): boolean {
    if (this.#socket.writableEnded || this.#socket.destroyed) return true;
    return this.#socket.write(Buffer.concat([frameHead(text ? 1 : 2, data.length), data]));
  }

  close(): void {
    if (this.#socket.writableEnded) return;
    this.#socket.end(Buffer.concat([frameHead(8, 2), Buffer.from([0x03, 0xe8])]));
  }
}

function frameHead(opcode: number, length: number): Buffer {
  if (length < 126) return Buffer.from([0x80 | opcode, length]);
  if (length < 65536) return Buffer.from([0x80 | opcode, 126, length >> 8, length & 255]);
  const head = Buffer.alloc(10);
  head[0] = 0x80 | opcode;
  head[1] = 127;
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}
