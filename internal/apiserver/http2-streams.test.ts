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
  post,
  review,
  type Fields,
} from '../wire/h2/testing/requests.ts';
import { startDevServer, type DevServer } from './dev.ts';

/**
 * What RFC 9113 calls an error of the stream, on the port of the API server: the connection and its
 * other streams go on.
 */

const { data, headers, priority, rstStream, windowUpdate } = frameType;

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

describe('ends the stream, and no other', () => {
  const request = (...fields: Fields): Buffer => headerBlock(undefined, fields);
  const whole: Fields = [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/version'],
  ];
  const without = (name: string): Fields => whole.filter(([one]) => one !== name);
  test.each<[string, number, Buffer]>([
    ['a name in upper case', errorCode.protocolError, asked(1, get([['X-A', 'b']]))],
    ['a name that is no token', errorCode.protocolError, asked(1, get([['a b', 'c']]))],
    ['a name of nothing', errorCode.protocolError, asked(1, get([['', 'c']]))],
    ['a value with a line break', errorCode.protocolError, asked(1, get([['a', 'b\r\nc: d']]))],
    ['a value with a zero', errorCode.protocolError, asked(1, get([['a', 'b\0']]))],
    ['an unknown pseudo-header', errorCode.protocolError, asked(1, get([[':x', 'b']]))],
    [
      "an answer's pseudo-header",
      errorCode.protocolError,
      asked(1, request(...whole, [':status', '200'])),
    ],
    [
      'a pseudo-header behind others',
      errorCode.protocolError,
      asked(1, request(...without(':path'), ['a', 'b'], [':path', '/'])),
    ],
    ['no :method', errorCode.protocolError, asked(1, request(...without(':method')))],
    ['no :scheme', errorCode.protocolError, asked(1, request(...without(':scheme')))],
    ['no :path', errorCode.protocolError, asked(1, request(...without(':path')))],
    [
      'an empty :path',
      errorCode.protocolError,
      asked(1, request(...without(':path'), [':path', ''])),
    ],
    [
      'a :path that is none',
      errorCode.protocolError,
      asked(1, request(...without(':path'), [':path', 'version'])),
    ],
    ['two :method', errorCode.protocolError, asked(1, request(...whole, [':method', 'GET']))],
    ['two :scheme', errorCode.protocolError, asked(1, request(...whole, [':scheme', 'https']))],
    ['two :path', errorCode.protocolError, asked(1, request(...whole, [':path', '/']))],
    [
      'CONNECT',
      errorCode.protocolError,
      asked(1, request([':method', 'CONNECT'], [':authority', 'x:1'])),
    ],
    [
      'extended CONNECT',
      errorCode.protocolError,
      asked(1, request([':method', 'CONNECT'], [':protocol', 'websocket'], ...without(':method'))),
    ],
    ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map(
      (name): [string, number, Buffer] => [
        name,
        errorCode.protocolError,
        asked(1, get([[name, 'x']])),
      ],
    ),
    ['te: gzip', errorCode.protocolError, asked(1, get([['te', 'gzip']]))],
    [
      '300 fields',
      errorCode.protocolError,
      asked(1, get(Array.from({ length: 300 }, (_, i) => [`a${i}`, 'b']))),
    ],
    [
      'content-length that is no number',
      errorCode.protocolError,
      asked(1, get([['content-length', '-1']])),
    ],
    [
      'two content-lengths that differ',
      errorCode.protocolError,
      asked(
        1,
        get([
          ['content-length', '1'],
          ['content-length', '2'],
        ]),
      ),
    ],
    [
      'content-length and no body',
      errorCode.protocolError,
      asked(1, get([['content-length', '1']])),
    ],
    [
      'a body shorter than it',
      errorCode.protocolError,
      Buffer.concat([
        begun(1, post([['content-length', '9']])),
        frame(data, endStream, 1, Buffer.from('{}')),
      ]),
    ],
    [
      'a body longer than it',
      errorCode.protocolError,
      Buffer.concat([
        begun(1, post([['content-length', '1']])),
        frame(data, 0, 1, Buffer.from('{}')),
      ]),
    ],
    [
      'a second head that does not end it',
      errorCode.protocolError,
      Buffer.concat([begun(1), begun(1)]),
    ],
    [
      'trailers with a pseudo-header',
      errorCode.protocolError,
      Buffer.concat([begun(1), asked(1, request([':method', 'GET']))]),
    ],
    [
      'WINDOW_UPDATE by nothing',
      errorCode.protocolError,
      Buffer.concat([begun(1), frame(windowUpdate, 0, 1, u32(0))]),
    ],
    [
      'a window above 2^31-1',
      errorCode.flowControlError,
      Buffer.concat([begun(1), frame(windowUpdate, 0, 1, u32(2 ** 31 - 1))]),
    ],
    [
      'PRIORITY of 4 bytes',
      errorCode.frameSizeError,
      Buffer.concat([begun(1), frame(priority, 0, 1, Buffer.alloc(4))]),
    ],
    [
      'a stream that depends on itself',
      errorCode.protocolError,
      Buffer.concat([begun(1), frame(priority, 0, 1, Buffer.concat([u32(1), Buffer.from([1])]))]),
    ],
    [
      'a head that depends on itself',
      errorCode.protocolError,
      frame(
        headers,
        endHeaders | hasPriority,
        1,
        Buffer.concat([u32(1), Buffer.from([1]), post()]),
      ),
    ],
    [
      'headers of 80 KiB as they are counted',
      errorCode.enhanceYourCalm,
      asked(
        1,
        Buffer.concat([
          get(),
          Buffer.from([0x40, 1, 0x61, 0x7f, 0xa1, 0x1e]),
          Buffer.alloc(4000, 0x62),
          Buffer.alloc(20, 0xbe),
        ]),
      ),
    ],
  ])('%s', async (_name, code, bytes) => {
    client.send(bytes);
    expect((await client.frame(rstStream, 1)).payload.readUInt32BE(0)).toBe(code);
    client.send(asked(7));
    expect(await answered(7)).toBe('200');
  });

  test('what comes behind the end of a request', async () => {
    // The review is not read before its stream is given a window to answer in.
    client.send(settings([4, 0]), begun(1), frame(data, endStream, 1, Buffer.from(review)));
    await client.head(1);
    client.send(frame(data, endStream, 1, Buffer.from('{}')));
    expect((await client.frame(rstStream, 1)).payload.readUInt32BE(0)).toBe(errorCode.streamClosed);
    client.send(begun(3), frame(data, endStream, 3, Buffer.from(review)));
    await client.head(3);
    client.send(asked(3, headerBlock(undefined, [['a', 'b']])));
    expect((await client.frame(rstStream, 3)).payload.readUInt32BE(0)).toBe(errorCode.streamClosed);
  });

  test('what still comes for a stream that was reset is passed over', async () => {
    client.send(begun(1), frame(rstStream, 0, 1, u32(errorCode.cancel)));
    client.send(
      frame(windowUpdate, 0, 1, u32(9)),
      frame(priority, 0, 1, Buffer.alloc(5)),
      asked(3),
    );
    expect(await answered(3)).toBe('200');
  });
});
