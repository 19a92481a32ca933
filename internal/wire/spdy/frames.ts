import { SkiffError } from '../../base/errors.ts';

/** Control frame types of SPDY/3.1. */
export const frameType = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

export type Frame =
  | { kind: 'data'; streamId: number; fin: boolean; data: Buffer }
  | { kind: 'control'; type: number; flags: number; payload: Buffer };

export const flagFin = 1;

/** SPDY lengths have 24 bits; nothing honest comes near. */
const mostFrameBytes = 8 * 1024 * 1024;
const version = 3;

export class SpdyError extends SkiffError {
  constructor(message: string) {
    super(message, { code: 'SPDY', op: 'spdy' });
  }
}

/** Cuts a byte stream into frames. */
export class FrameParser {
  #rest: Buffer = Buffer.alloc(0);

  /** A frame has begun and is not whole. */
  get inFrame(): boolean {
    return this.#rest.length > 0;
  }

  /** The frames that are whole after `chunk`. Throws SpdyError for what is not SPDY/3. */
  push(chunk: Buffer): Frame[] {
    this.#rest = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk;
    const frames: Frame[] = [];
    let at = 0;
    while (this.#rest.length - at >= 8) {
      const length = this.#rest.readUIntBE(at + 5, 3);
      if (length > mostFrameBytes) throw new SpdyError(`frame of ${length} bytes`);
      if (this.#rest.length - at < 8 + length) break;
      frames.push(
        parse(this.#rest.subarray(at, at + 8), this.#rest.subarray(at + 8, at + 8 + length)),
      );
      at += 8 + length;
    }
    this.#rest = this.#rest.subarray(at);
    return frames;
  }
}

function parse(head: Buffer, payload: Buffer): Frame {
  const first = head.readUInt32BE(0);
  const flags = head[4] as number;
  if (first >>> 31 === 0)
    return { kind: 'data', streamId: first, fin: (flags & flagFin) !== 0, data: payload };
  if (((first >>> 16) & 0x7fff) !== version) throw new SpdyError('not a SPDY/3 frame');
  return { kind: 'control', type: first & 0xffff, flags, payload };
}

export function dataFrame(streamId: number, data: Uint8Array, fin: boolean): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(streamId, 0);
  head.writeUInt32BE(data.length, 4);
  head[4] = fin ? flagFin : 0;
  return data.length ? Buffer.concat([head, data]) : head;
}

export function controlFrame(type: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE((0x80000000 | (version << 16) | type) >>> 0, 0);
  head.writeUInt32BE(payload.length, 4);
  head[4] = flags;
  return Buffer.concat([head, payload]);
}
