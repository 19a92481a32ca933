import { constants, inflateRawSync } from 'node:zlib';
import { messageOf } from '../../base/errors.ts';
import { SpdyError } from './frames.ts';

/** How far back a copy may reach (RFC 1951 section 2). */
const windowBytes = 32 * 1024;
const deflate = 8;
const hasDictionary = 0x20;

/**
 * Inflate (RFC 1950, 1951) for a zlib stream that arrives in pieces, each ending at a byte (a sync
 * flush), with a preset dictionary. Streams of node:zlib answer later, which would need a queue in
 * front of every frame. But all that a piece needs of those before it is their last 32 KB, and
 * these can be given as its dictionary.
 */
export class SyncInflate {
  readonly #dictionary: Buffer;
  #window: Buffer = Buffer.alloc(0);
  #started = false;

  constructor(dictionary: Buffer) {
    this.#dictionary = dictionary;
  }

  /**
   * The bytes that a whole piece inflates to. Throws SpdyError for broken data and for more than
   * `most` bytes.
   */
  read(piece: Buffer, most: number): Buffer {
    const out = this.#inflate(this.#started ? piece : this.#start(piece), most);
    this.#window = Buffer.concat([this.#window, out]).subarray(-windowBytes);
    return out;
  }

  #inflate(piece: Buffer, most: number): Buffer {
    try {
      return inflateRawSync(piece, {
        dictionary: this.#window,
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: most,
      });
    } catch (error) {
      throw new SpdyError(`a header block cannot be inflated: ${messageOf(error)}`);
    }
  }

  /** Reads the head of the stream; what is left is raw deflate. */
  #start(piece: Buffer): Buffer {
    const [method = 0, flags = 0] = piece;
    if ((method & 15) !== deflate || (method * 256 + flags) % 31 !== 0)
      throw new SpdyError('not a zlib stream');
    const preset = (flags & hasDictionary) !== 0;
    if (preset) this.#window = this.#dictionary;
    this.#started = true;
    return piece.subarray(preset ? 6 : 2);
  }
}
