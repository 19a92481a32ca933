import { GrpcStatus } from '../../io/grpc-server.ts';

const prefixBytes = 5;
const unimplemented = 12;
const resourceExhausted = 8;

/**
 * Cuts a body into gRPC messages. Each one is a copy of its own: what it came in is used again for
 * the next.
 */
export class MessageReader {
  readonly #most: number;
  /** How much memory the connection may still set aside for messages that are not whole. */
  readonly #budget: MessageBudget;
  /** How many bytes of the prefix came, and the length as far as they tell it. */
  #prefixed = 0;
  #size = 0;
  #message: Buffer | undefined = undefined;
  #filled = 0;

  constructor(most: number, budget: MessageBudget) {
    this.#most = most;
    this.#budget = budget;
  }

  /** Throws GrpcStatus for what cannot be a message here. */
  push(bytes: Buffer, from: number, to: number, each: MessageTaker): void {
    let at = from;
    while (at < to) {
      if (this.#message === undefined) {
        at = this.#begin(bytes, at, to);
        if (this.#prefixed < prefixBytes) return;
        const size = this.#size;
        if (to - at >= size) {
          this.#prefixed = 0;
          const message = Buffer.allocUnsafe(size);
          bytes.copy(message, 0, at, at + size);
          each.message(message);
          at += size;
          continue;
        }
        if (!this.#budget.take(size))
          throw new GrpcStatus(
            resourceExhausted,
            'grpc: too many unfinished messages on one connection',
          );
        this.#message = Buffer.allocUnsafeSlow(size);
        this.#filled = 0;
      }
      const message = this.#message;
      const took = Math.min(message.length - this.#filled, to - at);
      bytes.copy(message, this.#filled, at, at + took);
      this.#filled += took;
      at += took;
      if (this.#filled < message.length) return;
      this.drop();
      each.message(message);
    }
  }

  /** Forgets a message that is not whole. */
  drop(): void {
    if (this.#message !== undefined) this.#budget.give(this.#message.length);
    this.#message = undefined;
    this.#prefixed = 0;
  }

  #begin(bytes: Buffer, from: number, to: number): number {
    let at = from;
    while (this.#prefixed < prefixBytes && at < to) {
      const byte = bytes[at++] as number;
      if (this.#prefixed++ > 0) this.#size = this.#size * 256 + byte;
      else if (byte !== 0)
        throw new GrpcStatus(unimplemented, 'grpc: compressed messages are not supported');
      else this.#size = 0;
    }
    if (this.#prefixed === prefixBytes && this.#size > this.#most)
      throw new GrpcStatus(
        resourceExhausted,
        `grpc: received message larger than max (${this.#size} vs. ${this.#most})`,
      );
    return at;
  }
}

export interface MessageTaker {
  message(bytes: Buffer): void;
}

export class MessageBudget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}
