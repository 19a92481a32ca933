import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { realClock } from '../../io/clock.ts';
import { realDisk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import { realRandom } from '../../io/random.ts';
import { issueCa, issueCert } from '../../pki/certificate.ts';
import type { Store } from '../store.ts';
import { openPostgresStore, type PostgresStoreOptions } from './open.ts';
import { startPostgres, type PostgresProcess } from './testing/postgres-process.ts';

const issuing = { nowMs: Date.now(), random: realRandom };
const authority = issueCa({ ...issuing, cn: 'test authority' });
const stranger = issueCa({ ...issuing, cn: 'another authority' });
const server = issueCert({
  ...issuing,
  ca: authority,
  cn: 'postgres',
  sans: ['localhost'],
  usages: ['server'],
});
const client = issueCert({ ...issuing, ca: authority, cn: 'certified', usages: ['client'] });

let postgres: PostgresProcess;
const stores: Store[] = [];

beforeAll(async () => {
  postgres = await startPostgres({
    files: { 'server.crt': server.cert, 'server.key': server.key, 'root.crt': authority.cert },
    settings: ['ssl=on', 'ssl_ca_file=root.crt'],
    hba: [
      'local all all scram-sha-256',
      'hostssl all certified 127.0.0.1/32 cert',
      'host all plain 127.0.0.1/32 scram-sha-256',
      'hostssl all postgres 127.0.0.1/32 scram-sha-256',
    ],
  });
  await postgres.sql("CREATE ROLE certified LOGIN; CREATE ROLE plain LOGIN PASSWORD 'p'");
  for (const owner of ['certified', 'plain'])
    await postgres.sql(`CREATE DATABASE ${owner} OWNER ${owner}`);
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});
afterAll(async () => await postgres?.stop());

async function open(endpoint: string, more: Partial<PostgresStoreOptions> = {}): Promise<Store> {
  const store = await openPostgresStore({
    endpoint,
    clock: realClock,
    disk: realDisk,
    log: silentLog,
    patienceMs: 0,
    ...more,
  });
  stores.push(store);
  return store;
}
async function works(store: Store): Promise<boolean> {
  const { revision } = await store.put({ key: 'a', value: Buffer.from('1') });
  return (await store.range({ key: 'a' })).kvs[0]?.modRevision === revision;
}
/** Who is connected how: 't' is TLS. */
const connections = async (): Promise<unknown> =>
  (
    await postgres.sql(
      'SELECT DISTINCT usename, ssl::text FROM pg_stat_activity a JOIN pg_stat_ssl s ON ' +
        "a.pid = s.pid WHERE application_name = 'skiff'",
    )
  ).map((row) => `${row['usename']} ${row['ssl']}`);

describe('a connection', () => {
  test('is encrypted where the server can, without being asked to', async () => {
    expect(await works(await open(postgres.url('prefer')))).toBe(true);
    expect(await connections()).toEqual(['postgres true']);
  });

  test('is not when told so, and the server may refuse that', async () => {
    await expect(open(postgres.url('prefer', '?sslmode=disable'))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/pg_hba/) as string,
      hint: expect.stringContaining('sslmode') as string,
    });
    expect(
      await works(
        await open(`postgres://plain:p@127.0.0.1:${postgres.port}/plain?sslmode=disable`),
      ),
    ).toBe(true);
    expect(await connections()).toEqual(['plain false']);
  });

  test('goes over a unix socket', async () => {
    const endpoint = postgres
      .url('socket', `?host=${encodeURIComponent(postgres.dir)}&port=${postgres.port}`)
      .replace(/@[^/]+\//, '@/');
    expect(await works(await open(endpoint))).toBe(true);
    expect(await connections()).toEqual(['postgres false']);
  });

  test('is verified with an authority: its name and its origin', async () => {
    const named = postgres.url('verified').replace('127.0.0.1', 'localhost');
    expect(await works(await open(named, { tls: { ca: authority.cert } }))).toBe(true);
    await expect(open(named, { tls: { ca: stranger.cert } })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      hint: expect.stringContaining('--datastore-cafile') as string,
    });
    // The certificate is for localhost only.
    await expect(
      open(postgres.url('verified'), { tls: { ca: authority.cert } }),
    ).rejects.toMatchObject({ message: expect.stringContaining('no secure connection') as string });
    expect(
      await works(
        await open(postgres.url('verified', '?sslmode=verify-ca'), { tls: { ca: authority.cert } }),
      ),
    ).toBe(true);
  });

  test('shows a certificate of its own in the place of a password', async () => {
    const path = (name: string, text: string): string => {
      writeFileSync(join(postgres.dir, name), text);
      return join(postgres.dir, name);
    };
    const files =
      `?sslrootcert=${path('ca.pem', authority.cert)}&sslcert=${path('cert.pem', client.cert)}&` +
      `sslkey=${path('key.pem', client.key)}`;
    expect(
      await works(await open(`postgres://certified@localhost:${postgres.port}/certified${files}`)),
    ).toBe(true);
    expect(await connections()).toEqual(['certified true']);
    await expect(
      open(`postgres://certified@localhost:${postgres.port}/certified`),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('goes to the host that takes writes', async () => {
    const standby = await startPostgres({ files: { 'standby.signal': '' } });
    try {
      const both = postgres.url('hosts').replace('@', `@127.0.0.1:1,127.0.0.1:${standby.port},`);
      expect(await works(await open(both))).toBe(true);
      await expect(open(standby.url('postgres'))).rejects.toMatchObject({
        message: expect.stringContaining('standby') as string,
      });
    } finally {
      await standby.stop();
    }
  });
});

describe('an endpoint that does not work says why', () => {
  test('nobody there', async () => {
    await expect(open('postgres://u:secret@127.0.0.1:1/x')).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(
        /^cannot reach PostgreSQL u@127\.0\.0\.1:1\/x: .*ECONNREFUSED/,
      ) as string,
      hint: expect.stringContaining('--datastore-endpoint') as string,
    });
  });

  test('a wrong password', async () => {
    const error: { message: string; hint: string } = await open(
      postgres.url('x').replace(/\/\/[^@]+@/, '//postgres:wrong@'),
    ).then(
      () => Promise.reject(new Error('it opened')),
      (thrown: unknown) => thrown as { message: string; hint: string },
    );
    expect(error).toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('refuses the password') as string,
      hint: expect.stringContaining('%40') as string,
    });
    expect(error.message).not.toContain('wrong');
    await expect(
      open(postgres.url('x').replace(/\/\/[^@]+@/, '//postgres@')),
    ).rejects.toMatchObject({ message: expect.stringContaining('password') as string });
  });

  test('a database that is missing and may not be made, tables that may not be', async () => {
    await expect(
      open(`postgres://plain:p@127.0.0.1:${postgres.port}/missing`),
    ).rejects.toMatchObject({
      message: expect.stringContaining('"missing" does not exist') as string,
      hint: expect.stringContaining('make the database') as string,
    });
    await postgres.sql('CREATE DATABASE closed');
    await postgres.sql('REVOKE CREATE ON SCHEMA public FROM PUBLIC', 'closed');
    await expect(
      open(`postgres://plain:p@127.0.0.1:${postgres.port}/closed`),
    ).rejects.toMatchObject({
      message: expect.stringContaining('permission denied') as string,
      hint: expect.stringContaining('own the database') as string,
    });
  });

  test('tables of a newer version, also while a server runs', async () => {
    const store = await open(postgres.url('newer'));
    await store.put({ key: 'a', value: Buffer.from('1') });
    await postgres.sql('UPDATE skiff_head SET format = 99', 'newer');
    await expect(open(postgres.url('newer'))).rejects.toMatchObject({
      message: expect.stringContaining('newer version') as string,
      hint: expect.stringContaining('newer version') as string,
    });
    await expect(store.range({ key: 'a' })).rejects.toMatchObject({
      message: expect.stringContaining('newer version') as string,
    });
  });

  test('a damaged row', async () => {
    const store = await open(postgres.url('damaged'));
    await store.put({ key: 'a', value: Buffer.from('precious') });
    await store.close();
    await postgres.sql(
      'UPDATE skiff_log SET bytes = set_byte(bytes, octet_length(bytes) - 1, 0) WHERE seq = 1',
      'damaged',
    );
    await expect(open(postgres.url('damaged'))).rejects.toMatchObject({
      code: 'CORRUPT',
      message: expect.stringContaining('row 1 of the log is damaged') as string,
      hint: expect.stringContaining('backup') as string,
    });
  });

  test('a disk without room refuses the write and nothing else', async () => {
    const store = await open(postgres.url('full'));
    await store.put({ key: 'a', value: Buffer.from('1') });
    await postgres.sql(
      'CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE ' +
        "disk_full USING MESSAGE = 'could not extend file: No space left on device'; END $$; " +
        'CREATE TRIGGER full_disk BEFORE INSERT ON skiff_log EXECUTE FUNCTION full_disk()',
      'full',
    );
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, (_, i) => store.put({ key: `b${i}`, value: Buffer.from('2') })),
    );
    expect(
      outcomes.map((o) =>
        o.status === 'rejected' ? (o.reason as { code: string }).code : o.status,
      ),
    ).toEqual(Array.from({ length: 5 }, () => 'NO_SPACE'));
    expect(await store.range({ key: '\0', end: '\0' })).toMatchObject({ revision: 2, count: 1 });
    await postgres.sql('DROP TRIGGER full_disk ON skiff_log', 'full');
    expect(await store.put({ key: 'b', value: Buffer.from('3') })).toEqual({ revision: 3 });
  });
});
