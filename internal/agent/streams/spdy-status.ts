import { dataFrame, FrameParser, frameType, type Frame } from '../../wire/spdy/frames.ts';
import { HeaderReader } from '../../wire/spdy/header-block.ts';
import { statusOr } from './channels.ts';

/**
 * Reads along with a SPDY connection of exec or attach, so that one whose runtime goes away ends
 * with a status of failure: clients take an error stream without a word for success. Only v4 has
 * statuses; older clients read any text as an error.
 */
export class SpdyStatus {
  readonly #fromClient = new FrameParser();
  readonly #fromRuntime = new FrameParser();
  readonly #headers = new HeaderReader();
  #errorStream = 0;
  #said = false;
  #over = false;
  #lost = false;

  client(chunk: Buffer): void {
    this.#follow(this.#fromClient, chunk, (frame) => {
      // Header blocks share one zlib stream: each has to be read.
      if (
        frame.kind !== 'control' ||
        ![frameType.synStream, frameType.headers].includes(frame.type as 1)
      )
        return;
      const opens = frame.type === frameType.synStream;
      const headers = this.#headers.read(frame.payload.subarray(opens ? 10 : 4));
      if (opens && headers['streamtype'] === 'error')
        this.#errorStream = frame.payload.readUInt32BE(0) & 0x7fffffff;
    });
  }

  runtime(chunk: Buffer): void {
    this.#follow(this.#fromRuntime, chunk, (frame) => {
      if (frame.kind !== 'data' || frame.streamId !== this.#errorStream) return;
      if (frame.data.length > 0) this.#said = true;
      if (frame.fin) this.#over = true;
    });
  }

  /**
   * What the client must still be told when the runtime's connection is over; undefined when it
   * knows, or cannot be told.
   */
  rest(): Buffer | undefined {
    if (
      this.#errorStream === 0 ||
      this.#over ||
      this.#lost ||
      this.#said ||
      this.#fromRuntime.inFrame
    )
      return undefined;
    return dataFrame(this.#errorStream, Buffer.from(statusOr('')), true);
  }

  #follow(parser: FrameParser, chunk: Buffer, take: (frame: Frame) => void): void {
    if (this.#lost) return;
    try {
      for (const frame of parser.push(chunk)) take(frame);
    } catch {
      this.#lost = true; // not SPDY: the two ends will find out
    }
  }
}
