import { describe, expect, test } from 'vitest';
import { errorCode, frameType } from './frames.ts';
import { headerBlock } from './hpack.ts';
import {
  bodyOf,
  endHeaders,
  endStream,
  frame,
  Peer,
  prefixed,
  requestBlock,
  settings,
  streamError,
  u32,
} from './testing/peer.ts';

const { data, headers, priority, rstStream, continuation, ping } = frameType;

describe('floods', () => {
  const many = (bytes: Buffer, count: number): Buffer =>
    Buffer.concat(Array.from({ length: count }, () => bytes));
  test.each<[string, Buffer, Buffer?]>([
    ['pings', frame(ping, 0, 0, Buffer.alloc(8))],
    ['settings', settings()],
    ['priorities', frame(priority, 0, 1, Buffer.alloc(5))],
    ['empty data', frame(data, 0, 1)],
    ['unknown frames', frame(99, 0, 0)],
    ['resets of closed streams', frame(rstStream, 0, 1, u32(8))],
    ['empty continuations', frame(continuation, 0, 3), frame(headers, 0, 3)],
  ])('of %s end the connection', (_name, bytes, first) => {
    const peer = new Peer({ idleFrames: 200, idleFramesPerSecond: 10 });
    peer.open(1, '/t/stream');
    if (first) peer.send(first);
    peer.send(many(bytes, 150));
    expect(peer.transport.ended).toBe(false);
    peer.send(many(bytes, 100));
    expect(peer.frames().at(-1)?.payload.readUInt32BE(4)).toBe(errorCode.enhanceYourCalm);
  });

  test('the same at a peaceful pace does not', () => {
    const peer = new Peer({ idleFrames: 20, idleFramesPerSecond: 10 });
    for (let second = 1; second < 100; second++)
      peer.connection.receive(many(frame(ping, 0, 0, Buffer.alloc(8)), 10), second * 1000);
    peer.transport.turn();
    expect(peer.frames()).toHaveLength(990);
  });

  test('calls with a reset or an empty end each are no flood', () => {
    const peer = new Peer({ idleFrames: 20, idleFramesPerSecond: 0 });
    for (let id = 1; id < 400; id += 4) {
      peer.open(id, '/t/stream');
      peer.send(
        frame(rstStream, 0, id, u32(8)),
        frame(headers, endHeaders, id + 2, requestBlock('/t/echo')),
        frame(data, 0, id + 2, prefixed(Buffer.alloc(1))),
        frame(data, endStream, id + 2),
      );
    }
    expect([peer.transport.ended, peer.asked.length]).toEqual([false, 100]);
  });

  test('header blocks without end, or larger than they look', () => {
    const peer = new Peer({ headerBytes: 5_000 });
    const big = headerBlock(undefined, [['x', 'y'.repeat(4_000)]]);
    peer.send(frame(headers, 0, 1, big));
    peer.send(frame(continuation, 0, 1, big));
    expect(peer.frames().at(-1)?.payload.readUInt32BE(4)).toBe(errorCode.enhanceYourCalm);
    const other = new Peer({ headerBytes: 5_000 });
    // One entry of 2 KB in the table, then named again and again.
    const entry = Buffer.concat([
      Buffer.from([0x40, 1, 0x78, 0x7f, 0xd1, 0x0e]),
      Buffer.alloc(2000, 'z'),
    ]);
    other.send(
      frame(
        headers,
        endHeaders,
        1,
        Buffer.concat([requestBlock('/t/echo'), entry, Buffer.alloc(50, 0xbe)]),
      ),
    );
    expect(other.frames()).toEqual([streamError(1, errorCode.enhanceYourCalm)]);
  });

  test('who does not read what it asks for is not read from', () => {
    const peer = new Peer({ unreadBytes: 1_000 });
    peer.transport.full = true;
    peer.send(many(frame(ping, 0, 0, Buffer.alloc(8)), 1));
    peer.send(many(frame(ping, 0, 0, Buffer.alloc(8)), 100));
    expect(peer.transport.paused).toBe(true);
    peer.transport.empty();
    expect([peer.transport.paused, peer.frames().length]).toEqual([false, 101]);
  });

  test('streams beyond the limit are refused, and the table of headers stays right', () => {
    const peer = new Peer({ streams: 2 });
    for (const id of [1, 3, 5]) peer.open(id, '/t/stream');
    expect(peer.frames()).toEqual([streamError(5, errorCode.refusedStream)]);
    peer.send(frame(rstStream, 0, 1, u32(8)));
    peer.call(7, '/t/echo', 'fits');
    expect(bodyOf(peer.frames(), 7)).toEqual(prefixed(Buffer.from('fits')));
  });
});
