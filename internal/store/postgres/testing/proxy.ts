import { connect, createServer, type Server, type Socket } from 'node:net';

interface Pair {
  client: Socket;
  server: Socket;
  /** Bytes of the client that were not passed on. */
  held: Buffer[];
}

/** A wire that can be cut, and cut at the worst moment. */
export class Proxy {
  readonly #listener: Server;
  readonly #target: number;
  #pairs: Pair[] = [];
  /** What the client sends is kept from the server. */
  holdRequests = false;
  /** What the server says is thrown away. */
  dropAnswers = false;
  /** Everything takes so long, each way. */
  delayMs = 0;
  /** New connections are refused. */
  refuse = false;
  /** Told of everything the server says. */
  onAnswer: (bytes: Buffer) => void = () => undefined;
  onRequest: (bytes: Buffer) => void = () => undefined;

  private constructor(listener: Server, target: number) {
    this.#listener = listener;
    this.#target = target;
    listener.on('connection', (client: Socket) => this.#accept(client));
  }

  static async open(target: number): Promise<Proxy> {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return new Proxy(listener, target);
  }

  get port(): number {
    const address = this.#listener.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  /** Connections that were ever made. */
  accepted = 0;

  get connections(): number {
    return this.#pairs.length;
  }

  /** Ends all connections on both sides. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
    this.#pairs = [];
  }

  /**
   * Ends all connections for the client only. What it had sent reaches the server when the function
   * that is returned is called.
   */
  cutClients(): () => Promise<void> {
    const pairs = this.#pairs;
    this.#pairs = [];
    for (const { client } of pairs) {
      client.removeAllListeners('close');
      client.destroy();
    }
    return async () => {
      for (const { server, held } of pairs) {
        for (const bytes of held) server.write(bytes);
        // Until the server has read it all, and closed.
        await new Promise<void>((resolve) => server.once('close', () => resolve()).end());
      }
    };
  }

  /** Passes on what was held. */
  release(): void {
    this.holdRequests = false;
    for (const { server, held } of this.#pairs)
      for (const bytes of held.splice(0)) server.write(bytes);
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#listener.close(resolve));
  }

  #later(pass: () => void): void {
    if (this.delayMs > 0) setTimeout(pass, this.delayMs);
    else pass();
  }

  #accept(client: Socket): void {
    if (this.refuse) return void client.destroy();
    const server = connect(this.#target, '127.0.0.1');
    const pair: Pair = { client, server, held: [] };
    this.#pairs.push(pair);
    this.accepted++;
    for (const socket of [client, server]) socket.on('error', () => undefined).setNoDelay(true);
    client.on('data', (bytes: Buffer) => {
      this.onRequest(bytes);
      if (this.holdRequests) pair.held.push(bytes);
      else this.#later(() => server.write(bytes));
    });
    server.on('data', (bytes: Buffer) => {
      this.onAnswer(bytes);
      if (!this.dropAnswers) this.#later(() => client.write(bytes));
    });
    const over = (): void => {
      client.destroy();
      server.destroy();
      this.#pairs = this.#pairs.filter((one) => one !== pair);
    };
    client.on('close', over);
    server.on('close', over);
  }
}
