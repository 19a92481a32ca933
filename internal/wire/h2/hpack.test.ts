import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { H2Error } from './frames.ts';
import { RequestHead } from './head.ts';
import { headerBlock, HpackDecoder } from './hpack.ts';
import type { HeaderField } from './field.ts';
import { codeLengths, decodeHuffman } from './huffman.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex.replace(/\s/g, ''), 'hex');

function fieldsOf(decoder: HpackDecoder, block: Buffer): string[] {
  const fields: string[] = [];
  decoder.decode(block, 0, block.length, {
    add: (field: HeaderField) => fields.push(`${field.name}: ${field.value}`),
  });
  return fields;
}

/** The code as its table says it: for going the other way, which only tests need. */
function encodeHuffman(text: Uint8Array): Buffer {
  const lengths = Array.from(codeLengths, (digit) => parseInt(digit, 32));
  const codes: string[] = [];
  let code = 0;
  let width = 0;
  for (const symbol of lengths
    .map((_, i) => i)
    .sort((a, b) => (lengths[a] as number) - (lengths[b] as number) || a - b)) {
    code *= 2 ** ((lengths[symbol] as number) - width);
    width = lengths[symbol] as number;
    codes[symbol] = (code++).toString(2).padStart(width, '0');
  }
  const bits = Array.from(text, (symbol) => codes[symbol]).join('');
  const whole = bits + '1'.repeat((8 - (bits.length % 8)) % 8);
  return Buffer.from((whole.match(/.{8}/g) ?? []).map((octet) => parseInt(octet, 2)));
}

describe('the examples of RFC 7541, Appendix C', () => {
  const requests: [string, string[][]][] = [
    [
      '828684410f7777772e6578616d706c652e636f6d',
      [[':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com']],
    ],
    [
      '828684be58086e6f2d6361636865',
      [
        [
          ':method: GET',
          ':scheme: http',
          ':path: /',
          ':authority: www.example.com',
          'cache-control: no-cache',
        ],
      ],
    ],
    [
      '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
      [
        [
          ':method: GET',
          ':scheme: https',
          ':path: /index.html',
          ':authority: www.example.com',
          'custom-key: custom-value',
        ],
      ],
    ],
  ];
  const huffman = [
    '828684418cf1e3c2e5f23a6ba0ab90f4ff',
    '828684be5886a8eb10649cbf',
    '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
  ];

  test('C.2: each kind of field', () => {
    expect(
      fieldsOf(new HpackDecoder(), bytes('400a637573746f6d2d6b65790d637573746f6d2d686561646572')),
    ).toEqual(['custom-key: custom-header']);
    expect(fieldsOf(new HpackDecoder(), bytes('040c2f73616d706c652f70617468'))).toEqual([
      ':path: /sample/path',
    ]);
    expect(fieldsOf(new HpackDecoder(), bytes('100870617373776f726406736563726574'))).toEqual([
      'password: secret',
    ]);
    expect(fieldsOf(new HpackDecoder(), bytes('82'))).toEqual([':method: GET']);
  });

  test('C.3: requests that build on each other', () => {
    const decoder = new HpackDecoder();
    for (const [block, [fields]] of requests)
      expect(fieldsOf(decoder, bytes(block))).toEqual(fields);
  });

  test('C.4: the same in the Huffman code', () => {
    const decoder = new HpackDecoder();
    for (const [i, block] of huffman.entries())
      expect(fieldsOf(decoder, bytes(block))).toEqual(requests[i]?.[1][0]);
  });

  test.each([
    [
      'C.5',
      [
        '3fe101 ' +
          '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120' +
          '474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d',
        '4803333037c1c0bf',
        '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738' +
          '666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d33' +
          '3630303b2076657273696f6e3d31',
      ],
    ],
    [
      'C.6',
      [
        '3fe101 ' +
          '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad1718' +
          '63c78f0b97c8e9ae82ae43d3',
        '4883640effc1c0bf',
        '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7' +
          'b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
      ],
    ],
  ])('%s: answers with a table of 256 bytes, so that entries fall out', (_name, blocks) => {
    const decoder = new HpackDecoder();
    const dates = ['Mon, 21 Oct 2013 20:13:21 GMT', 'Mon, 21 Oct 2013 20:13:22 GMT'];
    const rest = [
      'cache-control: private',
      `date: ${dates[0]}`,
      'location: https://www.example.com',
    ];
    expect(fieldsOf(decoder, bytes(blocks[0] as string))).toEqual([':status: 302', ...rest]);
    expect(fieldsOf(decoder, bytes(blocks[1] as string))).toEqual([':status: 307', ...rest]);
    expect(fieldsOf(decoder, bytes(blocks[2] as string))).toEqual([
      ':status: 200',
      rest[0],
      `date: ${dates[1]}`,
      rest[2],
      'content-encoding: gzip',
      'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    ]);
  });
});

describe('the table', () => {
  const insert = (name: string, value: string): Buffer =>
    Buffer.concat([
      Buffer.from([0x40, name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]);

  test('keeps 4096 bytes and no more, the newest first', () => {
    const decoder = new HpackDecoder();
    for (let i = 0; i < 500; i++) fieldsOf(decoder, insert(`k${i % 10}`, `${i}`.padStart(30, '.')));
    // Each counts 2 + 30 + 32 bytes: 64 of them stay.
    expect(fieldsOf(decoder, Buffer.from([0x80 | 62]))[0]).toContain('..499');
    expect(fieldsOf(decoder, Buffer.from([0x80 | 125]))[0]).toContain('..436');
    expect(() => fieldsOf(decoder, Buffer.from([0x80 | 126]))).toThrow(H2Error);
  });

  test('is emptied by a field that is larger than all of it, and by a size of 0', () => {
    const decoder = new HpackDecoder();
    fieldsOf(decoder, insert('a', 'b'));
    const large = Buffer.concat([
      Buffer.from([0x40, 1]),
      Buffer.from('x'),
      Buffer.from([0x7f, 0x81, 0x20]),
      Buffer.alloc(0x7f + 0x1001, 'v'),
    ]);
    expect(fieldsOf(decoder, large)[0]).toHaveLength(3 + 0x7f + 0x1001);
    expect(() => fieldsOf(decoder, Buffer.from([0xbe]))).toThrow('not in the table');
    fieldsOf(decoder, insert('a', 'b'));
    fieldsOf(decoder, bytes('20 3fe11f'));
    expect(() => fieldsOf(decoder, Buffer.from([0xbe]))).toThrow('not in the table');
    fieldsOf(decoder, insert('c', 'd'));
    expect(fieldsOf(decoder, Buffer.from([0xbe]))).toEqual(['c: d']);
  });
});

test.each([
  ['field 0', '80'],
  ['a field out of the table', 'be'],
  ['a number without end', 'ffffffffffffff'],
  ['a number that is cut off', 'ff'],
  ['a name that is cut off', '4005616263'],
  ['no value', '400161'],
  ['a larger table than allowed', '3fe21f'],
  ['a new size behind a field', '8220'],
  ['padding of eight ones', '0001618 1ff'.replace(' ', '')],
  ['padding of zeros', '00016181 18'],
  ['the end of string as a symbol', '00016184ffffffff'],
])('a broken block is an error: %s', (_name, hex) => {
  expect(() => fieldsOf(new HpackDecoder(), bytes(hex))).toThrow(H2Error);
});

describe('Huffman', () => {
  test('any bytes come back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (text) => {
        const code = encodeHuffman(text);
        expect(Buffer.from(decodeHuffman(code, 0, code.length) ?? '?', 'latin1').equals(text)).toBe(
          true,
        );
      }),
    );
  });

  test('random bytes decode or do not, and what decodes encodes to the same', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (code) => {
        const text = decodeHuffman(Buffer.from(code), 0, code.length);
        if (text !== undefined)
          expect(encodeHuffman(Buffer.from(text, 'latin1')).equals(code)).toBe(true);
      }),
    );
  });
});

test('random blocks never hang, and fail with nothing but their own error', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (blocks) => {
      const decoder = new HpackDecoder();
      try {
        for (const block of blocks) fieldsOf(decoder, Buffer.from(block));
      } catch (error) {
        expect(error).toBeInstanceOf(H2Error);
      }
    }),
    { numRuns: 500 },
  );
});

test('blocks that we write are blocks that we read', () => {
  const long = 'x'.repeat(70_000);
  expect(
    fieldsOf(
      new HpackDecoder(),
      headerBlock(200, [
        ['grpc-message', long],
        ['a', ''],
      ]),
    ),
  ).toEqual([':status: 200', `grpc-message: ${long}`, 'a: ']);
  expect(fieldsOf(new HpackDecoder(), headerBlock(415, []))).toEqual([':status: 415']);
});

describe('what a head says', () => {
  const head = (...fields: [string, string][]): RequestHead => {
    const block = headerBlock(undefined, fields);
    const made = new RequestHead();
    new HpackDecoder().decode(block, 0, block.length, made);
    return made;
  };
  const request: [string, string][] = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/a/b'],
  ];

  test('the values of a request', () => {
    const made = head(
      ...request,
      ['content-type', 'application/grpc+proto'],
      ['te', 'trailers'],
      ['content-length', '12'],
    );
    expect(made).toMatchObject({
      method: 'POST',
      scheme: 'http',
      path: '/a/b',
      contentType: 'application/grpc+proto',
      contentLength: 12,
      isRequest: true,
      isTrailers: false,
    });
    made.clear();
    expect(made).toMatchObject({
      method: '',
      path: '',
      contentLength: -1,
      isRequest: false,
      isTrailers: true,
      bytes: 0,
    });
  });

  test.each(['%2Frun%2Fetcd.sock', '#initially=[unix:///run/etcd.sock]', '/run/etcd.sock', ''])(
    ':authority is whatever Go makes of an endpoint: %j',
    (authority) => {
      expect(head(...request, [':authority', authority]).isRequest).toBe(true);
    },
  );

  test.each([
    ['no path', request.slice(0, 2)],
    ['no method', request.slice(1)],
    ['no scheme', [request[0], request[2]]],
    ['an empty path', [...request.slice(0, 2), [':path', '']]],
    ['two paths', [...request, [':path', '/']]],
    ['a pseudo field behind others', [...request.slice(1), ['a', 'b'], [':method', 'POST']]],
    ["an answer's pseudo field", [...request, [':status', '200']]],
    ['capitals', [...request, ['Te', 'trailers']]],
    ['a name of nothing', [...request, ['', 'x']]],
    ['a field of HTTP/1.1', [...request, ['connection', 'keep-alive']]],
    ['other transfer codings', [...request, ['te', 'gzip']]],
    ['a line break in a value', [...request, ['a', 'b\r\nc: d']]],
    ['a length that is not a number', [...request, ['content-length', '-1']]],
  ] as [string, [string, string][]][])('malformed: %s', (_name, fields) => {
    expect(head(...fields).isRequest).toBe(false);
  });

  test('trailers have no pseudo fields', () => {
    expect(head(['a', 'b']).isTrailers).toBe(true);
    expect(head([':path', '/']).isTrailers).toBe(false);
  });
});
