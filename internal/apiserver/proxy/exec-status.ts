import { Buffer } from 'node:buffer';
import { Transform, type Duplex, type TransformCallback } from 'node:stream';
import { dataFrame, FrameParser, frameType } from '../../wire/spdy/frames.ts';
import { HeaderReader } from '../../wire/spdy/header-block.ts';

/** A frame longer than this is passed on before it is whole. containerd's are 32 KB. */
const longestHeldBytes = 64 << 10;
/** The streams are set up long before this much input. */
const mostLookedAtBytes = 1 << 20;

/**
 * The way back of an exec or attach over SPDY. Clients take a connection that ends without a status
 * for success (client-go's error stream, empty, means no error); so when the node's side ends
 * without one, this gives it.
 */
class ExecStatus extends Transform {
  #held: Buffer = Buffer.alloc(0);
  /** Bytes of a long frame that are still to pass. */
  #passing = 0;
  #told = false;
  #parser: FrameParser | undefined = new FrameParser();
  readonly #headers = new HeaderReader();
  #lookedAt = 0;
  #errorStream: number | undefined;

  /** Looks at what the client sends, until it is known which of its streams takes the status. */
  fromClient(chunk: Buffer): void {
    if (!this.#parser) return;
    this.#lookedAt += chunk.length;
    try {
      for (const frame of this.#parser.push(chunk)) {
        if (
          frame.kind !== 'control' ||
          frame.type !== frameType.synStream ||
          frame.payload.length < 10
        )
          continue;
        const headers = this.#headers.read(frame.payload.subarray(10));
        if (headers['streamtype'] === 'error')
          this.#errorStream = frame.payload.readUInt32BE(0) & 0x7fffffff;
      }
    } catch {
      this.#parser = undefined; // what is not SPDY is refused by whom it is for
    }
    if (this.#errorStream !== undefined || this.#lookedAt > mostLookedAtBytes)
      this.#parser = undefined;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    let rest = chunk;
    if (this.#passing > 0) {
      const passed = rest.subarray(0, this.#passing);
      this.#passing -= passed.length;
      this.push(passed);
      rest = rest.subarray(passed.length);
    }
    this.#held = this.#held.length ? Buffer.concat([this.#held, rest]) : rest;
    let at = 0;
    while (this.#held.length - at >= 8) {
      const length = this.#held.readUIntBE(at + 5, 3);
      const whole = this.#held.length - at >= 8 + length;
      if (!whole && length <= longestHeldBytes) break;
      // Status texts are short: a frame that is not whole here carries none.
      if (whole && length > 0 && this.#held.readUInt32BE(at) === this.#errorStream)
        this.#told = true;
      if (!whole) this.#passing = 8 + length - (this.#held.length - at);
      at = whole ? at + 8 + length : this.#held.length;
    }
    if (at > 0) this.push(this.#held.subarray(0, at));
    this.#held = this.#held.subarray(at);
    done();
  }

  override _flush(done: TransformCallback): void {
    if (this.#told) return done();
    if (this.#errorStream === undefined)
      return done(new Error('the node ended the stream without a status'));
    // What follows must be read as a frame: half of one is not passed on, and a long one that has
    // begun is filled up.
    if (this.#passing > 0) this.push(Buffer.alloc(this.#passing));
    const message = 'the connection to the node was lost before the command had ended';
    const status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason: 'InternalError',
      code: 500,
    };
    this.push(dataFrame(this.#errorStream, Buffer.from(JSON.stringify(status)), true));
    done();
  }
}

/**
 * Joins a client's SPDY connection and a node's, so that the client hears of an end that was none.
 * `head` came with the node's answer.
 */
export function joinExec(
  client: Duplex,
  node: Duplex,
  head: { node: Buffer; client: Buffer },
): void {
  const back = new ExecStatus();
  const over = (): void => {
    if (!back.writableEnded) back.end();
  };
  const end = (): void => {
    client.destroy();
    node.destroy();
  };
  back.on('error', end);
  client.on('error', end);
  client.on('close', end);
  node.on('error', over);
  node.on('close', over);
  client.on('data', (chunk: Buffer) => back.fromClient(chunk));
  back.pipe(client);
  if (head.client.length) {
    back.fromClient(head.client);
    node.write(head.client);
  }
  if (head.node.length) back.write(head.node);
  client.pipe(node);
  node.pipe(back);
}
