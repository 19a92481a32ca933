/**
 * The store on PostgreSQL against the same rows inserted by hand, in alternation on one server with
 * synchronous commits: puts a second of 1 and of 64 clients, reads, two servers at once, and how
 * long a write takes to reach the other server. `postgres.ts [ROUNDS]`. Needs Debian's postgresql;
 * its data lies in /var/tmp.
 */
import pg from 'pg';
import { realClock } from '../../internal/io/clock.ts';
import { realDisk } from '../../internal/io/disk.ts';
import { silentLog } from '../../internal/io/log.ts';
import { openPostgresStore } from '../../internal/store/postgres/open.ts';
import {
  password,
  startPostgres,
  type PostgresProcess,
} from '../../internal/store/postgres/testing/postgres-process.ts';
import type { Store } from '../../internal/store/store.ts';

const rounds = Number(process.argv[2] ?? 3);
const spanMs = 2000;
const value = Buffer.alloc(450, 'v');
/** What the store adds to a value: key, revisions, checksum. */
const row = Buffer.alloc(480, 'r');

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const median = (list: number[]): number => list.sort((a, b) => a - b)[list.length >> 1] ?? 0;
const cpuUs = (): number => process.cpuUsage().user + process.cpuUsage().system;

/**
 * How often `act` was done a second by so many at once, and the processor time of this process for
 * each.
 */
async function rate(
  clients: number,
  act: (client: number, i: number) => Promise<unknown>,
): Promise<{ perSecond: number; us: number }> {
  const start = performance.now();
  const cpu = cpuUs();
  let done = 0;
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let i = 0; performance.now() - start < spanMs; i++, done++) await act(client, i);
    }),
  );
  return { perSecond: (done / (performance.now() - start)) * 1000, us: (cpuUs() - cpu) / done };
}

async function connect(postgres: PostgresProcess): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: postgres.port,
    user: 'postgres',
    password,
    database: 'raw',
  });
  await client.connect();
  return client;
}

async function measure(postgres: PostgresProcess): Promise<void> {
  await postgres.sql('CREATE DATABASE raw');
  await postgres.sql(
    'CREATE TABLE log (seq bigserial PRIMARY KEY, writer int NOT NULL, bytes bytea NOT NULL)',
    'raw',
  );
  const raw = await Promise.all(Array.from({ length: 64 }, () => connect(postgres)));
  const insert = (client: number): Promise<unknown> =>
    (raw[client] as pg.Client).query({
      name: 'insert',
      text: 'INSERT INTO log (writer, bytes) VALUES (1, $1)',
      values: [row],
    });
  const open = (): Promise<Store> =>
    openPostgresStore({
      endpoint: postgres.url('skiff', '?sslmode=disable'),
      clock: realClock,
      disk: realDisk,
      log: silentLog,
    });
  const a = await open();
  const put =
    (store: Store) =>
    (client: number, i: number): Promise<unknown> =>
      store.put({ key: `/registry/bench/${client}/${i % 100}`, value });
  const table: Record<string, number[]> = {};
  const note = (name: string, number: number): void => void (table[name] ??= []).push(number);
  for (let round = 0; round < rounds; round++) {
    for (const clients of [1, 64]) {
      const hand = await rate(clients, insert);
      const own = await rate(clients, put(a));
      note(`raw INSERT, ${clients} client(s), /s`, hand.perSecond);
      note(`put, ${clients} client(s), /s`, own.perSecond);
      note(`put, ${clients} client(s), CPU us each`, own.us);
      note(`put / raw, ${clients} client(s)`, own.perSecond / hand.perSecond);
      note(
        `linearizable get, ${clients} client(s), /s`,
        (await rate(clients, () => a.range({ key: '/registry/bench/0/1' }))).perSecond,
      );
    }
  }
  const b = await open();
  for (let round = 0; round < rounds; round++) {
    const both = await rate(64, (client, i) => put(client % 2 ? a : b)(client, i));
    note('put, 32 clients at each of two servers of one process, /s', both.perSecond);
    const delays: number[] = [];
    let arrived: (() => void) | undefined;
    const watch = b.watch({ key: 'ping', onEvents: () => arrived?.(), onEnd: () => undefined });
    for (let i = 0; i < 300; i++) {
      let at = 0;
      const seen = new Promise<void>(
        (resolve) =>
          (arrived = () => {
            at = performance.now();
            resolve();
          }),
      );
      await a.put({ key: 'ping', value });
      const answered = performance.now();
      await seen;
      delays.push(at - answered);
    }
    watch.cancel();
    note('event at B after the answer at A, median ms', median([...delays]));
    note(
      'event at B after the answer at A, 99 % ms',
      delays.sort((x, y) => x - y)[Math.floor(delays.length * 0.99)] ?? 0,
    );
  }
  for (const [name, numbers] of Object.entries(table))
    say(`${name.padEnd(62)} ${median(numbers).toFixed(2)}`);
  await Promise.all([a.close(), b.close(), ...raw.map((client) => client.end())]);
}

const postgres = await startPostgres({ durable: true, settings: ['max_connections=100'] });
try {
  await measure(postgres);
} finally {
  await postgres.stop();
}
