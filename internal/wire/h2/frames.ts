/** Types, flags, settings and error codes of HTTP/2 (RFC 9113 sections 6 and 7). */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

export const errorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const;

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const frameHeaderBytes = 9;
/**
 * The largest payload that either side may send before it was told otherwise; we never say
 * otherwise.
 */
export const defaultFrameBytes = 16 * 1024;
export const largestFrameBytes = 2 ** 24 - 1;
export const defaultWindowBytes = 65_535;
export const largestWindowBytes = 2 ** 31 - 1;

/** Ends the connection; with a stream's id, that stream alone. */
export class H2Error extends Error {
  readonly code: number;
  readonly streamId: number;

  constructor(code: number, text: string, streamId = 0) {
    super(text);
    this.code = code;
    this.streamId = streamId;
  }
}

export function writeFrameHeader(
  into: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  into[at] = length >>> 16;
  into[at + 1] = length >>> 8;
  into[at + 2] = length;
  into[at + 3] = type;
  into[at + 4] = flags;
  writeU32(into, at + 5, streamId);
}

export function writeU32(into: Buffer, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

export function readU32(bytes: Buffer, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}

export function readU31(bytes: Buffer, at: number): number {
  return readU32(bytes, at) & 0x7fffffff;
}
