import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom, type Random } from '../io/random.ts';
import { testSeed } from '../io/test-seed.ts';
import { startPostgres, type PostgresProcess } from '../store/postgres/testing/postgres-process.ts';
import { until } from '../store/postgres/testing/until.ts';
import type { RangeResponse, WatchResponse } from '../wire/etcd/types.ts';
import { EtcdConnection } from './client/connection.ts';
import { checkHistory, type Operation } from './testing/linearizability.ts';
import { perform } from './testing/perform.ts';

const clientsPerServer = 24;
const keys = 8;
const answersPerRound = 1200;
const rounds = Number(process.env['SKIFF_CRASHES'] ?? 6);

/** One skiff server that shares the database; it can die and come back under another port. */
class Member {
  readonly #endpoint: string;
  #child: ChildProcess | undefined;
  connection: EtcdConnection | undefined;
  url = '';

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  async start(): Promise<void> {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'testing/postgres-server.ts'), this.#endpoint],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    this.#child = child;
    this.url = await new Promise((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
      child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
    });
    this.connection = new EtcdConnection({ endpoints: [this.url] });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.connection?.close();
    this.connection = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}

interface Told {
  answers: number;
  over: boolean;
}

/** Reads, writes and swaps at one server as long as the test runs, through all its lives. */
async function client(
  member: Member,
  random: Random,
  name: string,
  histories: Map<string, Operation[]>,
  told: Told,
): Promise<void> {
  for (let i = 0; !told.over; i++) {
    const { connection } = member;
    if (connection === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      continue;
    }
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
      await perform(connection, key, operation);
      operation.answeredAt = performance.now();
      told.answers++;
    } catch {
      // Without an answer it may have happened, or happen yet.
      if (kind === 'read')
        histories.get(key)?.splice(histories.get(key)?.indexOf(operation) ?? 0, 1);
    }
  }
}

/** Every revision a server tells a watch from the beginning, as `revision key version`. */
async function allEvents(url: string, upTo: number): Promise<string[]> {
  const connection = new EtcdConnection({ endpoints: [url] });
  const seen: string[] = [];
  let last = 0;
  const stream = connection.stream<WatchResponse>('Watch/Watch', 'WatchResponse', {
    data: ({ events }) => {
      for (const { kv } of events) {
        seen.push(`${kv.modRevision} ${kv.key} ${kv.version}`);
        last = kv.modRevision;
      }
    },
    ended: () => undefined,
  });
  stream.send('WatchRequest', { createRequest: { key: '\0', rangeEnd: '\0', startRevision: 1 } });
  await until(() => last >= upTo);
  stream.cancel();
  connection.close();
  return seen;
}

describe('two servers on one PostgreSQL', () => {
  let postgres: PostgresProcess;
  const members: Member[] = [];

  beforeAll(async () => {
    postgres = await startPostgres();
    for (let i = 0; i < 2; i++) members.push(new Member(postgres.url('crash')));
    for (const member of members) await member.start();
  });
  afterAll(async () => {
    for (const member of members) await member.kill();
    await postgres?.stop();
  });

  test(
    `${clientsPerServer * 2} clients see a linearizable history over ${rounds} crashes of ` +
      'servers, connections and the database',
    async () => {
      const seed = testSeed();
      console.log(`crash seed ${seed}`);
      const random = seededRandom(seed);
      const histories = new Map<string, Operation[]>(
        Array.from({ length: keys }, (_, i) => [`key${i}`, []]),
      );
      const told: Told = { answers: 0, over: false };
      const running = members.flatMap((member, m) =>
        Array.from({ length: clientsPerServer }, (_, c) =>
          client(member, seededRandom(seed + m * 1000 + c), `m${m}c${c}`, histories, told),
        ),
      );
      for (let round = 0; round < rounds; round++) {
        const enough = told.answers + answersPerRound + random.int(300);
        await until(() => told.answers >= enough, 60_000);
        const kind = round % 3;
        if (kind === 0)
          await postgres.sql(
            'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ' +
              "'skiff'",
          );
        if (kind === 1) {
          const member = members[random.int(2)] as Member;
          await member.kill();
          await member.start();
        }
        if (kind === 2) {
          await postgres.halt('immediate');
          await postgres.start();
        }
      }
      const enough = told.answers + answersPerRound;
      await until(() => told.answers >= enough, 60_000);
      told.over = true;
      await Promise.all(running);
      // What is there in the end is part of every history, whomever one asks.
      for (const [key, history] of histories) {
        for (const { connection } of members) {
          const operation: Operation = {
            kind: 'read',
            calledAt: performance.now(),
            answeredAt: undefined,
            value: undefined,
            revision: undefined,
          };
          await perform(connection as EtcdConnection, key, operation);
          operation.answeredAt = performance.now();
          history.push(operation);
        }
        checkHistory(key, history);
      }
      const { header } = await (
        (members[0] as Member).connection as EtcdConnection
      ).call<RangeResponse>('KV/Range', ['RangeRequest', { key: 'key0' }], 'RangeResponse');
      const [one, other] = await Promise.all(
        members.map(({ url }) => allEvents(url, header.revision)),
      );
      expect(other).toEqual(one);
      // One event a revision, and none missing.
      expect(one?.map((event) => Number(event.split(' ')[0]))).toEqual(
        Array.from({ length: header.revision - 1 }, (_, i) => i + 2),
      );
      const operations = [...histories.values()].flat();
      console.log(
        `crash: ${operations.length} operations, ` +
          `${operations.filter((o) => o.answeredAt === undefined).length} without an answer, ` +
          `revision ${header.revision}`,
      );
    },
    180_000,
  );
});
