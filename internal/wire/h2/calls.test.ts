import { describe, expect, test } from 'vitest';
import { GrpcStatus, type GrpcServerStream } from '../../io/grpc-server.ts';
import { errorCode, frameType } from './frames.ts';
import { headerBlock } from './hpack.ts';
import {
  bodyOf,
  callBytes,
  endHeaders,
  endStream,
  fieldsOf,
  frame,
  Peer,
  prefixed,
  settings,
  streamError,
  u32,
} from './testing/peer.ts';

const { data, headers, rstStream, windowUpdate } = frameType;

describe('a unary call', () => {
  test('is answered by head, body and trailers in one write', () => {
    const peer = new Peer();
    const before = peer.transport.writes;
    peer.call(1, '/t/echo', 'hello');
    expect(peer.transport.writes).toBe(before + 1);
    const frames = peer.frames();
    expect(frames.map((f) => [f.type, f.flags, f.id])).toEqual([
      [headers, endHeaders, 1],
      [data, 0, 1],
      [headers, endHeaders | endStream, 1],
    ]);
    expect(fieldsOf(frames[0]?.payload as Buffer)).toEqual({
      ':status': '200',
      'content-type': 'application/grpc',
    });
    expect(frames[1]?.payload).toEqual(prefixed(Buffer.from('hello')));
    expect(fieldsOf(frames[2]?.payload as Buffer)).toEqual({ 'grpc-status': '0' });
    expect(peer.connection.streams.size).toBe(0);
  });

  test('of many in one chunk, all leave in one write', () => {
    const peer = new Peer();
    const before = peer.transport.writes;
    peer.send(...Array.from({ length: 50 }, (_, i) => callBytes(2 * i + 1, '/t/echo', `n${i}`)));
    expect(peer.transport.writes).toBe(before + 1);
    expect(peer.frames()).toHaveLength(150);
  });

  test('that fails has its status in the only head', () => {
    const peer = new Peer();
    peer.call(1, '/t/fail', '');
    const frames = peer.frames();
    expect(frames).toHaveLength(1);
    expect(frames[0]?.flags).toBe(endHeaders | endStream);
    expect(fieldsOf(frames[0]?.payload as Buffer)).toEqual({
      ':status': '200',
      'content-type': 'application/grpc',
      'grpc-status': '5',
      'grpc-message': 'not here: %F0%9F%98%80%25%0A',
    });
  });

  test.each([
    ['/t/none', '12', 'unknown method none for service t'],
    ['/x/y', '12', 'unknown service x'],
  ])('to %s ends at once', (path, code, text) => {
    const peer = new Peer();
    peer.open(1, path);
    const [head, reset] = peer.frames();
    expect(fieldsOf(head?.payload as Buffer)).toMatchObject({
      'grpc-status': code,
      'grpc-message': text,
    });
    expect(reset).toEqual(streamError(1, errorCode.noError));
    // What was under way when the client learned of it is no fault.
    peer.send(frame(data, endStream, 1, prefixed(Buffer.from('late'))));
    expect(peer.frames()).toEqual([]);
  });

  test.each([
    ['compressed', Buffer.from([1, 0, 0, 0, 1, 7]), '12', 'compressed'],
    ['too large', Buffer.from([0, 0x7f, 0, 0, 0]), '8', 'larger than max (2130706432 vs. 1000000)'],
    ['missing', Buffer.alloc(0), '13', 'has no message'],
    ['cut off', Buffer.from([0, 0, 0, 0, 9, 1]), '13', 'has no message'],
  ])('whose message is %s', (_name, body, code, text) => {
    const peer = new Peer();
    peer.open(1, '/t/echo');
    peer.send(frame(data, endStream, 1, body));
    expect(fieldsOf(peer.frames()[0]?.payload as Buffer)).toMatchObject({
      'grpc-status': code,
      'grpc-message': expect.stringContaining(text) as string,
    });
  });

  test('ends by trailers of the client too', () => {
    const peer = new Peer();
    peer.open(1, '/t/echo');
    peer.send(
      frame(data, 0, 1, prefixed(Buffer.from('x'))),
      frame(headers, endHeaders | endStream, 1, headerBlock(undefined, [['a', 'b']])),
    );
    expect(peer.frames()).toHaveLength(3);
  });

  test('that was reset still counts while its handler works', async () => {
    const peer = new Peer({ streams: 2 });
    for (const id of [1, 3]) {
      peer.call(id, '/t/wait', '');
      peer.send(frame(rstStream, 0, id, u32(errorCode.cancel)));
    }
    peer.call(5, '/t/echo', '');
    expect(peer.frames()).toEqual([streamError(5, errorCode.refusedStream)]);
    peer.waiting.forEach((answer) => answer(Buffer.alloc(0)));
    await Promise.resolve();
    await Promise.resolve();
    peer.call(7, '/t/echo', '');
    expect(peer.frames()).toHaveLength(3);
  });

  test("without gRPC's type is plain HTTP", async () => {
    const peer = new Peer();
    peer.send(
      frame(
        headers,
        endHeaders | endStream,
        1,
        headerBlock(undefined, [
          [':method', 'GET'],
          [':scheme', 'http'],
          [':path', '/health'],
        ]),
      ),
    );
    await Promise.resolve();
    peer.transport.turn();
    const frames = peer.frames();
    expect(fieldsOf(frames[0]?.payload as Buffer)).toEqual({
      ':status': '200',
      'content-type': 'text/plain',
      'content-length': '13',
    });
    expect([bodyOf(frames, 1).toString(), frames.at(-1)?.flags]).toEqual([
      'plain /health',
      endStream,
    ]);
    peer.send(
      frame(
        headers,
        endHeaders | endStream,
        3,
        headerBlock(undefined, [
          [':method', 'POST'],
          [':scheme', 'http'],
          [':path', '/t/echo'],
        ]),
      ),
    );
    expect(fieldsOf(peer.frames()[0]?.payload as Buffer)).toEqual({ ':status': '415' });
  });
});

describe('a streaming call', () => {
  test('messages of one turn share a frame', () => {
    const peer = new Peer();
    peer.open(1, '/t/stream');
    const [stream] = peer.opened as [GrpcServerStream];
    for (let i = 0; i < 100; i++)
      stream.send(Buffer.from(`head ${i}`), [Buffer.from(' and '), Buffer.from('rest')]);
    peer.transport.turn();
    const frames = peer.frames();
    expect(frames.map((f) => f.type)).toEqual([headers, data]);
    expect(frames[1]?.payload).toEqual(
      Buffer.concat(
        Array.from({ length: 100 }, (_, i) => prefixed(Buffer.from(`head ${i} and rest`))),
      ),
    );
  });

  test('messages both ways, and a half close', () => {
    const peer = new Peer();
    peer.open(1, '/t/stream');
    peer.send(
      frame(
        data,
        0,
        1,
        Buffer.concat([
          prefixed(Buffer.from('one')),
          prefixed(Buffer.alloc(0)),
          prefixed(Buffer.from('two')).subarray(0, 6),
        ]),
      ),
    );
    peer.send(frame(data, endStream, 1, Buffer.from('wo')));
    expect(peer.asked).toEqual(['one', '', 'two', 'end']);
    peer.opened[0]?.end();
    peer.transport.turn();
    expect(peer.frames().map((f) => [f.type, f.flags])).toEqual([
      [headers, endHeaders],
      [headers, endHeaders | endStream],
    ]);
    expect(peer.closed).toBe(1);
  });

  test('a client that is not done is told to stop when the call ends', () => {
    const peer = new Peer();
    peer.open(1, '/t/stream');
    peer.opened[0]?.end(new GrpcStatus(14, 'gone'));
    peer.transport.turn();
    const [head, reset] = peer.frames();
    expect(fieldsOf(head?.payload as Buffer)).toMatchObject({
      'grpc-status': '14',
      'grpc-message': 'gone',
    });
    expect(reset).toEqual(streamError(1, errorCode.noError));
  });

  test.each([
    ['the client resets it', (peer: Peer) => peer.send(frame(rstStream, 0, 1, u32(8)))],
    ['the connection breaks', (peer: Peer) => peer.connection.lost()],
  ])('is closed once when %s', (_name, end) => {
    const peer = new Peer();
    peer.open(1, '/t/stream');
    end(peer);
    expect(peer.closed).toBe(1);
    expect(peer.opened[0]?.send(Buffer.from('x'))).toBe(true);
    peer.opened[0]?.end();
    peer.transport.turn();
    expect(peer.frames()).toEqual([]);
    expect(peer.closed).toBe(1);
  });
});

describe('windows of the peer', () => {
  const body = Buffer.alloc(200_000, 'b');

  test('what does not fit waits, in frames that are not too large', () => {
    const peer = new Peer();
    peer.call(1, '/t/echo', body);
    const first = peer.frames();
    expect(bodyOf(first, 1)).toHaveLength(65_535);
    expect(Math.max(...first.map((f) => f.payload.length))).toBe(16_384);
    peer.send(frame(windowUpdate, 0, 0, u32(1_000_000)));
    expect(peer.frames()).toEqual([]);
    peer.send(frame(windowUpdate, 0, 1, u32(1_000_000)));
    const rest = peer.frames();
    expect(Buffer.concat([bodyOf(first, 1), bodyOf(rest, 1)])).toEqual(prefixed(body));
    expect(rest.at(-1)).toMatchObject({ type: headers, flags: endHeaders | endStream });
  });

  test('a new initial window counts for open streams, and may make their windows negative', () => {
    const peer = new Peer();
    peer.send(frame(windowUpdate, 0, 0, u32(1_000_000)));
    peer.call(1, '/t/echo', body);
    expect(bodyOf(peer.frames(), 1)).toHaveLength(65_535);
    peer.send(settings([4, 10]));
    peer.send(frame(windowUpdate, 0, 1, u32(65_525)));
    expect(bodyOf(peer.frames(), 1)).toHaveLength(0);
    peer.send(settings([4, 20]));
    expect(bodyOf(peer.frames(), 1)).toHaveLength(10);
    peer.send(settings([4, 1_000_000]));
    expect(peer.frames().at(-1)).toMatchObject({ type: headers, id: 1 });
  });

  test('streams take turns', () => {
    const peer = new Peer();
    for (const id of [1, 3, 5]) peer.call(id, '/t/echo', body);
    peer.frames();
    peer.send(
      frame(windowUpdate, 0, 3, u32(1_000_000)),
      frame(windowUpdate, 0, 1, u32(1_000_000)),
      frame(windowUpdate, 0, 5, u32(1_000_000)),
    );
    peer.send(frame(windowUpdate, 0, 0, u32(6 * 16_384)));
    const order = peer.frames().map((f) => f.id);
    expect([...order].sort()).toEqual([1, 1, 3, 3, 5, 5]);
    expect(new Set(order.slice(0, 3)).size).toBe(3);
  });

  test('a stream says when it is full and when it is empty again', () => {
    const peer = new Peer();
    peer.open(1, '/t/stream');
    const [stream] = peer.opened as [GrpcServerStream];
    let drained = 0;
    stream.onDrain = () => drained++;
    expect(stream.send(Buffer.alloc(60_000))).toBe(true);
    expect(stream.send(Buffer.alloc(60_000))).toBe(false);
    expect(stream.waitingBytes).toBe(120_010);
    peer.transport.turn();
    expect([stream.waitingBytes, drained]).toEqual([120_010 - 65_535, 0]);
    peer.send(frame(windowUpdate, 0, 0, u32(1_000_000)), frame(windowUpdate, 0, 1, u32(1_000_000)));
    expect([stream.waitingBytes, drained]).toEqual([0, 1]);
    stream.end();
    peer.transport.turn();
    expect(Buffer.concat([bodyOf(peer.frames(), 1)])).toHaveLength(120_010);
  });

  test('a stream that is ended because nobody reads lets go of what waits', () => {
    const peer = new Peer();
    peer.open(1, '/t/stream');
    peer.opened[0]?.send(Buffer.alloc(500_000));
    peer.transport.turn();
    peer.frames();
    peer.opened[0]?.end(new GrpcStatus(8, 'too slow'));
    peer.transport.turn();
    expect(peer.frames()).toEqual([streamError(1, errorCode.enhanceYourCalm)]);
    expect(peer.opened[0]?.waitingBytes).toBe(0);
  });

  test('while the kernel is full nothing is written, and what comes then comes in order', () => {
    const peer = new Peer();
    peer.send(frame(windowUpdate, 0, 0, u32(10_000_000)), settings([4, 10_000_000]));
    peer.open(1, '/t/stream');
    peer.transport.full = true;
    const sent: Buffer[] = [];
    for (let i = 0; i < 300; i++) {
      const message = Buffer.alloc((i * 37) % 9_000, i);
      sent.push(prefixed(message));
      peer.opened[0]?.send(message);
      if (i % 10 === 0) peer.transport.turn();
    }
    const writes = peer.transport.writes;
    peer.transport.turn();
    expect(peer.transport.writes).toBe(writes);
    peer.transport.empty();
    const frames = peer.frames();
    expect(bodyOf(frames, 1).equals(Buffer.concat(sent))).toBe(true);
  });
});
