import type { H2Limits } from './limits.ts';

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly limits: H2Limits;
  readonly out: { readonly initialWindow: number };
  /** Sends the trailers, which end our side of the stream. */
  sendEnd(stream: H2Stream, block: Buffer): void;
}

/**
 * One stream of a connection. Fields are the connection's to change; what a stream does with its
 * bytes is a subclass.
 */
export abstract class H2Stream {
  readonly id: number;
  readonly connection: StreamOwner;
  /** What the peer may still send, and how much of what it sent was not given back yet. */
  receiveWindow: number;
  unreturned = 0;
  /** What we may still send; negative after the peer made its windows smaller. */
  sendWindow: number;
  /** The peer sent END_STREAM, or is asked not to send any more. */
  remoteDone = false;
  /** END_STREAM or RST_STREAM was sent or received: nothing moves any more. */
  over = false;
  /** END_STREAM was sent. */
  sentEnd = false;
  /** Windows are given back when somebody has taken the bytes, not when they come. */
  readonly holdsWindow: boolean = false;
  /** What still comes of a body when the answer has ended is taken for a moment. */
  readonly drains: boolean = false;
  /** Bytes of the body that nobody has taken yet, where `holdsWindow`. */
  kept = 0;
  /** content-length minus what came; undefined when it was not said. */
  contentLeft: number | undefined = undefined;
  /**
   * What waits for the peer's windows or the kernel: from `queue[first]`, whose first `offset`
   * bytes are sent.
   */
  queue: Buffer[] = noBuffers;
  first = 0;
  offset = 0;
  /**
   * All that waits, the tail included: the bytes of `tail` from `tailFrom` to `tailAt` come behind
   * the queue.
   */
  queuedBytes = 0;
  tail: Buffer = noTail;
  tailFrom = 0;
  tailAt = 0;
  /** Trailers that follow what waits. */
  endBlock: Buffer | undefined = undefined;
  /** Stands in the sender's line. */
  inLine = false;
  wantsDrain = false;

  constructor(connection: StreamOwner, id: number) {
    this.connection = connection;
    this.id = id;
    this.receiveWindow = connection.limits.streamWindowBytes;
    this.sendWindow = connection.out.initialWindow;
  }

  /** It is in the connection's list now and may answer. */
  opened(): void {}
  /** Bytes of the body. They are only lent: `bytes` is another's as soon as this returns. */
  abstract received(bytes: Buffer, from: number, to: number): void;
  /** The peer will send no more. */
  abstract receivedAll(): void;
  /** The stream is over, ended by either side; called once. */
  abstract ended(): void;
  /** Nothing waits any more, after `wantsDrain` was set. */
  abstract drained(): void;
}

/** Shared by streams that never had to wait. It stays empty. */
export const noBuffers: Buffer[] = [];
export const noTail = Buffer.alloc(0);
