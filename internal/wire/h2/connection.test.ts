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

const {
  data,
  headers,
  priority,
  rstStream,
  goAway,
  windowUpdate,
  continuation,
  ping,
  pushPromise,
} = frameType;
const padded = 8;
const hasPriority = 32;

test("the server says its settings first, and then what it thinks of the client's", () => {
  expect(new Peer().greeting.map((f) => [f.type, f.flags])).toEqual([
    [frameType.settings, 0],
    [windowUpdate, 0],
    [frameType.settings, 1],
  ]);
});

describe('windows of ours', () => {
  test('are given back in large steps', () => {
    const peer = new Peer({ streamWindowBytes: 100_000, connectionWindowBytes: 200_000 });
    peer.open(1, '/t/stream');
    for (let i = 0; i < 10; i++) peer.send(frame(data, 0, 1, Buffer.alloc(16_000)));
    expect(peer.frames().map((f) => [f.type, f.id, f.payload.readUInt32BE(0)])).toEqual([
      [windowUpdate, 1, 64_000],
      [windowUpdate, 0, 112_000],
      [windowUpdate, 1, 64_000],
    ]);
  });

  test('a peer that sends more than they allow is stopped', () => {
    const peer = new Peer({ streamWindowBytes: 10_000, connectionWindowBytes: 70_000 });
    peer.open(1, '/t/stream');
    peer.send(frame(data, 0, 1, Buffer.alloc(10_001)));
    expect(peer.frames()).toEqual([streamError(1, errorCode.flowControlError)]);
    const tight = new Peer({ connectionWindowBytes: 65_535 });
    tight.open(1, '/t/stream');
    expect(tight.frames()).toEqual([]);
    for (let i = 0; i < 4; i++)
      tight.connection.receive(frame(data, 0, 1, Buffer.alloc(16_384)), 1);
    tight.transport.turn();
    expect(tight.transport.ended).toBe(false);
  });
});

describe('what RFC 9113 calls an error of the connection', () => {
  const tooLarge = frame(data, 0, 1, Buffer.alloc(16_385));
  test.each<[string, Buffer[], number]>([
    ['DATA on stream 0', [frame(data, 0, 0)], errorCode.protocolError],
    ['DATA on a stream that never began', [frame(data, 0, 9)], errorCode.protocolError],
    ['DATA of an even stream', [frame(data, 0, 2)], errorCode.protocolError],
    ['a frame that is too large', [tooLarge], errorCode.frameSizeError],
    [
      'more padding than DATA',
      [frame(data, padded, 1, Buffer.from([5, 1, 1]))],
      errorCode.protocolError,
    ],
    ['padded DATA of nothing', [frame(data, padded, 1)], errorCode.protocolError],
    [
      'HEADERS on stream 0',
      [frame(headers, endHeaders, 0, requestBlock('/t/echo'))],
      errorCode.protocolError,
    ],
    [
      'HEADERS of an even stream',
      [frame(headers, endHeaders, 4, requestBlock('/t/echo'))],
      errorCode.protocolError,
    ],
    [
      'more padding than HEADERS',
      [frame(headers, endHeaders | padded, 3, Buffer.from([200, 0x82]))],
      errorCode.protocolError,
    ],
    [
      'HEADERS without their priority',
      [frame(headers, endHeaders | hasPriority, 3, Buffer.from([0x82]))],
      errorCode.protocolError,
    ],
    [
      'a block that cannot be decoded',
      [frame(headers, endHeaders, 3, Buffer.from([0xff]))],
      errorCode.compressionError,
    ],
    ['CONTINUATION of nothing', [frame(continuation, endHeaders, 1)], errorCode.protocolError],
    [
      'another frame in a header block',
      [frame(headers, 0, 3, requestBlock('/t/echo')), frame(ping, 0, 0, Buffer.alloc(8))],
      errorCode.protocolError,
    ],
    [
      'CONTINUATION of another stream',
      [frame(headers, 0, 3, requestBlock('/t/echo')), frame(continuation, endHeaders, 5)],
      errorCode.protocolError,
    ],
    ['RST_STREAM on stream 0', [frame(rstStream, 0, 0, u32(0))], errorCode.protocolError],
    [
      'RST_STREAM on a stream that never began',
      [frame(rstStream, 0, 3, u32(0))],
      errorCode.protocolError,
    ],
    [
      'RST_STREAM of a wrong size',
      [frame(rstStream, 0, 1, Buffer.alloc(3))],
      errorCode.frameSizeError,
    ],
    ['SETTINGS on a stream', [frame(frameType.settings, 0, 1)], errorCode.protocolError],
    [
      'SETTINGS of a wrong size',
      [frame(frameType.settings, 0, 0, Buffer.alloc(7))],
      errorCode.frameSizeError,
    ],
    [
      'an acknowledgement with settings',
      [frame(frameType.settings, 1, 0, Buffer.alloc(6))],
      errorCode.frameSizeError,
    ],
    ['ENABLE_PUSH of 2', [settings([2, 2])], errorCode.protocolError],
    ['an initial window that is too large', [settings([4, 2 ** 31])], errorCode.flowControlError],
    ['a frame size that is too small', [settings([5, 16_383])], errorCode.protocolError],
    ['a frame size that is too large', [settings([5, 2 ** 24])], errorCode.protocolError],
    ['PUSH_PROMISE', [frame(pushPromise, endHeaders, 1, u32(2))], errorCode.protocolError],
    ['PING on a stream', [frame(ping, 0, 1, Buffer.alloc(8))], errorCode.protocolError],
    ['PING of a wrong size', [frame(ping, 0, 0, Buffer.alloc(7))], errorCode.frameSizeError],
    ['GOAWAY on a stream', [frame(goAway, 0, 1, u32(0, 0))], errorCode.protocolError],
    ['GOAWAY that is too short', [frame(goAway, 0, 0, u32(0))], errorCode.frameSizeError],
    ['WINDOW_UPDATE by nothing', [frame(windowUpdate, 0, 0, u32(0))], errorCode.protocolError],
    [
      'WINDOW_UPDATE of a wrong size',
      [frame(windowUpdate, 0, 0, Buffer.alloc(5))],
      errorCode.frameSizeError,
    ],
    [
      'WINDOW_UPDATE on a stream that never began',
      [frame(windowUpdate, 0, 7, u32(1))],
      errorCode.protocolError,
    ],
    [
      'a window that is too large',
      [frame(windowUpdate, 0, 0, u32(2 ** 31 - 1))],
      errorCode.flowControlError,
    ],
    ['PRIORITY on stream 0', [frame(priority, 0, 0, Buffer.alloc(5))], errorCode.protocolError],
  ])('%s', (_name, bytes, code) => {
    const peer = new Peer();
    peer.open(1, '/t/stream');
    peer.send(...bytes);
    const seen = peer.frames();
    expect(seen.at(-1)).toMatchObject({ type: goAway, id: 0 });
    expect([seen.at(-1)?.payload.readUInt32BE(0), seen.at(-1)?.payload.readUInt32BE(4)]).toEqual([
      1,
      code,
    ]);
    expect([peer.transport.ended, peer.closed]).toEqual([true, 1]);
    peer.send(frame(ping, 0, 0, Buffer.alloc(8)));
    expect(peer.frames()).toEqual([]);
  });

  test('HEADERS on a stream that both sides ended', () => {
    const peer = new Peer();
    peer.call(1, '/t/echo', '');
    peer.frames();
    peer.open(1, '/t/echo');
    expect(peer.frames().at(-1)?.payload.readUInt32BE(4)).toBe(errorCode.streamClosed);
  });
});

describe('what it calls an error of the stream', () => {
  test.each<[string, Buffer[], number]>([
    [
      'HEADERS in the middle that do not end it',
      [frame(headers, endHeaders, 1, headerBlock(undefined, [['a', 'b']]))],
      errorCode.protocolError,
    ],
    [
      'a pseudo field in trailers',
      [frame(headers, endHeaders | endStream, 1, headerBlock(undefined, [[':path', '/']]))],
      errorCode.protocolError,
    ],
    [
      'DATA behind its end',
      [frame(data, endStream, 1), frame(data, 0, 1, Buffer.alloc(1))],
      errorCode.streamClosed,
    ],
    [
      'HEADERS behind its end',
      [
        frame(data, endStream, 1),
        frame(headers, endHeaders | endStream, 1, headerBlock(undefined, [['a', 'b']])),
      ],
      errorCode.streamClosed,
    ],
    ['WINDOW_UPDATE by nothing', [frame(windowUpdate, 0, 1, u32(0))], errorCode.protocolError],
    [
      'a window that is too large',
      [frame(windowUpdate, 0, 1, u32(2 ** 31 - 1))],
      errorCode.flowControlError,
    ],
    [
      'PRIORITY of a wrong size',
      [frame(priority, 0, 1, Buffer.alloc(4))],
      errorCode.frameSizeError,
    ],
    [
      'a stream that depends on itself',
      [frame(priority, 0, 1, Buffer.concat([u32(1), Buffer.alloc(1)]))],
      errorCode.protocolError,
    ],
  ])('%s', (_name, bytes, code) => {
    const peer = new Peer();
    peer.open(1, '/t/stream');
    peer.send(...bytes);
    expect(peer.frames()).toEqual([streamError(1, code)]);
    expect(peer.closed).toBe(1);
    peer.call(3, '/t/echo', 'others go on');
    expect(peer.frames()).toHaveLength(3);
  });

  test('a malformed request, and bodies that are not as long as they said', () => {
    const peer = new Peer();
    peer.send(frame(headers, endHeaders, 1, requestBlock('/t/echo', [['Upper', 'x']])));
    expect(peer.frames()).toEqual([streamError(1, errorCode.protocolError)]);
    peer.send(
      frame(headers, endHeaders, 3, requestBlock('/t/echo', [['content-length', '9']])),
      frame(data, endStream, 3, prefixed(Buffer.from('abc'))),
    );
    expect(peer.frames()).toEqual([streamError(3, errorCode.protocolError)]);
    peer.send(
      frame(headers, endHeaders, 5, requestBlock('/t/echo', [['content-length', '8']])),
      frame(
        data,
        endStream | padded,
        5,
        Buffer.concat([Buffer.from([3]), prefixed(Buffer.from('abc')), Buffer.alloc(3)]),
      ),
    );
    expect(peer.frames()).toHaveLength(3);
  });
});

describe('what is allowed or ignored', () => {
  test('padding, priorities, continuations, extensions', () => {
    const peer = new Peer();
    const block = requestBlock('/t/echo');
    peer.send(
      frame(
        headers,
        padded | hasPriority,
        1,
        Buffer.concat([
          Buffer.from([4]),
          u32(0),
          Buffer.from([16]),
          block.subarray(0, 10),
          Buffer.alloc(4),
        ]),
      ),
    );
    peer.send(
      frame(continuation, 0, 1, block.subarray(10, 11)),
      frame(continuation, 0, 1),
      frame(continuation, endHeaders, 1, block.subarray(11)),
    );
    peer.send(
      frame(priority, 0, 77, Buffer.alloc(5)),
      frame(0xfa, 0xff, 5, Buffer.from('an extension')),
      settings([0x99, 1], [1, 0], [3, 1], [6, 9]),
    );
    peer.send(
      frame(
        data,
        endStream | padded,
        1,
        Buffer.concat([Buffer.from([2]), prefixed(Buffer.from('hi')), Buffer.alloc(2)]),
      ),
    );
    expect(bodyOf(peer.frames(), 1)).toEqual(prefixed(Buffer.from('hi')));
  });

  test('pings are answered with their own bytes, acknowledgements with nothing', () => {
    const peer = new Peer();
    peer.send(frame(ping, 0, 0, Buffer.from('12345678')), frame(ping, 1, 0, Buffer.alloc(8)));
    expect(peer.frames()).toEqual([
      { type: ping, flags: 1, id: 0, payload: Buffer.from('12345678') },
    ]);
  });

  test('a peer that leaves is let go when its calls are done', () => {
    const peer = new Peer();
    peer.open(1, '/t/stream');
    peer.send(frame(goAway, 0, 0, u32(0, 0)));
    expect(peer.transport.ended).toBe(false);
    peer.opened[0]?.end();
    peer.transport.turn();
    expect(peer.transport.ended).toBe(true);
  });

  test('closing says which calls were taken, and ends them', () => {
    const peer = new Peer();
    peer.open(1, '/t/stream');
    peer.connection.close();
    expect(peer.frames()).toEqual([{ type: goAway, flags: 0, id: 0, payload: u32(1, 0) }]);
    expect([peer.closed, peer.transport.ended]).toEqual([1, true]);
  });
});

describe('not HTTP/2', () => {
  test.each([
    ['GET /health HTTP/1.1\r\nhost: x\r\n\r\n', 'HTTP/1.1 200 OK', 'plain /health'],
    ['HEAD /health HTTP/1.0\r\n\r\n', 'content-length: 13', '\r\n\r\n'],
    ['PUT /x HTTP/1.1\r\n\r\n', '405', 'only GET'],
    ['\x16\x03\x01 hello\r\n\r\n', '400', 'not a request'],
    ['x'.repeat(10_000), '400', 'not a request'],
  ])('%j', async (request, head, body) => {
    for (const step of [request.length, 1]) {
      const peer = new Peer({}, false);
      for (let at = 0; at < request.length; at += step)
        peer.connection.receive(Buffer.from(request.slice(at, at + step), 'latin1'), 1);
      await Promise.resolve();
      const answer = Buffer.concat(peer.transport.written).toString();
      expect(answer).toContain(head);
      expect(answer.trimEnd().endsWith(body.trimEnd())).toBe(true);
      expect(peer.transport.ended).toBe(true);
    }
  });
});
