import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frameType, preface } from './frames.ts';
import {
  bodyOf,
  callBytes,
  endHeaders,
  endStream,
  frame,
  Peer,
  prefixed,
  requestBlock,
  settings,
  u32,
  type SeenFrame,
} from './testing/peer.ts';

const { data, headers, priority, windowUpdate, continuation, ping } = frameType;
const padded = 8;

describe('any bytes', () => {
  /** What a server said, as far as it does not depend on how frames were gathered. */
  const said = (frames: SeenFrame[]): unknown => {
    const ids = [...new Set(frames.map((f) => f.id))];
    return ids.map((id) => [
      id,
      bodyOf(frames, id).toString('latin1'),
      frames
        .filter((f) => f.id === id && f.type !== data)
        .map((f) => [f.type, f.flags, f.payload.toString('latin1')]),
    ]);
  };
  const conversation = Buffer.concat([
    preface,
    settings([4, 100_000]),
    callBytes(1, '/t/echo', 'first'),
    frame(headers, 0, 3, requestBlock('/t/stream').subarray(0, 9)),
    frame(continuation, endHeaders, 3, requestBlock('/t/stream').subarray(9)),
    frame(
      data,
      padded,
      3,
      Buffer.concat([Buffer.from([3]), prefixed(Buffer.from('in a stream')), Buffer.alloc(3)]),
    ),
    frame(ping, 0, 0, Buffer.from('pingpong')),
    callBytes(5, '/t/echo', Buffer.alloc(3000, 'x')),
    frame(priority, 0, 5, Buffer.alloc(5)),
    frame(windowUpdate, 0, 0, u32(9)),
    callBytes(7, '/t/fail', ''),
    frame(data, endStream, 3),
    callBytes(9, '/nobody', ''),
  ]);
  const hear = (pieces: Buffer[]): [unknown, string[]] => {
    const peer = new Peer({}, false);
    for (const piece of pieces) {
      // The connection may not keep what it is lent.
      const lent = Buffer.from(piece);
      peer.connection.receive(lent, 1);
      lent.fill(0xee);
      peer.transport.turn();
    }
    return [said(peer.frames()), peer.asked];
  };

  test('a conversation means the same however it is cut', () => {
    const whole = hear([conversation]);
    expect(whole[1]).toEqual(['first', 'in a stream', 'x'.repeat(3000), 'end']);
    expect(hear(Array.from(conversation, (byte) => Buffer.from([byte])))).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.nat(conversation.length), { maxLength: 30 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), conversation.length];
        expect(hear(at.slice(1).map((to, i) => conversation.subarray(at[i], to)))).toEqual(whole);
      }),
    );
  });

  test('noise never throws and never hangs', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 500 }), { maxLength: 5 }),
        fc.boolean(),
        (pieces, greeted) => {
          const peer = new Peer({}, greeted);
          for (const piece of pieces) peer.send(Buffer.from(piece));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('neither do frames that are nearly right', () => {
    const anyFrame = fc.tuple(
      fc.nat(10),
      fc.nat(255),
      fc.nat(7),
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom(
          requestBlock('/t/stream'),
          requestBlock('/t/echo'),
          prefixed(Buffer.from('m')),
          u32(1),
          u32(70_000),
          u32(0, 0),
        ),
      ),
    );
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 30 }), (frames) => {
        const peer = new Peer();
        for (const [type, flags, id, payload] of frames)
          peer.send(frame(type, flags, id, Buffer.from(payload)));
        peer.opened.forEach((stream) => stream.send(Buffer.alloc(100_000)));
        peer.transport.turn();
        peer.connection.lost();
        expect(peer.closed).toBe(peer.opened.length);
        expect(peer.connection.streams.size).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});
