import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { lendReads } from './lent-reads.ts';

/** What a protocol does with its connection. */
export interface Transport {
  /**
   * `flush` is called at the end of this turn of the event loop, after the promises of the turn.
   */
  schedule(): void;
  /** `flush` is called after other connections had their turn. */
  scheduleLater(): void;
  /** Calls back when the client has had the time to read what was written. */
  later(fn: () => void): void;
  /**
   * True when the kernel has taken everything, so that the memory may change; otherwise `unblocked`
   * is called.
   */
  write(pieces: Buffer[]): boolean;
  /** Closes after what was written. */
  end(): void;
  pause(): void;
  resume(): void;
}

/** What speaks on a connection. It never throws for what a client sends. */
export interface WireProtocol {
  /** `bytes` are lent for the call. */
  receive(bytes: Buffer, nowMs: number): void;
  flush(): void;
  unblocked(): void;
  /** The connection is gone. */
  lost(): void;
  /** Says that the server goes. */
  close(): void;
}

/**
 * After the last word: time for the client to read it, since closing with unread bytes would take
 * it back.
 */
const lingerMs = 500;
/** A client reads what has come within this time, if it reads at all. */
const readMs = 50;
const nothing = Buffer.alloc(0);

/** One socket, and the turns of the event loop in which it is written to. */
export class WireSocket<Protocol extends WireProtocol> implements Transport {
  readonly protocol: Protocol;
  readonly #socket: Socket;
  readonly #flush: () => void;
  readonly #flushAfterPromises: () => void;
  readonly #taken: (error?: Error | null) => void;
  readonly #encrypted: boolean;
  #ended = false;

  onClosed: () => void = () => undefined;

  /** With `firstWordMs` a client that says nothing for so long is cut off. */
  constructor(
    accepted: Socket,
    speak: (transport: Transport) => Protocol,
    { firstWordMs }: { firstWordMs?: number } = {},
  ) {
    const protocol = speak(this);
    this.protocol = protocol;
    let silent = firstWordMs !== undefined;
    const socket = lendReads(accepted, (bytes) => {
      if (silent) socket.setTimeout(0);
      silent = false;
      protocol.receive(bytes, performance.now());
    });
    this.#socket = socket;
    this.#encrypted = socket instanceof TLSSocket;
    this.#flush = () => protocol.flush();
    // A tick that is asked for in a microtask comes after the last microtask: what many promises
    // answer leaves together.
    this.#flushAfterPromises = () => process.nextTick(this.#flush);
    this.#taken = (error) => {
      if (!error) protocol.unblocked();
    };
    if (firstWordMs !== undefined) socket.setTimeout(firstWordMs, () => socket.destroy());
    // a connection that breaks is the client's to report; 'close' follows
    socket.on('error', () => undefined);
    socket.on('close', () => {
      protocol.lost();
      this.onClosed();
    });
  }

  schedule(): void {
    queueMicrotask(this.#flushAfterPromises);
  }

  scheduleLater(): void {
    setImmediate(this.#flush);
  }

  later(fn: () => void): void {
    setTimeout(fn, readMs).unref();
  }

  write(pieces: Buffer[]): boolean {
    const socket = this.#socket;
    if (this.#ended || socket.destroyed) return true;
    // TLS says of no write at once that it is done.
    const taken = this.#encrypted ? this.#taken : undefined;
    const last = pieces.length - 1;
    if (last > 0) socket.cork();
    for (let i = 0; i < last; i++) socket.write(pieces[i] as Buffer);
    socket.write(pieces[last] as Buffer, taken);
    if (last > 0) socket.uncork();
    if (taken) return false;
    if (socket.writableLength === 0) return true;
    socket.write(nothing, this.#taken);
    return false;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.end();
    this.#socket.resume();
    setTimeout(() => this.#socket.destroy(), lingerMs).unref();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}
