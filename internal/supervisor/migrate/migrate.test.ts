import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeProtobuf } from '../../api/codec/protobuf/envelope.ts';
import type { KubeObject } from '../../api/object.ts';
import { builtinScheme } from '../../api/scheme.ts';
import { silentLog } from '../../io/log.ts';
import { etcdFile } from '../../store/bolt/etcd-file.ts';
import { Rec } from '../../store/record.ts';
import { writeKineFile, type KineValue } from '../../store/sqlite/kine-file.fake.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { keyOf } from '../../store/store.ts';
import type { ServerConfig } from '../config.ts';
import { ownEncryption } from '../datastore-keys.ts';
import { realDoors } from '../doors.ts';
import { migrateFromK3s, undoMigration, type MigrateOptions } from './migrate.ts';

const scheme = builtinScheme();
const aesKey = Buffer.alloc(32, 7);
let dir: string;
let options: MigrateOptions;
let running: string[][] = [];

const at = (...parts: string[]): string => join(dir, ...parts);

async function put(path: string, text: string | Uint8Array = ''): Promise<void> {
  await mkdir(dirname(at(path)), { recursive: true });
  await writeFile(at(path), text);
}

function protobuf(object: object): Uint8Array {
  const info = scheme.kindOf(object as KubeObject);
  if (!info) throw new Error('no kind');
  return encodeProtobuf(info, object);
}

const configMap = (name: string, data: string, annotations?: Record<string, string>): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', uid: `u-${name}`, ...(annotations && { annotations }) },
  data: { a: data },
});
const secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 's', namespace: 'default', uid: 'u-s' },
  data: { p: 'czNjcjN0' },
  type: 'Opaque',
};
const addon = (name: string): Record<string, string> => ({
  'objectset.rio.cattle.io/owner-gvk': 'k3s.cattle.io/v1, Kind=Addon',
  'objectset.rio.cattle.io/owner-name': name,
});

/** As kube-apiserver's aescbc provider seals a value. */
function sealed(value: Uint8Array): Buffer {
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-cbc', aesKey, iv);
  return Buffer.concat([
    Buffer.from('k8s:enc:aescbc:v1:aescbckey:'),
    iv,
    cipher.update(value),
    cipher.final(),
  ]);
}

const writes = (): KineValue[] => [
  { name: '/registry/health', value: Buffer.from('{"health":"true"}') },
  { name: '/registry/configmaps/default/one', value: protobuf(configMap('one', 'old')) },
  { name: '/registry/configmaps/default/one', value: protobuf(configMap('one', 'new')) },
  { name: '/registry/configmaps/default/gone', value: protobuf(configMap('gone', 'x')) },
  { name: '/registry/configmaps/default/gone', value: Buffer.alloc(0), deleted: true },
  { name: '/registry/events/default/e', value: protobuf(configMap('e', 'x')), lease: 3600 },
  {
    name: '/registry/example.com/boats/default/b',
    value: Buffer.from(
      JSON.stringify({
        apiVersion: 'example.com/v1',
        kind: 'Boat',
        metadata: { name: 'b', namespace: 'default', uid: 'u-b' },
      }),
    ),
  },
  {
    name: '/registry/configmaps/kube-system/coredns',
    value: protobuf(configMap('coredns', 'x', addon('coredns'))),
  },
  {
    name: '/registry/configmaps/kube-system/traefik',
    value: protobuf(configMap('traefik', 'x', addon('traefik'))),
  },
  { name: '/registry/masterleases/10.0.0.1', value: protobuf(configMap('m', 'x')), lease: 15 },
  { name: '/registry/secrets/default/s', value: sealed(protobuf(secret)) },
  { name: '/registry/widgets/default/w', value: Buffer.from('not an object') },
  { name: 'gap-7', value: Buffer.alloc(0) },
];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'migrate-'));
  running = [];
  const real = realDoors(false);
  const doors = {
    ...real,
    log: silentLog,
    processes: {
      ...real.processes,
      list: () =>
        Promise.resolve(
          running.map((command, i) => ({ ppid: 1, pid: 4242 + i, command }) as never),
        ),
    },
  };
  options = {
    from: at('k3s'),
    datastore: undefined,
    dataDir: at('skiff'),
    runDir: at('run'),
    dryRun: false,
    configFiles: new Map([[at('etc/config.yaml'), 'debug: true\n']]),
    doors,
  };
  for (const name of ['server-ca', 'client-ca', 'request-header-ca'])
    for (const end of ['crt', 'key']) await put(`k3s/server/tls/${name}.${end}`, `${name}.${end}`);
  await put('k3s/server/tls/service.key', 'service key');
  await put('k3s/server/token', 'K10abc::server:secret\n');
  await put('k3s/server/manifests/coredns.yaml', 'x');
  await put('k3s/server/manifests/mine.yaml', 'mine');
  await put('k3s/server/manifests/sub/other.yaml', 'other');
  await put('k3s/agent/images/a.tar', 'tar');
  await put('k3s/storage/pvc-1_default_data/file', 'data');
  await put(
    'k3s/server/cred/encryption-config.json',
    JSON.stringify({
      resources: [
        {
          resources: ['secrets'],
          providers: [
            { aescbc: { keys: [{ name: 'aescbckey', secret: aesKey.toString('base64') }] } },
            { identity: {} },
          ],
        },
      ],
    }),
  );
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function tree(of: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(of, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile())
      found[path.slice(of.length)] = `${createHash('sha256')
        .update(await readFile(path))
        .digest('hex')} ${(await stat(path)).mtimeMs}`;
  }
  return found;
}

async function migrated(): Promise<{
  keys: string[];
  value(key: string): Promise<Uint8Array | undefined>;
  revisionOf(key: string): Promise<number | undefined>;
  close(): Promise<void>;
}> {
  const { doors } = options;
  const encryption = await ownEncryption({
    config: { dataDir: options.dataDir } as ServerConfig,
    doors,
  });
  const store = await openSqliteStore({
    ...doors,
    dir: join(options.dataDir, 'server/db'),
    encryption,
  });
  const get = async (key: string) => (await store.range({ key: keyOf(key) })).kvs[0];
  const { kvs } = await store.range({ key: '\0', end: '\0' });
  return {
    keys: kvs.map((kv) => kv.key),
    value: async (key) => (await get(key))?.value,
    revisionOf: async (key) => (await get(key))?.modRevision,
    close: () => store.close(),
  };
}

describe('from SQLite as kine keeps it', () => {
  let file: { close(): void };
  beforeEach(async () => {
    await put('k3s/server/db/x');
    // The file is left open: its newest rows are in the write-ahead log only.
    file = await writeKineFile(at('k3s/server/db/state.db'), writes());
  });
  afterEach(() => file.close());

  test('a dry run says what would be done and changes nothing', async () => {
    const before = await tree(dir);
    running = [['/usr/local/bin/k3s', 'server']];
    const lines = await migrateFromK3s({ ...options, dryRun: true });
    expect(await tree(dir)).toEqual(before);
    expect(await readdir(dir)).toEqual(['k3s']);
    expect(lines.join('\n')).toMatch(
      /SQLite, revision 14[\s\S]*objects: 4, some of them encrypted[\s\S]*skiff has it inside: \/registry\/configmaps\/kube-system\/coredns[\s\S]*cannot be read[\s\S]*authorities: 7[\s\S]*manifests: 2[\s\S]*nothing was changed/,
    );
  });

  test('objects, authorities, token, manifests, configuration come over; k3s stays', async () => {
    const before = await tree(options.from);
    const lines = await migrateFromK3s(options);
    expect(await tree(options.from)).toEqual(before);
    expect(lines.join('\n')).toContain(
      `volume, used where it is: ${at('k3s/storage/pvc-1_default_data')}`,
    );
    const store = await migrated();
    expect(store.keys).toEqual([
      '/registry/configmaps/default/one',
      '/registry/configmaps/kube-system/traefik',
      '/registry/example.com/boats/default/b',
      '/registry/secrets/default/s',
    ]);
    expect(
      Buffer.from((await store.value('/registry/configmaps/default/one')) ?? []).equals(
        protobuf(configMap('one', 'new')),
      ),
    ).toBe(true);
    expect(await store.revisionOf('/registry/configmaps/default/one')).toBe(4);
    expect(
      Buffer.from((await store.value('/registry/secrets/default/s')) ?? []).equals(
        protobuf(secret),
      ),
    ).toBe(true);
    await store.close();
    // What k3s encrypted is not in the clear here either.
    const raw = await readFile(join(options.dataDir, 'server/db/store.db'));
    expect(raw.includes('s3cr3t')).toBe(false);
    expect(raw.includes('new')).toBe(true);
    expect(await readFile(join(options.dataDir, 'server/tls/client-ca.key'), 'utf8')).toBe(
      'client-ca.key',
    );
    expect(await readFile(join(options.dataDir, 'server/token'), 'utf8')).toBe(
      'K10abc::server:secret\n',
    );
    expect((await readdir(join(options.dataDir, 'server/manifests'))).sort()).toEqual([
      'mine.yaml',
      'sub',
    ]);
    expect(await readdir(join(options.dataDir, 'agent/images'))).toEqual(['a.tar']);
    expect(await readFile(at('etc/config.yaml'), 'utf8')).toBe('debug: true\n');
  });

  test('undo lays it aside, and a second migration is possible', async () => {
    await migrateFromK3s(options);
    const lines = await undoMigration(options);
    expect(lines[0]).toMatch(/laid aside as .*server\.undone-\d+/);
    await expect(stat(at('etc/config.yaml'))).rejects.toThrow(/ENOENT/);
    await expect(stat(join(options.dataDir, 'server'))).rejects.toThrow(/ENOENT/);
    await expect(undoMigration(options)).rejects.toThrow(/no migration to undo/);
    await migrateFromK3s(options);
    await put('etc/config.yaml', 'debug: false\n');
    expect((await undoMigration(options)).join('\n')).toContain('was changed since and stays');
  });

  test.each([
    [
      'while k3s runs',
      async () => void (running = [['/usr/local/bin/k3s', 'server']]),
      /k3s is running \(process 4242\)/,
    ],
    ['where skiff is already', () => put('skiff/server/db/store.db'), /there is a server of skiff/],
    [
      'without the key',
      () => put('k3s/server/cred/encryption-config.json', '{}'),
      /encrypted with the key "aescbckey", which is not in/,
    ],
    [
      'with another key',
      () =>
        put(
          'k3s/server/cred/encryption-config.json',
          JSON.stringify({
            resources: [
              {
                providers: [
                  {
                    aescbc: {
                      keys: [{ name: 'aescbckey', secret: Buffer.alloc(32, 8).toString('base64') }],
                    },
                  },
                ],
              },
            ],
          }),
        ),
      /cannot be decrypted|cannot be read/,
    ],
    ['without a k3s', async () => void (options.from = at('nowhere')), /no server of k3s/],
    [
      'from a file that is none',
      async () => {
        await put('junk', 'x'.repeat(5000));
        options.datastore = at('junk');
      },
      /./,
    ],
  ] as [string, () => Promise<void>, RegExp][])(
    'refuses %s, and leaves nothing',
    async (_when, prepare, expected) => {
      await prepare();
      const before = await tree(dir);
      const outcome = await migrateFromK3s(options).then(
        (lines) => lines.join('\n'),
        (error: Error) => error.message,
      );
      expect(outcome).toMatch(expected);
      if (!outcome.includes('done.')) expect(await tree(dir)).toEqual(before);
    },
  );
});

test("from the file of k3s' etcd", async () => {
  const revisions = writes().filter((one) => !one.name.includes('secrets'));
  const recs = revisions.map(
    ({ name, value, lease = 0, deleted = false }, i) =>
      new Rec({
        key: keyOf(name),
        value,
        createRevision: i + 2,
        modRevision: i + 2,
        version: deleted ? 0 : 1,
        lease: String(lease),
        sub: 0,
        soft: false,
        prev: undefined,
      }),
  );
  const pages: Uint8Array[] = [];
  const made = etcdFile(
    { revision: 20, compactRevision: 0, recs, leases: [] },
    { memberId: '1', name: 'm', clientUrls: [], raftTerm: 1 },
  );
  let first: Uint8Array;
  for (;;) {
    const { done, value } = made.next();
    if (done) {
      first = value;
      break;
    }
    pages.push(value);
  }
  await put('k3s/server/db/etcd/member/snap/db', Buffer.concat([first, ...pages]));
  expect((await migrateFromK3s(options))[0]).toMatch(/\(etcd, revision/);
  const store = await migrated();
  expect(store.keys).toEqual([
    '/registry/configmaps/default/one',
    '/registry/configmaps/kube-system/traefik',
    '/registry/example.com/boats/default/b',
  ]);
  await store.close();
});
