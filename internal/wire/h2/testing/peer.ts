import {
  GrpcStatus,
  type GrpcServerOptions,
  type GrpcServerStream,
} from '../../../io/grpc-server.ts';
import type { Transport, WireProtocol } from '../../../io/wire-socket.ts';
import { defaultFrameBytes, frameType, preface, readU31 } from '../frames.ts';
import { GrpcConnection } from '../grpc.ts';
import { headerBlock, HpackDecoder } from '../hpack.ts';
import { defaultLimits, type H2Limits } from '../limits.ts';

export const endStream = 1;
export const endHeaders = 4;

export interface SeenFrame {
  type: number;
  flags: number;
  id: number;
  payload: Buffer;
}

/**
 * A transport without sockets: what was written stays here, and turns happen when `turn` says so.
 */
class FakeTransport implements Transport {
  protocol: WireProtocol | undefined = undefined;
  written: Buffer[] = [];
  writes = 0;
  ended = false;
  paused = false;
  /** Set to let the kernel be full: `write` keeps the bytes, and says that they are not gone. */
  full = false;
  #wanted = false;

  schedule(): void {
    this.#wanted = true;
  }

  scheduleLater(): void {
    this.#wanted = true;
  }

  later(fn: () => void): void {
    fn();
  }

  write(pieces: Buffer[]): boolean {
    this.writes++;
    // What was taken may change from now on, as the contract says.
    this.written.push(Buffer.concat(pieces));
    return !this.full;
  }

  end(): void {
    this.ended = true;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  turn(): void {
    while (this.#wanted) {
      this.#wanted = false;
      this.protocol?.flush();
    }
  }

  /** The kernel took everything. */
  empty(): void {
    this.full = false;
    this.protocol?.unblocked();
    this.turn();
  }

  /** The frames written since the last call. */
  frames(): SeenFrame[] {
    const bytes = Buffer.concat(this.written);
    this.written = [];
    return framesOf(bytes);
  }
}

function framesOf(bytes: Buffer): SeenFrame[] {
  const frames: SeenFrame[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUIntBE(at, 3);
    frames.push({
      type: bytes[at + 3] as number,
      flags: bytes[at + 4] as number,
      id: readU31(bytes, at + 5),
      payload: bytes.subarray(at + 9, at + 9 + length),
    });
    at += 9 + length;
  }
  return frames;
}

export function frame(
  type: number,
  flags: number,
  id: number,
  payload: Uint8Array = new Uint8Array(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

export function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => bytes.writeUInt32BE(value, i * 4));
  return bytes;
}

export function settings(...pairs: [number, number][]): Buffer {
  return frame(
    4,
    0,
    0,
    Buffer.concat(
      pairs.map(([id, value]) => Buffer.concat([Buffer.from([id >> 8, id]), u32(value)])),
    ),
  );
}

export const hello = Buffer.concat([preface, settings()]);

export function requestBlock(path: string, more: [string, string][] = []): Buffer {
  return headerBlock(undefined, [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    ['content-type', 'application/grpc'],
    ...more,
  ]);
}

/** One gRPC message with its prefix. */
export function prefixed(message: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0]), u32(message.length), message]);
}

export function fieldsOf(block: Buffer): Record<string, string> {
  const fields: Record<string, string> = {};
  new HpackDecoder().decode(block, 0, block.length, {
    add: ({ name, value }) => void (fields[name] = value),
  });
  return fields;
}

/** A connection whose bytes a test writes and reads itself. */
export class Peer {
  readonly transport = new FakeTransport();
  readonly connection: GrpcConnection;
  readonly asked: string[] = [];
  readonly opened: GrpcServerStream[] = [];
  readonly waiting: ((answer: Buffer) => void)[] = [];
  closed = 0;
  /** What the server said first. */
  greeting: SeenFrame[] = [];

  constructor(limits: Partial<H2Limits> = {}, greet = true) {
    const options: GrpcServerOptions = {
      listen: [],
      maxRequestBytes: 1_000_000,
      unary: new Map<string, (request: Buffer) => Buffer | Promise<Buffer>>([
        [
          '/t/echo',
          (request) => {
            this.asked.push(request.toString('latin1'));
            return Buffer.from(request);
          },
        ],
        [
          '/t/fail',
          () => {
            throw new GrpcStatus(5, 'not here: \u{1f600}%\n');
          },
        ],
        ['/t/wait', () => new Promise((resolve) => this.waiting.push(resolve))],
      ]),
      streams: new Map([
        [
          '/t/stream',
          (stream: GrpcServerStream) => {
            this.opened.push(stream);
            stream.onMessage = (message) => this.asked.push(message.toString('latin1'));
            stream.onEnd = () => this.asked.push('end');
            stream.onClosed = () => this.closed++;
          },
        ],
      ]),
      http: (path) => Promise.resolve({ status: 200, type: 'text/plain', body: `plain ${path}` }),
    };
    this.connection = new GrpcConnection(options, this.transport, { ...defaultLimits, ...limits });
    this.transport.protocol = this.connection;
    if (!greet) return;
    this.send(hello);
    this.greeting = this.frames();
  }

  send(...bytes: Buffer[]): void {
    this.connection.receive(Buffer.concat(bytes), 1);
    this.transport.turn();
  }

  open(id: number, path: string, flags = 0): void {
    this.send(frame(frameType.headers, endHeaders | flags, id, requestBlock(path)));
  }

  call(id: number, path: string, message: string | Buffer): void {
    this.send(callBytes(id, path, message));
  }

  frames(): SeenFrame[] {
    return this.transport.frames();
  }
}

export function callBytes(id: number, path: string, message: string | Buffer): Buffer {
  const body = prefixed(Buffer.from(message));
  const frames = [frame(frameType.headers, endHeaders, id, requestBlock(path))];
  for (let at = 0; at < body.length; at += defaultFrameBytes)
    frames.push(
      frame(
        frameType.data,
        at + defaultFrameBytes >= body.length ? endStream : 0,
        id,
        body.subarray(at, at + defaultFrameBytes),
      ),
    );
  return Buffer.concat(frames);
}

export function streamError(id: number, code: number): SeenFrame {
  return { type: frameType.rstStream, flags: 0, id, payload: u32(code) };
}

export function bodyOf(frames: SeenFrame[], id: number): Buffer {
  return Buffer.concat(
    frames.filter((f) => f.type === frameType.data && f.id === id).map((f) => f.payload),
  );
}
