import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../io/clock.ts';

/**
 * Connections at once: of all, and of one address. When all places are taken the longest idle
 * connection gives way.
 */
const mostConnections = 256;
const mostOfOne = 16;
/**
 * A whole question has this long to come, and so has the next. Bytes that trickle in give no more
 * time.
 */
const questionMs = 10_000;
/** No question is longer. */
const longestQuestion = 4096;
/** Questions of one connection that are being answered; more wait in the kernel. */
const mostAtOnce = 16;
/** Answers that nobody reads. */
const mostUnsent = 256 * 1024;

interface Client {
  socket: Socket;
  address: string;
  timer: Timer | undefined;
  got: Buffer;
  answering: number;
}

/** Takes questions out of TCP connections (RFC 7766), and bounds what a client can hold. */
export class TcpClients {
  readonly #clock: Clock;
  /** Whether an address may ask one question more now. */
  readonly #admit: (address: string) => boolean;
  readonly #answer: (query: Buffer, address: string) => Promise<Buffer | undefined>;
  /** In the order of their last question, the oldest first. */
  readonly #clients = new Set<Client>();

  constructor(options: {
    clock: Clock;
    admit(address: string): boolean;
    answer(query: Buffer, address: string): Promise<Buffer | undefined>;
  }) {
    this.#clock = options.clock;
    this.#admit = options.admit;
    this.#answer = options.answer;
  }

  get size(): number {
    return this.#clients.size;
  }

  add(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    const address = socket.remoteAddress ?? '';
    if ([...this.#clients].filter((c) => c.address === address).length >= mostOfOne)
      return void socket.destroy();
    if (this.#clients.size >= mostConnections) this.#end([...this.#clients][0] as Client);
    const client: Client = {
      socket,
      address,
      timer: undefined,
      got: Buffer.alloc(0),
      answering: 0,
    };
    this.#waitFor(client);
    socket.on('data', (chunk: Buffer) => {
      client.got = Buffer.concat([client.got, chunk]);
      this.#read(client);
    });
    socket.on('close', () => this.#end(client));
  }

  stop(): void {
    for (const client of this.#clients) this.#end(client);
  }

  #end(client: Client): void {
    client.timer?.cancel();
    this.#clients.delete(client);
    client.socket.destroy();
  }

  /** Its time starts over, and it is the last to give way. */
  #waitFor(client: Client): void {
    client.timer?.cancel();
    client.timer = this.#clock.after('dns.tcp', questionMs, () => this.#end(client));
    this.#clients.delete(client);
    this.#clients.add(client);
  }

  #read(client: Client): void {
    while (client.got.length >= 2 && client.answering < mostAtOnce) {
      const length = client.got.readUInt16BE(0);
      if (length === 0 || length > longestQuestion) return this.#end(client);
      if (client.got.length < 2 + length) break;
      // A client that hears nothing would wait; one whose connection ends comes again.
      if (!this.#admit(client.address)) return this.#end(client);
      const query = Buffer.from(client.got.subarray(2, 2 + length));
      client.got = client.got.subarray(2 + length);
      this.#waitFor(client);
      client.answering++;
      void this.#answer(query, client.address).then((reply) => this.#send(client, reply));
    }
    if (client.answering >= mostAtOnce) client.socket.pause();
  }

  #send(client: Client, reply: Buffer | undefined): void {
    client.answering--;
    if (!this.#clients.has(client)) return;
    if (reply) {
      const head = Buffer.alloc(2);
      head.writeUInt16BE(reply.length);
      client.socket.write(Buffer.concat([head, reply]));
    }
    if (client.socket.writableLength > mostUnsent) return this.#end(client);
    client.socket.resume();
    this.#read(client);
  }
}
