/**
 * What one connection may ask of us. Every one is far above what etcd's clients do, and bounds
 * memory or work.
 */
export interface H2Limits {
  /**
   * SETTINGS_MAX_CONCURRENT_STREAMS. Calls whose client went away count until their handler is
   * done, so that opening and resetting in turn buys nothing.
   */
  streams: number;
  /** A sender may be so far ahead of us on one stream; large requests then need no round trip. */
  streamWindowBytes: number;
  /** And on all streams of the connection. */
  connectionWindowBytes: number;
  /**
   * One header block with its continuations, as sent and as decoded. Tokens and long method names
   * stay below 2 KB.
   */
  headerBytes: number;
  /**
   * Frames that move no call: pings, settings, priorities, empty data, resets. So many at once, and
   * so many a second afterwards.
   */
  idleFrames: number;
  idleFramesPerSecond: number;
  /**
   * Streams that the client may reset, or have reset by a mistake: so many at once, and so many a
   * second afterwards.
   */
  resets: number;
  resetsPerSecond: number;
  /** Answers to such frames that the peer does not read: beyond it we stop reading from it. */
  unreadBytes: number;
  /** Bodies that wait for the peer to take them: beyond it no stream begins. */
  waitingBytes: number;
}

export const defaultLimits: H2Limits = {
  streams: 10_000,
  streamWindowBytes: 1024 * 1024,
  connectionWindowBytes: 4 * 1024 * 1024,
  headerBytes: 64 * 1024,
  idleFrames: 20_000,
  idleFramesPerSecond: 2_000,
  resets: Infinity,
  resetsPerSecond: 0,
  unreadBytes: 256 * 1024,
  waitingBytes: Infinity,
};
