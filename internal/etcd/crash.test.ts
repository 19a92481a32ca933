import { spawn, type ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { seededRandom, type Random } from '../io/random.ts';
import { EtcdConnection } from './client/connection.ts';
import { fastDir } from './testing/etcd-process.ts';
import { checkHistory, type Operation } from './testing/linearizability.ts';
import { perform } from './testing/perform.ts';

const clients = 64;
const keys = 8;
const answersPerRound = 1500;
const rounds = Number(process.env['SKIFF_CRASHES'] ?? 4);
const seed = Number(process.env['SKIFF_SEED'] ?? Math.floor(performance.timeOrigin) % 1_000_000);
const root = join(import.meta.dirname, '../..');

let child: ChildProcess | undefined;
const dir = fastDir();
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

/** Starts the real program and resolves with its URL. */
function start(): Promise<string> {
  child = spawn(
    process.execPath,
    [
      join(root, 'cmd/skiff.ts'),
      'datastore',
      '--data-dir',
      dir,
      '--listen-client-urls',
      'http://127.0.0.1:0',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  return new Promise((resolve, reject) => {
    let text = '';
    child?.once('exit', (code) => reject(new Error(`the datastore ended with ${code}`)));
    child?.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const url = /serving etcd v3 on (\S+)/.exec(text)?.[1];
      if (url) resolve(url);
    });
  });
}

async function kill(): Promise<void> {
  const ended = new Promise((resolve) => child?.once('exit', resolve));
  child?.kill('SIGKILL');
  await ended;
}

/** One client: reads, writes and swaps until the server is gone. */
async function run(
  connection: EtcdConnection,
  random: Random,
  name: string,
  histories: Map<string, Operation[]>,
  told: { answers: number },
): Promise<void> {
  for (let i = 0; ; i++) {
    const key = `key${random.int(keys)}`;
    const roll = random.int(10);
    const kind = roll < 4 ? 'read' : roll < 7 ? 'write' : 'compareAndSwap';
    const operation: Operation = {
      kind,
      calledAt: performance.now(),
      answeredAt: undefined,
      value: kind === 'read' ? undefined : `${name}-${i}`,
      revision: undefined,
    };
    histories.get(key)?.push(operation);
    try {
      await perform(connection, key, operation, () =>
        random.int(4) === 0 ? new Promise((resolve) => setImmediate(resolve)) : undefined,
      );
      operation.answeredAt = performance.now();
      told.answers++;
    } catch {
      return;
    }
  }
}

describe('kill -9', () => {
  test(`${clients} clients see a linearizable history over ${rounds} kills`, async () => {
    console.log(`crash seed ${seed}`);
    const histories = new Map<string, Operation[]>(
      Array.from({ length: keys }, (_, i) => [`key${i}`, []]),
    );
    for (let round = 0; round < rounds; round++) {
      const connection = new EtcdConnection({ endpoints: [await start()] });
      const told = { answers: 0 };
      const running = Array.from({ length: clients }, (_, c) =>
        run(connection, seededRandom(seed + round * 1000 + c), `r${round}c${c}`, histories, told),
      );
      const enough = answersPerRound + (seed % 300);
      while (told.answers < enough) await new Promise((resolve) => setTimeout(resolve, 5));
      await kill();
      await Promise.all(running);
      connection.close();
    }
    // What is there in the end is part of every history.
    const connection = new EtcdConnection({ endpoints: [await start()] });
    for (const [key, history] of histories) {
      const operation: Operation = {
        kind: 'read',
        calledAt: performance.now(),
        answeredAt: undefined,
        value: undefined,
        revision: undefined,
      };
      await perform(connection, key, operation);
      operation.answeredAt = performance.now();
      history.push(operation);
      checkHistory(key, history);
    }
    connection.close();
    const operations = [...histories.values()].flat();
    console.log(
      `crash: ${operations.length} operations, ` +
        `${operations.filter((o) => o.answeredAt === undefined).length} without an answer`,
    );
    expect(operations.length).toBeGreaterThan(rounds * answersPerRound);
    await kill();
  }, 120_000);
});

describe('the checker', () => {
  const at = (
    kind: Operation['kind'],
    calledAt: number,
    answeredAt: number | undefined,
    revision: number | undefined,
    value?: string,
  ): Operation => ({ kind, calledAt, answeredAt, revision, value });
  test('finds a lost write, a stale read and a double revision', () => {
    const write = at('write', 0, 1, 5, 'a');
    expect(() => checkHistory('k', [write, at('read', 2, 3, 0)])).toThrow(/back in time/);
    expect(() =>
      checkHistory('k', [write, at('write', 2, 3, 6, 'b'), at('read', 4, 5, 5, 'a')]),
    ).toThrow(/back in time/);
    expect(() => checkHistory('k', [write, at('write', 0, 1, 5, 'b')])).toThrow(/two writes/);
    expect(() =>
      checkHistory('k', [
        write,
        { ...at('write', 2, undefined, undefined, 'b') },
        at('read', 4, 5, 6, 'b'),
        at('read', 6, 7, 5, 'a'),
      ]),
    ).toThrow(/back in time/);
    expect(() =>
      checkHistory('k', [
        write,
        { ...at('write', 2, undefined, undefined, 'b') },
        at('read', 4, 5, 5, 'a'),
      ]),
    ).not.toThrow();
  });
});
