import { randomBytes } from 'node:crypto';
import {
  cpSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster, until } from './node.ts';

/**
 * Every file that skiff makes below its data directory and /etc/skiff, damaged while it does not
 * run: what can be made again is, what cannot is named in one line that says what to do. A file
 * that this table does not know fails the test.
 */
const healed = 'is made again';
const refused = 'is named, and the server does not start';
const theirs = 'has tests of its own';
const table: [file: RegExp, what: typeof healed | typeof refused | typeof theirs][] = [
  // From their copy in the datastore.
  [/^var\/lib\/skiff\/server\/tls\/(server|client|request-header)-ca\.(crt|key)$/, healed],
  [/^var\/lib\/skiff\/server\/tls\/service\.key$/, healed],
  [/^var\/lib\/skiff\/server\/tls\/(serving|client)-[a-z-]+\.(crt|key)$/, healed],
  [/^var\/lib\/skiff\/server\/(token|node-token)$/, healed], // of each other
  [/^var\/lib\/skiff\/server\/agent-token$/, healed],
  [/^var\/lib\/skiff\/server\/manifests\.state$/, healed],
  [/^var\/lib\/skiff\/server\/cred\/encryption-keys\.json$/, refused],
  [/^var\/lib\/skiff\/server\/db\//, theirs],
  [/^var\/lib\/skiff\/(ledger|last-time)$/, healed],
  [/^var\/lib\/skiff\/agent\/(serving|client)-kubelet\.(crt|key)$/, healed],
  [/^var\/lib\/skiff\/agent\/(server|client)-ca\.crt$/, healed], // copies
  [/^var\/lib\/skiff\/agent\/(pod-cidr|node-name)$/, healed],
  [/^var\/lib\/skiff\/agent\/etc\//, healed],
  [/^var\/lib\/skiff\/agent\/containerd\//, theirs],
  [/^var\/lib\/skiff\/agent\/desired\//, theirs],
  [/^var\/lib\/skiff\/data\//, theirs], // unpacked by content hash
  [/^etc\/skiff\/skiff\.yaml$/, healed],
];
const damages: [what: string, damage: (path: string) => void][] = [
  ['empty', (path) => truncateSync(path)],
  ['cut off', (path) => truncateSync(path, Math.floor(statSync(path).size / 2))],
  ['garbage', (path) => writeFileSync(path, randomBytes(200))],
];

const cluster = new TestCluster();
afterAll(() => cluster.down(false));
const disk = (file: string): string => join(cluster.node.disk, file);
const folders = ['var/lib/skiff', 'etc/skiff'];
const files = (): string[] =>
  folders.flatMap((folder) =>
    (readdirSync(disk(folder), { recursive: true }) as string[])
      .map((name) => join(folder, name))
      .filter((file) => statSync(disk(file), { throwIfNoEntry: false })?.isFile()),
  );
const whatOf = (file: string): string | undefined =>
  table.find(([pattern]) => pattern.test(file))?.[1];
const runs = (): boolean =>
  cluster.node.exec(['sh', '-c', 'kill -0 $(cat /run/skiff-server.pid)']).code === 0;
const stop = async (): Promise<void> => {
  cluster.killServer('KILL');
  await until('the server is gone', () => !runs(), { timeoutMs: 10_000 });
};
const restore = (): void => {
  for (const folder of folders)
    cpSync(`${disk(folder)}.whole`, disk(folder), {
      recursive: true,
      preserveTimestamps: true,
      force: true,
    });
};
/** Starts the server; says what it said, and whether it is ready or has ended. */
const start = async (...flags: string[]): Promise<{ ready: boolean; said: string }> => {
  const before = cluster.log().length;
  cluster.startServer(['--secrets-encryption', ...flags]);
  const said = (): string => cluster.log().slice(before);
  await until(
    'it is ready or has ended',
    () => said().includes('skiff server ready') || / ERROR skiff .*\)$/m.test(said()),
    { timeoutMs: 30_000, seen: said },
  );
  return { ready: said().includes('skiff server ready'), said: said() };
};

beforeAll(async () => {
  await cluster.up({ flags: ['--secrets-encryption'] });
  await stop();
  for (const folder of folders)
    cpSync(disk(folder), `${disk(folder)}.whole`, {
      recursive: true,
      filter: (path) => !path.endsWith('.sock'),
    });
});

afterEach(async () => {
  await stop();
  restore();
});

describe('a damaged file', () => {
  it('is one that the table knows', () => {
    expect(files().filter((file) => whatOf(file) === undefined)).toEqual([]);
  });

  it.each(damages)(
    'that can be made again, %s: all of them at once, and the node is as it was',
    async (_what, damage) => {
      const mine = files().filter(
        (file) => whatOf(file) === healed && !file.endsWith('server/node-token'),
      );
      const authority = readFileSync(disk('var/lib/skiff/server/tls/server-ca.crt'), 'utf8');
      const token = readFileSync(disk('var/lib/skiff/server/token'), 'utf8');
      for (const file of mine) damage(disk(file));
      const { ready, said } = await start();
      expect({ ready, stacks: said.match(/^\s+at .*/gm) ?? [] }, said).toEqual({
        ready: true,
        stacks: [],
      });
      await cluster.ready();
      expect(readFileSync(disk('var/lib/skiff/server/tls/server-ca.crt'), 'utf8')).toBe(authority);
      expect(readFileSync(disk('var/lib/skiff/server/token'), 'utf8')).toBe(token);
      for (const file of mine.filter((name) => name.endsWith('.crt')))
        expect(readFileSync(disk(file), 'utf8'), file).toMatch(
          /^-----BEGIN CERTIFICATE-----[^]*-----END CERTIFICATE-----\n$/,
        );
    },
  );

  it.each(damages)(
    'that cannot be made again, %s: one line with its name and what to do, and nothing in ' +
      'its place',
    async (what, damage) => {
      for (const file of files().filter((one) => whatOf(one) === refused)) {
        damage(disk(file));
        const damaged = readFileSync(disk(file));
        const { ready, said } = await start('--disable-agent');
        const lines = said.split('\n').filter((line) => / ERROR skiff |^\s+at /.test(line));
        expect({ file, what, ready, lines: lines.length }, said).toEqual({
          file,
          what,
          ready: false,
          lines: 1,
        });
        expect(lines[0]).toContain(`/${file} `);
        expect(lines[0]).toMatch(/\(put (it|the file) back/);
        expect(readFileSync(disk(file)).equals(damaged)).toBe(true);
        restore();
      }
    },
  );

  it('server/tls and the token are gone: no new authorities get the state', async () => {
    for (const name of ['tls', 'token', 'node-token'])
      rmSync(disk(`var/lib/skiff/server/${name}`), { recursive: true });
    const { ready, said } = await start('--disable-agent');
    expect(
      { ready, line: said.split('\n').filter((line) => / ERROR skiff /.test(line)).length },
      said,
    ).toEqual({ ready: false, line: 1 });
    expect(said).toMatch(
      /ERROR skiff \/var\/lib\/skiff\/server\/tls\/server-ca\.crt is missing, and the cluster of this data directory rests on it, and it cannot be restored from the datastore: .* with this token \(give the token/,
    );
    expect(readdirSync(disk('var/lib/skiff/server/tls'))).toEqual([]);
    restore();
    expect((await start('--disable-agent')).ready).toBe(true);
  });

  it('a token that is gone, and its copy: a new one is made, and that is said', async () => {
    for (const name of ['token', 'node-token']) rmSync(disk(`var/lib/skiff/server/${name}`));
    const { ready, said } = await start('--disable-agent');
    expect(ready).toBe(true);
    expect(said).toMatch(/WARN.*the token of this cluster was lost/);
  });
});
