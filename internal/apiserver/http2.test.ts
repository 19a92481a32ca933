import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { errorCode, frameType } from '../wire/h2/frames.ts';
import { headerBlock } from '../wire/h2/hpack.ts';
import { endHeaders, endStream, frame, settings, u32 } from '../wire/h2/testing/peer.ts';
import { RawClient } from '../wire/h2/testing/raw-client.ts';
import {
  asked,
  begun,
  get,
  hasPriority,
  pad,
  padded,
  post,
  review,
} from '../wire/h2/testing/requests.ts';
import { startDevServer, type DevServer } from './dev.ts';

/**
 * What RFC 9113 and RFC 7541 ask of a server, on the port of the API server: each case sends bytes
 * and waits for the answer, the end of the stream, or the end of the connection.
 */

const { data, headers, priority, rstStream, goAway, windowUpdate, continuation, ping } = frameType;

let dev: DevServer;
let client: RawClient;
const open = (greet = true): Promise<RawClient> => {
  const { port } = new URL(dev.url);
  const { cert, key } = dev.admin;
  return RawClient.open(
    { host: '127.0.0.1', port: Number(port), ca: dev.ca.cert, cert, key },
    greet,
  );
};

beforeAll(async () => void (dev = await startDevServer()));
afterAll(() => dev.api.close());
beforeEach(async () => void (client = await open()));
afterEach(() => client.close());

async function answered(id: number): Promise<string> {
  const status = (await client.head(id))[':status'] ?? '';
  await client.body(id);
  return status;
}

describe('is answered', () => {
  const split = (block: Buffer, sizes: number[], id = 1): Buffer => {
    const frames: Buffer[] = [];
    let at = 0;
    sizes.forEach((size, i) => {
      const last = i === sizes.length - 1;
      const part = block.subarray(at, last ? undefined : (at += size));
      frames.push(
        frame(
          i === 0 ? headers : continuation,
          (i === 0 ? endStream : 0) | (last ? endHeaders : 0),
          id,
          part,
        ),
      );
    });
    return Buffer.concat(frames);
  };
  test.each<[string, Buffer, string]>([
    ['a request', asked(1), '200'],
    [
      'a request behind frames of unknown types',
      Buffer.concat([frame(0x42, 0xff, 0), asked(1)]),
      '200',
    ],
    ['a request with the reserved bit set', asked(0x80000001), '200'],
    ['flags that nobody knows', frame(headers, endHeaders | endStream | 0xd2, 1, get()), '200'],
    ['a padded head', frame(headers, endHeaders | endStream | padded, 1, pad(get(), 9)), '200'],
    [
      'a head with a priority',
      frame(
        headers,
        endHeaders | endStream | hasPriority,
        1,
        Buffer.concat([u32(0), Buffer.from([9]), get()]),
      ),
      '200',
    ],
    ['a head in three pieces', split(get(), [4, 11, 0]), '200'],
    ['a head whose first piece is empty', split(get(), [0, 3, 0]), '200'],
    [
      'a stream that was given a priority before',
      Buffer.concat([frame(priority, 0, 1, Buffer.alloc(5)), asked(1)]),
      '200',
    ],
    ['a body', Buffer.concat([begun(1), frame(data, endStream, 1, Buffer.from(review))]), '201'],
    [
      'a body in padded pieces',
      Buffer.concat([
        begun(1, post([['content-length', String(review.length)]])),
        frame(data, padded, 1, pad(Buffer.from(review.slice(0, 5)), 200)),
        frame(data, padded, 1, pad(Buffer.alloc(0), 255)),
        frame(data, 0, 1),
        frame(data, endStream | padded, 1, pad(Buffer.from(review.slice(5)), 1)),
      ]),
      '201',
    ],
    [
      'a body with trailers',
      Buffer.concat([
        begun(1),
        frame(data, 0, 1, Buffer.from(review)),
        frame(headers, endHeaders | endStream, 1, headerBlock(undefined, [['x-sum', '1']])),
      ]),
      '201',
    ],
    ['te: trailers', asked(1, get([['te', 'trailers']])), '200'],
    ['headers of 40 KiB', split(get([['x-a', 'a'.repeat(40_000)]]), [16_000, 16_000, 0]), '200'],
    [
      'settings that nobody knows',
      Buffer.concat([settings([0x99, 7], [4, 1 << 20]), asked(1)]),
      '200',
    ],
    [
      'a table size update at the beginning',
      asked(1, Buffer.concat([Buffer.from([0x3f, 0x00]), get()])),
      '200',
    ],
    [
      'a method that nobody serves',
      asked(
        1,
        headerBlock(undefined, [
          [':method', 'BREW'],
          [':scheme', 'https'],
          [':path', '/version'],
        ]),
      ),
      '405',
    ],
  ])('%s', async (_name, bytes, status) => {
    client.send(bytes);
    expect(await answered(1)).toBe(status);
  });

  test('SETTINGS and PING are acknowledged, acknowledgements are not', async () => {
    client.send(
      frame(ping, 1, 0, Buffer.from('notasked')),
      frame(ping, 0, 0, Buffer.from('12345678')),
      settings([3, 1]),
    );
    await client.until(
      () => client.frames.filter((f) => f.type === 4 && f.flags === 1).length === 2,
    );
    const pings = client.frames.filter((f) => f.type === ping);
    expect(pings.map((f) => [f.flags, f.payload.toString()])).toEqual([[1, '12345678']]);
  });

  test('a body goes out as the windows of both sides allow, whichever changes', async () => {
    client.send(settings([4, 10]), asked(1));
    await client.head(1);
    const came = (): number =>
      client.frames.filter((f) => f.type === data).reduce((sum, f) => sum + f.payload.length, 0);
    await client.until(() => came() === 10);
    client.send(settings([4, 5])); // the window is -5 now
    client.send(frame(windowUpdate, 0, 1, u32(6)));
    await client.until(() => came() === 11);
    client.send(settings([4, 1]), frame(windowUpdate, 0, 1, u32(3)));
    client.send(frame(ping, 0, 0, Buffer.alloc(8)));
    await client.frame(ping);
    expect(came()).toBe(11);
    client.send(settings([4, 100_000]));
    expect(JSON.parse(String(await client.body(1)))).toHaveProperty('gitVersion');
  });

  test('what was begun before the client says that it goes', async () => {
    client.send(
      begun(1),
      frame(goAway, 0, 0, u32(0, 0)),
      frame(data, endStream, 1, Buffer.from(review)),
    );
    expect(await answered(1)).toBe('201');
    await client.until(() => client.closed);
  });

  test('many at once, each with its own', async () => {
    client.send(...Array.from({ length: 60 }, (_, i) => asked(2 * i + 1, get([], `/none/${i}`))));
    for (let i = 0; i < 60; i++) expect(await answered(2 * i + 1)).toBe('404');
  });
});

describe('ends the connection', () => {
  const block = (...fields: number[]): Buffer => asked(1, Buffer.from(fields));
  test.each<[string, number, Buffer]>([
    [
      'DATA of an idle stream',
      errorCode.protocolError,
      frame(data, endStream, 1, Buffer.from('x')),
    ],
    ['RST_STREAM of an idle stream', errorCode.protocolError, frame(rstStream, 0, 1, u32(8))],
    [
      'WINDOW_UPDATE of an idle stream',
      errorCode.protocolError,
      frame(windowUpdate, 0, 1, u32(100)),
    ],
    [
      'CONTINUATION of an idle stream',
      errorCode.protocolError,
      frame(continuation, endHeaders, 1, get()),
    ],
    ['DATA on stream 0', errorCode.protocolError, frame(data, endStream, 0, Buffer.from('x'))],
    ['HEADERS on stream 0', errorCode.protocolError, asked(0)],
    ['HEADERS of an even stream', errorCode.protocolError, asked(2)],
    ['a stream below the last one', errorCode.streamClosed, Buffer.concat([asked(5), asked(3)])],
    ['PRIORITY on stream 0', errorCode.protocolError, frame(priority, 0, 0, Buffer.alloc(5))],
    ['RST_STREAM on stream 0', errorCode.protocolError, frame(rstStream, 0, 0, u32(8))],
    [
      'RST_STREAM of 3 bytes',
      errorCode.frameSizeError,
      Buffer.concat([begun(1), frame(rstStream, 0, 1, Buffer.alloc(3))]),
    ],
    ['SETTINGS on a stream', errorCode.protocolError, frame(4, 0, 1, Buffer.alloc(6))],
    ['SETTINGS of 3 bytes', errorCode.frameSizeError, frame(4, 0, 0, Buffer.alloc(3))],
    ['an acknowledgement with settings', errorCode.frameSizeError, frame(4, 1, 0, Buffer.alloc(6))],
    ['ENABLE_PUSH of 2', errorCode.protocolError, settings([2, 2])],
    ['INITIAL_WINDOW_SIZE of 2^31', errorCode.flowControlError, settings([4, 2 ** 31])],
    ['MAX_FRAME_SIZE of 16383', errorCode.protocolError, settings([5, 16_383])],
    ['MAX_FRAME_SIZE of 2^24', errorCode.protocolError, settings([5, 2 ** 24])],
    [
      'PUSH_PROMISE',
      errorCode.protocolError,
      Buffer.concat([begun(1), frame(5, endHeaders, 1, u32(2))]),
    ],
    ['PING on a stream', errorCode.protocolError, frame(ping, 0, 1, Buffer.alloc(8))],
    ['PING of 6 bytes', errorCode.frameSizeError, frame(ping, 0, 0, Buffer.alloc(6))],
    ['GOAWAY on a stream', errorCode.protocolError, frame(goAway, 0, 1, u32(0, 0))],
    ['WINDOW_UPDATE by nothing', errorCode.protocolError, frame(windowUpdate, 0, 0, u32(0))],
    [
      'WINDOW_UPDATE of 3 bytes',
      errorCode.frameSizeError,
      frame(windowUpdate, 0, 0, Buffer.alloc(3)),
    ],
    [
      'a window above 2^31-1',
      errorCode.flowControlError,
      frame(windowUpdate, 0, 0, u32(2 ** 31 - 1)),
    ],
    [
      'windows that settings make too large',
      errorCode.flowControlError,
      Buffer.concat([
        settings([4, 1]),
        begun(1),
        frame(windowUpdate, 0, 1, u32(2 ** 31 - 2)),
        settings([4, 3]),
      ]),
    ],
    [
      'a frame of 16385 bytes',
      errorCode.frameSizeError,
      Buffer.concat([begun(1), frame(data, 0, 1, Buffer.alloc(16_385))]),
    ],
    [
      'more padding than DATA',
      errorCode.protocolError,
      Buffer.concat([begun(1), frame(data, padded, 1, Buffer.from([6, 1, 2]))]),
    ],
    [
      'more padding than HEADERS',
      errorCode.protocolError,
      frame(headers, endHeaders | endStream | padded, 1, Buffer.from([9, 0x82])),
    ],
    [
      'HEADERS without their priority',
      errorCode.protocolError,
      frame(headers, endHeaders | hasPriority, 1, Buffer.from([1, 2])),
    ],
    [
      'another frame in a header block',
      errorCode.protocolError,
      Buffer.concat([frame(headers, endStream, 1, get()), frame(priority, 0, 1, Buffer.alloc(5))]),
    ],
    [
      'HEADERS of another stream in it',
      errorCode.protocolError,
      Buffer.concat([frame(headers, endStream, 1, get()), asked(3)]),
    ],
    [
      'a frame of an unknown type in it',
      errorCode.protocolError,
      Buffer.concat([frame(headers, endStream, 1, get()), frame(0x42, 0, 0)]),
    ],
    [
      'CONTINUATION behind a whole block',
      errorCode.protocolError,
      Buffer.concat([begun(1), frame(continuation, endHeaders, 1, get())]),
    ],
    [
      'a header block that has no end',
      errorCode.enhanceYourCalm,
      Buffer.concat([
        frame(headers, 0, 1, get()),
        ...Array.from({ length: 5 }, () => frame(continuation, 0, 1, Buffer.alloc(16_384))),
      ]),
    ],
    ['a field with index 0', errorCode.compressionError, block(0x80)],
    ['a field behind the table', errorCode.compressionError, block(0xff, 0x09)],
    ['a table that is larger than allowed', errorCode.compressionError, block(0x3f, 0xe2, 0x1f)],
    ['a table size update behind a field', errorCode.compressionError, block(0x82, 0x20)],
    ['a string longer than its block', errorCode.compressionError, block(0x00, 0x05, 0x61)],
    [
      'Huffman padding of more than 7 bits',
      errorCode.compressionError,
      block(0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x84, 0x49, 0x50, 0x9f, 0xff),
    ],
    [
      'Huffman padding of zeros',
      errorCode.compressionError,
      block(0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x87, 0xff, 0xfd, 0x25, 0x42, 0x7f),
    ],
    [
      'Huffman with EOS',
      errorCode.compressionError,
      block(0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00),
    ],
    [
      'a number without an end',
      errorCode.compressionError,
      block(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f),
    ],
  ])('%s', async (_name, code, bytes) => {
    client.send(bytes);
    expect((await client.frame(goAway)).payload.readUInt32BE(4)).toBe(code);
    await client.until(() => client.closed);
  });

  test('a preface that is none', async () => {
    const other = await open(false);
    other.send(Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
    await other.until(() => other.closed);
  });
});
