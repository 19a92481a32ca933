import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { realClock } from '../../io/clock.ts';
import { realDisk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import { realProcesses } from '../../io/processes.ts';
import { realSpawn } from '../../io/spawn.ts';
import { accountIn } from './account.ts';
import { Shells, sizeOf, statusOf } from './shells.ts';

const doors = {
  spawn: realSpawn,
  processes: realProcesses,
  disk: realDisk,
  clock: realClock,
  log: silentLog,
};
let server: Server;
let port = 0;
let sessions: Promise<void>[] = [];

beforeEach(async () => {
  const shells = new Shells(doors);
  sessions = [];
  server = createServer();
  server.on('upgrade', (request, socket, head) => {
    const query = new URL(request.url ?? '/', 'http://x').searchParams;
    const command = query.getAll('command');
    const asked = { user: 'me', command, tty: query.has('tty'), term: query.get('term') ?? '' };
    sessions.push(shells.serve({ ...asked, request, socket, head }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  ({ port } = server.address() as AddressInfo);
});
afterEach(async () => {
  await Promise.all(sessions);
  server.close();
});

interface Talk {
  ws: WebSocket;
  /** By channel. */
  said: string[];
  closed: Promise<void>;
}

function open(command: string[], query: Record<string, string> = {}): Talk {
  const search = new URLSearchParams(query);
  for (const part of command) search.append('command', part);
  const ws = new WebSocket(`ws://127.0.0.1:${port}/shell?${search}`, ['v5.channel.k8s.io']);
  const said: string[] = ['', '', '', ''];
  ws.on('message', (data: Buffer) => {
    said[data[0] ?? 0] += data.subarray(1).toString();
  });
  return { ws, said, closed: new Promise((done) => ws.on('close', () => done())) };
}

const running = async (word: string): Promise<number> =>
  (await realProcesses.list('test')).filter(({ command }) => command.includes(word)).length;

describe('a session on pipes', () => {
  test('has output, errors and status apart', async () => {
    const { said, closed } = open(['sh', '-c', 'echo out; echo err >&2; exit 5']);
    await closed;
    expect(said.slice(1, 3)).toEqual(['out\n', 'err\n']);
    expect(JSON.parse(said[3] ?? '')).toMatchObject({
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '5' }] },
    });
  });

  test('takes input to its end', async () => {
    const { ws, said, closed } = open(['sh', '-c', 'cat; echo over']);
    await new Promise((done) => ws.once('open', done));
    ws.send(Buffer.from('\0some'));
    ws.send(Buffer.from([255, 0]));
    await closed;
    expect(said[1]).toBe('someover\n');
    expect(said[3]).toContain('Success');
  });

  test('ends at once though its input was not read', async () => {
    const { ws, said, closed } = open(['sh', '-c', 'sleep 0.3; exit 1']);
    await new Promise((done) => ws.once('open', done));
    for (let i = 0; i < 100; i++) ws.send(Buffer.alloc(64 * 1024));
    const began = realClock.monotonicMs();
    await closed;
    expect(said[3]).toContain('exit code 1');
    expect(realClock.monotonicMs() - began).toBeLessThan(10_000);
  });

  test('does not lose output to a client that is slow', async () => {
    const { ws, said, closed } = open(['sh', '-c', 'head -c 8000000 /dev/zero | tr "\\0" x']);
    await new Promise((done) => ws.once('open', done));
    ws.pause();
    await realClock.sleep('test', 2_500);
    ws.resume();
    await closed;
    expect([said[1]?.length, JSON.parse(said[3] ?? '')]).toEqual([
      8_000_000,
      { metadata: {}, status: 'Success' },
    ]);
  });

  test('ends though somebody who left it holds its output', async () => {
    const mark = `${process.pid}.5`;
    const { said, closed } = open(['sh', '-c', `setsid sleep ${mark} & sleep 0.2; echo done`]);
    await closed;
    expect([said[1], said[3]]).toEqual(['done\n', '{"metadata":{},"status":"Success"}']);
    await Promise.all(sessions);
    const [left] = (await realProcesses.list('test')).filter(({ command }) =>
      command.includes(mark),
    );
    expect(left?.command).toEqual(['sleep', mark]);
    realProcesses.kill('test', left?.pid ?? 0, 'SIGKILL');
  });

  test('says what cannot be run', async () => {
    const { said, closed } = open(['/no/such']);
    await closed;
    expect(JSON.parse(said[3] ?? '')).toMatchObject({
      status: 'Failure',
      message: expect.stringContaining('/no/such'),
    });
  });

  test('ends with its client, and those who will not hear of it are killed', async () => {
    const mark = `${process.pid}.25`;
    const { ws, said } = open([
      'sh',
      '-c',
      `trap "" HUP TERM; sleep ${mark} & sleep ${mark} & echo up; wait`,
    ]);
    await expect.poll(() => said[1]).toBe('up\n');
    expect(await running(mark)).toBe(2);
    ws.terminate();
    await Promise.all(sessions);
    expect(await running(mark)).toBe(0);
  });
});

describe('a session on a terminal', () => {
  test('has the size and the name that the client tells, and no environment of ours', async () => {
    process.env['SHELL_TEST_SECRET'] = 'x';
    const script = 'read x; stty size; echo $TERM; env | grep -c SECRET; exit 3';
    const { ws, said, closed } = open(['sh', '-c', script], { tty: '1', term: 'vt220' });
    await new Promise((done) => ws.once('open', done));
    ws.send(Buffer.from('\u0004{"Width":77,"Height":11}'));
    ws.send(Buffer.from('\0go\n'));
    await closed;
    expect(said[1]).toBe('go\r\n11 77\r\nvt220\r\n0\r\n');
    expect(said[3]).toContain('"message":"3"');
  });

  test('gets a plain name in the place of one that is none', async () => {
    const { said, closed } = open(['sh', '-c', 'echo $TERM'], { tty: '1', term: '../x\n' });
    await closed;
    expect(said[1]).toBe('xterm\r\n');
  });

  test('ends with its client', async () => {
    const mark = `${process.pid}.75`;
    const { ws, said } = open(['sh', '-c', `trap "" HUP; echo up; sleep ${mark}`], { tty: '1' });
    await expect.poll(() => said[1]).toBe('up\r\n');
    ws.terminate();
    await Promise.all(sessions);
    expect(await running(mark)).toBe(0);
  });
});

test('there are so many and no more', async () => {
  const talks = Array.from({ length: 32 }, () => open(['cat']));
  await Promise.all(talks.map(({ ws }) => new Promise((done) => ws.once('open', done))));
  const status = await new Promise((done) => {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/shell`, ['v5.channel.k8s.io']);
    ws.on('unexpected-response', (_request, answer) => done(answer.statusCode));
  });
  expect(status).toBe(429);
  for (const { ws } of talks) ws.terminate();
});

test.each([
  ['{"Width":80,"Height":24}', { columns: 80, rows: 24 }],
  ['{"Width":0,"Height":24}', undefined],
  ['{"Width":80,"Height":70000}', undefined],
  ['{"Width":"80","Height":24}', undefined],
  ['null', undefined],
  ['{', undefined],
])('a size of %s', (text, size) => {
  expect(sizeOf(Buffer.from(text))).toEqual(size);
});

test.each([
  ['root:x:0:0:root:/root:/bin/bash\n', { home: '/root', shell: '/bin/bash' }],
  ['a:x:1:1::/a:/bin/a\nadmin:x:0:0::/home/x:/bin/zsh', { home: '/home/x', shell: '/bin/zsh' }],
  ['root:x:0:0:root:/root:/usr/sbin/nologin', { home: '/root', shell: '/bin/sh' }],
  ['root:x:0:0:root::', { home: '/', shell: '/bin/sh' }],
  ['', { home: '/', shell: '/bin/sh' }],
])('the account in %j', (text, account) => {
  expect(accountIn(text)).toEqual(account);
});

test('a status of success has no cause', () => {
  expect(JSON.parse(statusOf(0))).toEqual({ metadata: {}, status: 'Success' });
});
