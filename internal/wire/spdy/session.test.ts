import { describe, expect, it } from 'vitest';
import { createDeflate, constants } from 'node:zlib';
import fc from 'fast-check';
import { dictionary } from './dictionary.ts';
import { controlFrame, FrameParser, frameType, dataFrame } from './frames.ts';
import { HeaderReader, HeaderWriter } from './header-block.ts';
import { SpdySession, type SpdyStream } from './session.ts';

/** A client and a server joined by memory, cutting the bytes into pieces of `cut`. */
function pair(cut = 7): {
  client: SpdySession;
  server: SpdySession;
  streams: SpdyStream[];
  run(): void;
} {
  const queue: [() => SpdySession, Buffer][] = [];
  const streams: SpdyStream[] = [];
  const server: SpdySession = new SpdySession({
    role: 'server',
    send: (b) => queue.push([() => client, b]),
    onStream: (s) => streams.push(s),
  });
  const client: SpdySession = new SpdySession({
    role: 'client',
    send: (b) => queue.push([() => server, b]),
    onStream: () => undefined,
  });
  const run = (): void => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      for (let at = 0; at < next[1].length; at += cut)
        next[0]().receive(next[1].subarray(at, at + cut));
    }
  };
  return { client, server, streams, run };
}

describe('SpdySession', () => {
  it('opens streams with headers, carries data both ways and half-closes', () => {
    const { client, streams, run } = pair();
    const stdin = client.open({ streamtype: 'stdin', port: '80' });
    const back: (string | undefined)[] = [];
    stdin.onData = (d) => back.push(d?.toString());
    run();
    expect(streams[0]?.headers).toEqual({ streamtype: 'stdin', port: '80' });
    const got: (string | undefined)[] = [];
    (streams[0] as SpdyStream).onData = (d) => got.push(d?.toString());
    stdin.write(Buffer.from('hello'));
    stdin.end();
    run();
    expect(got).toEqual(['hello', undefined]);
    streams[0]?.write(Buffer.from('still talking'));
    streams[0]?.end();
    run();
    expect(back).toEqual(['still talking', undefined]);
  });

  it('sends nothing of a stream before the peer has taken it', () => {
    const sent: Buffer[] = [];
    const client = new SpdySession({
      role: 'client',
      send: (b) => sent.push(b),
      onStream: () => undefined,
    });
    const stream = client.open({ streamtype: 'stdin' });
    let opened = 0;
    stream.onOpen = () => opened++;
    stream.write(Buffer.from('early'));
    stream.end();
    expect([sent.length, opened]).toEqual([1, 0]);
    const answers: Buffer[] = [];
    const got: (string | undefined)[] = [];
    const server = new SpdySession({
      role: 'server',
      send: (b) => answers.push(b),
      onStream: (s) => (s.onData = (d) => got.push(d?.toString())),
    });
    server.receive(sent[0]!);
    for (const answer of answers) client.receive(answer);
    for (const frame of sent.slice(1)) server.receive(frame);
    expect([opened, got]).toEqual([1, ['early', undefined]]);
  });

  it('tells streams of a reset and of the end of the session', () => {
    const { client, server, streams, run } = pair(1000);
    const [a, b] = [client.open({}), client.open({})];
    run();
    const closed: string[] = [];
    (streams[0] as SpdyStream).onClose = () => closed.push('a');
    (streams[1] as SpdyStream).onClose = () => closed.push('b');
    a.reset();
    run();
    expect(closed).toEqual(['a']);
    server.close();
    expect(closed).toEqual(['a', 'b']);
    b.write(Buffer.from('lost'));
    run();
  });

  it('answers the peer’s pings only', () => {
    const sent: Buffer[] = [];
    const session = new SpdySession({
      role: 'server',
      send: (b) => sent.push(b),
      onStream: () => undefined,
    });
    const ping = (id: number): Buffer =>
      controlFrame(frameType.ping, 0, Buffer.from([0, 0, 0, id]));
    session.receive(ping(1));
    session.receive(ping(2));
    expect(sent).toEqual([ping(1)]);
  });
});

describe('header blocks', () => {
  it('are read as spdystream compresses them, over several frames', async () => {
    const deflate = createDeflate({ dictionary });
    const reader = new HeaderReader();
    for (const port of ['80', '443']) {
      const plain = Buffer.from(
        `\0\0\0\x02\0\0\0\x04port\0\0\0${String.fromCharCode(port.length)}${port}` +
          '\0\0\0\x0astreamtype\0\0\0\x04data',
        'latin1',
      );
      const chunks: Buffer[] = [];
      const take = (c: Buffer): void => void chunks.push(c);
      deflate.on('data', take);
      deflate.write(plain);
      await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, () => resolve()));
      deflate.off('data', take);
      expect(reader.read(Buffer.concat(chunks))).toEqual({ port, streamtype: 'data' });
    }
  });

  it('survive a round trip', () => {
    const [reader, writer] = [new HeaderReader(), new HeaderWriter()];
    const name = fc.stringMatching(/^[a-z-]{1,20}$/);
    fc.assert(
      fc.property(fc.dictionary(name, fc.stringMatching(/^[ -~]{1,40}$/)), (headers) => {
        expect(reader.read(writer.write(headers))).toEqual({ ...headers });
      }),
    );
  });

  it('refuse what is not zlib', () => {
    expect(() => new HeaderReader().read(Buffer.from('nonsense'))).toThrow(/zlib|deflate/);
  });
});

describe('FrameParser', () => {
  it('puts pieces together', () => {
    const bytes = Buffer.concat([
      dataFrame(3, Buffer.from('abc'), true),
      controlFrame(frameType.goAway, 0, Buffer.alloc(8)),
    ]);
    const parser = new FrameParser();
    const frames = [...bytes].flatMap((b) => parser.push(Buffer.from([b])));
    expect(frames).toMatchObject([
      { kind: 'data', streamId: 3, fin: true },
      { kind: 'control', type: frameType.goAway },
    ]);
  });

  it('refuses another protocol', () => {
    expect(() => new FrameParser().push(Buffer.from('\xffTTP\0\0\0\0', 'latin1'))).toThrow(
      /SPDY|bytes/,
    );
  });
});
