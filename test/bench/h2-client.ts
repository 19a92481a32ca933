import { connect, type TLSSocket } from 'node:tls';

export interface Place {
  host?: string;
  port: number;
  ca: string;
  cert: string;
  key: string;
}

const type = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, window: 8 };
const endStream = 1;
const ack = 1;
const endHeaders = 4;
/** As Go's client grants. */
const streamWindowBytes = 4 << 20;
const connectionWindowBytes = 1 << 30;

function frame(kind: number, flags: number, stream: number, body: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = kind;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

function uint32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
}

/** A header that no table knows (RFC 7541 6.2.2). */
function literal(name: string, value: string): Buffer {
  const text = (of: string): Buffer => {
    const bytes = Buffer.from(of);
    if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
    const rest = bytes.length - 127;
    const length = rest < 128 ? [127, rest] : [127, (rest & 127) | 128, rest >> 7];
    return Buffer.concat([Buffer.from(length), bytes]);
  };
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

/**
 * A client of HTTP/2 that asks one thing at a time and only counts what it is answered. Node's own
 * takes more processor time for a large answer than the servers that are measured.
 */
export class CountingClient {
  readonly #socket: TLSSocket;
  #next = 1;
  #bytes = 0;
  #granted = 0;
  #status = 0;
  /** What is left of the frame that is being read. */
  #left = 0;
  #head = Buffer.alloc(0);
  #kind = 0;
  #flags = 0;
  #small: Buffer[] = [];
  #done: ((answer: { status: number; bytes: number }) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('close', () => this.#failed?.(new Error('the connection ended')));
    socket.on('error', (error) => this.#failed?.(error));
    const setting = Buffer.concat([Buffer.from([0, 4]), uint32(streamWindowBytes)]);
    socket.write(
      Buffer.concat([
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        frame(type.settings, 0, 0, setting),
        frame(type.window, 0, 0, uint32(connectionWindowBytes)),
      ]),
    );
  }

  static open({ host = '127.0.0.1', port, ca, cert, key }: Place): Promise<CountingClient> {
    return new Promise((resolve, reject) => {
      const at = { host, port, ca, cert, key, ALPNProtocols: ['h2'] };
      const socket = connect(at, () => resolve(new CountingClient(socket)));
      socket.once('error', reject);
    });
  }

  get(path: string, accept: string, more: Record<string, string> = {}) {
    const fields = { ':method': 'GET', ':scheme': 'https', ':authority': 'localhost' };
    const all = { ...fields, ':path': path, accept, 'user-agent': 'bench', ...more };
    const block = Buffer.concat(Object.entries(all).map(([name, value]) => literal(name, value)));
    this.#bytes = this.#granted = this.#status = 0;
    this.#socket.write(frame(type.headers, endStream | endHeaders, this.#next, block));
    this.#next += 2;
    return new Promise<{ status: number; bytes: number }>((resolve, reject) => {
      this.#done = resolve;
      this.#failed = reject;
    });
  }

  close(): void {
    this.#done = this.#failed = undefined;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        const taken = Math.min(9 - this.#head.length, chunk.length - at);
        this.#head = Buffer.concat([this.#head, chunk.subarray(at, at + taken)]);
        at += taken;
        if (this.#head.length < 9) return;
        this.#left = this.#head.readUIntBE(0, 3);
        this.#kind = this.#head[3] as number;
        this.#flags = this.#head[4] as number;
        this.#small = [];
        if (this.#left > 0) continue;
      } else {
        const taken = Math.min(this.#left, chunk.length - at);
        if (this.#kind === type.data) this.#bytes += taken;
        else this.#small.push(chunk.subarray(at, at + taken));
        at += taken;
        this.#left -= taken;
        if (this.#left > 0) return;
      }
      this.#head = Buffer.alloc(0);
      this.#frameRead(Buffer.concat(this.#small));
    }
  }

  #frameRead(body: Buffer): void {
    if (this.#kind === type.settings && !(this.#flags & ack))
      this.#socket.write(frame(type.settings, ack, 0, Buffer.alloc(0)));
    if (this.#kind === type.ping && !(this.#flags & ack))
      this.#socket.write(frame(type.ping, ack, 0, body));
    if (this.#kind === type.reset || this.#kind === type.goAway)
      return this.#failed?.(new Error(`the answer was broken off: ${body.toString('hex')}`));
    // The first header is the status; of those that stand in the table 200 is one.
    if (this.#kind === type.headers && this.#status === 0)
      this.#status = body[0] === 0x88 ? 200 : 1;
    const ungranted = this.#bytes - this.#granted;
    if (this.#kind === type.data && ungranted > streamWindowBytes / 4) {
      this.#granted = this.#bytes;
      const more = uint32(ungranted);
      const stream = this.#next - 2;
      this.#socket.write(
        Buffer.concat([frame(type.window, 0, stream, more), frame(type.window, 0, 0, more)]),
      );
    }
    if (this.#flags & endStream && (this.#kind === type.data || this.#kind === type.headers)) {
      const done = this.#done;
      this.#done = this.#failed = undefined;
      const rest = this.#bytes - this.#granted;
      if (rest > 0) this.#socket.write(frame(type.window, 0, 0, uint32(rest)));
      done?.({ status: this.#status, bytes: this.#bytes });
    }
  }
}
