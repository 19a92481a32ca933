import { Buffer } from 'node:buffer';
import { Duplex, duplexPair } from 'node:stream';
import { expect, test } from 'vitest';
import { controlFrame, dataFrame, FrameParser, frameType } from '../../wire/spdy/frames.ts';
import { HeaderWriter } from '../../wire/spdy/header-block.ts';
import { joinExec } from './exec-status.ts';

const errorStream = 1;
const stdout = 3;

function streams(): Buffer {
  const writer = new HeaderWriter();
  return Buffer.concat(
    [
      [errorStream, 'error'],
      [stdout, 'stdout'],
    ].map(([id, streamtype]) => {
      const ids = Buffer.alloc(10);
      ids.writeUInt32BE(id as number, 0);
      return controlFrame(
        frameType.synStream,
        0,
        Buffer.concat([ids, writer.write({ streamtype: streamtype as string })]),
      );
    }),
  );
}

interface Session {
  client: Duplex;
  node: Duplex;
  /** What the client has by the time its connection is over. */
  over: Promise<{ bytes: Buffer; status: string | undefined; output: string }>;
}

function session(head: Buffer = Buffer.alloc(0)): Session {
  const [client, clientSide] = duplexPair();
  const [nodeSide, node] = duplexPair();
  joinExec(clientSide, nodeSide, { node: head, client: streams() });
  node.on('error', () => undefined);
  node.resume();
  const parts: Buffer[] = [];
  client.on('data', (part: Buffer) => parts.push(part));
  const over = new Promise<Buffer>((resolve) => {
    client.on('end', () => resolve(Buffer.concat(parts)));
    client.on('close', () => resolve(Buffer.concat(parts)));
  }).then((bytes) => {
    const frames = new FrameParser()
      .push(bytes)
      .flatMap((frame) => (frame.kind === 'data' ? [frame] : []));
    const text = (id: number): string =>
      Buffer.concat(
        frames.filter((frame) => frame.streamId === id).map((frame) => frame.data),
      ).toString();
    return { bytes, status: text(errorStream) || undefined, output: text(stdout) };
  });
  return { client, node, over };
}

const success = dataFrame(errorStream, Buffer.from('{"status":"Success"}'), false);

test('a session with a status passes as it is, however it is cut', async () => {
  const all = Buffer.concat([dataFrame(stdout, Buffer.from('out'), false), success]);
  for (let at = 0; at <= all.length; at++) {
    const { node, over } = session();
    node.write(all.subarray(0, at));
    node.end(all.subarray(at));
    expect((await over).bytes.equals(all)).toBe(true);
  }
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['some output', dataFrame(stdout, Buffer.from('half'), false)],
  ['half a frame', dataFrame(stdout, Buffer.from('half of it'), false).subarray(0, 12)],
  [
    'output and half a status',
    Buffer.concat([dataFrame(stdout, Buffer.from('x'), true), success.subarray(0, 15)]),
  ],
  [
    'an empty status',
    Buffer.concat([
      dataFrame(stdout, Buffer.from('x'), true),
      dataFrame(errorStream, Buffer.alloc(0), true),
    ]),
  ],
])('a node that is gone after %s is a failure', async (_what, bytes) => {
  for (const way of ['end', 'destroy', 'head'] as const) {
    const { node, over } = session(way === 'head' ? bytes : undefined);
    if (way !== 'head') await new Promise((resolve) => node.write(bytes, resolve));
    if (way === 'destroy') node.destroy();
    else node.end();
    expect(JSON.parse((await over).status ?? '{}')).toMatchObject({
      status: 'Failure',
      message: 'the connection to the node was lost before the command had ended',
    });
  }
});

test('long frames pass, and one that breaks off is a failure too', async () => {
  const long = dataFrame(stdout, Buffer.alloc(300_000, 'y'), false);
  const whole = session();
  whole.node.write(long);
  whole.node.end(success);
  expect((await whole.over).bytes.equals(Buffer.concat([long, success]))).toBe(true);
  const broken = session();
  broken.node.end(long.subarray(0, 200_000));
  expect((await broken.over).status).toContain('Failure');
});

test("a client that leaves takes the node's side along", async () => {
  const { client, node } = session();
  const gone = new Promise((resolve) => node.on('end', resolve));
  client.destroy();
  await gone;
});
