import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { frameType, preface, readU31 } from '../frames.ts';
import { HpackDecoder } from '../hpack.ts';
import { endStream, settings, type SeenFrame } from './peer.ts';

const patienceMs = 5000;

/** Writes frames to a server behind TLS, well formed or not, and keeps what comes back. */
export class RawClient {
  readonly frames: SeenFrame[] = [];
  closed = false;
  readonly #socket: TLSSocket;
  readonly #hpack = new HpackDecoder();
  readonly #heads = new Map<number, Record<string, string>>();
  #rest: Buffer = Buffer.alloc(0);
  #wake: () => void = () => undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** With `greet` the preface and empty SETTINGS have been sent. */
  static async open(options: ConnectionOptions, greet = true): Promise<RawClient> {
    const socket = connect({ ...options, ALPNProtocols: ['h2'] });
    await new Promise((resolve, reject) => {
      socket.once('secureConnect', () => resolve(undefined));
      socket.once('error', reject);
    });
    // What is written apart arrives apart.
    socket.setNoDelay(true);
    const client = new RawClient(socket);
    if (greet) client.send(preface, settings());
    return client;
  }

  send(...bytes: Buffer[]): void {
    this.#socket.write(Buffer.concat(bytes));
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Waits until `found` finds something in what has come. */
  async until<T>(found: () => T | undefined | false): Promise<T> {
    const end = Date.now() + patienceMs;
    for (;;) {
      const what = found();
      if (what !== undefined && what !== false) return what;
      if (Date.now() > end)
        throw new Error(`not seen in ${patienceMs} ms; came: ${JSON.stringify(this.#shown())}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The first frame of a type on a stream, once it is there. */
  frame(type: number, id = 0): Promise<SeenFrame> {
    return this.until(() => this.frames.find((f) => f.type === type && f.id === id));
  }

  /** The fields of the answer's head, once it is there. */
  head(id: number): Promise<Record<string, string>> {
    return this.until(() => this.#heads.get(id));
  }

  /** The whole body of an answer. */
  async body(id: number): Promise<Buffer> {
    const mine = (): SeenFrame[] => this.frames.filter((f) => f.id === id);
    await this.until(() =>
      mine().some(
        (f) =>
          (f.type === frameType.data || f.type === frameType.headers) &&
          (f.flags & endStream) !== 0,
      ),
    );
    return Buffer.concat(
      mine()
        .filter((f) => f.type === frameType.data)
        .map((f) => f.payload),
    );
  }

  #take(bytes: Buffer): void {
    let rest = Buffer.concat([this.#rest, bytes]);
    while (rest.length >= 9) {
      const length = rest.readUIntBE(0, 3);
      if (rest.length < 9 + length) break;
      const seen = {
        type: rest[3] as number,
        flags: rest[4] as number,
        id: readU31(rest, 5),
        payload: rest.subarray(9, 9 + length),
      };
      this.frames.push(seen);
      if (seen.type === frameType.headers) this.#heads.set(seen.id, this.#fields(seen.payload));
      rest = rest.subarray(9 + length);
    }
    this.#rest = rest;
    this.#wake();
  }

  #fields(block: Buffer): Record<string, string> {
    const fields: Record<string, string> = {};
    this.#hpack.decode(block, 0, block.length, {
      add: ({ name, value }) => void (fields[name] = value),
    });
    return fields;
  }

  #shown(): unknown[] {
    return this.frames.map((f) => [f.type, f.flags, f.id, f.payload.toString('hex', 0, 16)]);
  }
}
