import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { partOf } from '../../base/testing/part-of.ts';
import { realClock } from '../../io/clock.ts';
import { silentLog } from '../../io/log.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { snapshotStopped } from '../../store/sqlite/upkeep.ts';
import type { ServerConfig } from '../config.ts';
import { realDoors } from '../doors.ts';
import { loadingDir, marker, refuseHalfLoaded, type Manifest } from './contents.ts';
import { loadCapsule } from './load.ts';
import { saveCapsule } from './save.ts';

const doors = { ...realDoors(false), log: silentLog };
const passphrase = 'correct horse battery staple';
let dir: string;

beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'skiff-capsule-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A machine in a folder of its own. */
const machine = (name: string): ServerConfig =>
  partOf<ServerConfig>({
    dataDir: join(dir, name, 'data'),
    runDir: join(dir, name, 'run'),
    configDir: join(dir, name, 'etc'),
    nodeName: 'boat',
    nodeIps: [],
    nodeExternalIps: [],
  });

function write(path: string, text: string): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
}

/** A server that was stopped, and its capsule. */
async function saved({ volumes = false } = {}): Promise<{ file: string; manifest: Manifest }> {
  const config = machine('old');
  const db = join(config.dataDir, 'server/db');
  mkdirSync(db, { recursive: true });
  const store = await openSqliteStore({ dir: db, clock: realClock, log: silentLog });
  await store.put({ key: '/registry/configmaps/default/a', value: Buffer.from('of old') });
  await store.close();
  write(join(config.dataDir, 'server/tls/server-ca.crt'), 'an authority');
  write(join(config.dataDir, 'server/token'), 'a token');
  write(join(config.dataDir, 'agent/node-name'), 'boat\n');
  write(join(config.dataDir, 'agent/logs/pod.log'), 'what nobody needs');
  write(join(config.dataDir, 'storage/pvc-1/file'), 'of a pod');
  write(join(config.configDir, 'config.yaml'), 'cluster-domain: factory.local\n');
  write(join(config.configDir, 'skiff.yaml'), 'a kubeconfig');
  const file = join(dir, 'capsule');
  const manifest = await saveCapsule({
    config,
    doors,
    file,
    seal: { passphrase },
    volumes,
    pid: undefined,
    async snapshot(folder) {
      await snapshotStopped(db, join(folder, 'copy'));
      return join(folder, 'copy');
    },
  });
  return { file, manifest };
}

const load = (file: string, words = passphrase, on = machine('new')): Promise<string[]> =>
  loadCapsule({
    ...on,
    doors,
    file,
    key: { passphrase: words },
    configOf: async (_, dataDir) => ({ ...on, dataDir }),
  });

const text = (...path: string[]): string => readFileSync(join(dir, ...path), 'utf8');

async function valueOf(on: ServerConfig): Promise<string> {
  const store = await openSqliteStore({
    dir: join(on.dataDir, 'server/db'),
    clock: realClock,
    log: silentLog,
  });
  const { kvs } = await store.range({ key: '/registry/configmaps/default/a' });
  await store.close();
  return Buffer.from(kvs[0]?.value ?? '').toString();
}

describe('a capsule', () => {
  it('brings datastore, keys, names and configuration, nothing that is made again', async () => {
    const { file } = await saved();
    const said = await load(file);
    expect(said.join('\n')).toMatch(/node boat .*revision \d+.*\n.*local volumes were not in it/s);
    expect(await valueOf(machine('new'))).toBe('of old');
    expect(text('new/data/server/token')).toBe('a token');
    expect(text('new/data/agent/node-name')).toBe('boat\n');
    expect(readdirSync(join(dir, 'new/data/agent'))).toEqual(['node-name']);
    expect(text('new/etc/config.yaml')).toBe('cluster-domain: factory.local\n');
    expect(readdirSync(join(dir, 'new/etc'))).toEqual(['config.yaml']);
    expect(existsSync(join(dir, 'new/data/storage'))).toBe(false);
    expect(existsSync(loadingDir(machine('new').dataDir))).toBe(false);
    expect(readdirSync(join(dir, 'old/data/server')).toSorted()).toEqual(['db', 'tls', 'token']);
  });

  it('keeps a configuration that is there, under another name', async () => {
    const { file } = await saved();
    write(join(dir, 'new/etc/config.yaml'), 'mine: true\n');
    expect((await load(file)).join('\n')).toContain('config.yaml.before-capsule');
    expect(text('new/etc/config.yaml.before-capsule')).toBe('mine: true\n');
    expect(text('new/etc/config.yaml')).toBe('cluster-domain: factory.local\n');
  });

  it('puts volumes where the objects say, and over nothing', async () => {
    const { file, manifest } = await saved({ volumes: true });
    expect(manifest.volumes).toBe(join(dir, 'old/data/storage'));
    await expect(load(file)).rejects.toThrow(/the volumes belong to .* something is there/);
    expect(existsSync(join(dir, 'new/data/server'))).toBe(false);
    rmSync(join(dir, 'old/data/storage'), { recursive: true });
    await load(file);
    expect(text('old/data/storage/pvc-1/file')).toBe('of a pod');
  });

  it('leaves no trace when it cannot be opened', async () => {
    const { file } = await saved();
    await expect(load(file, 'wrong')).rejects.toThrow(/another passphrase/);
    const bytes = readFileSync(file);
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    await expect(load(file)).rejects.toThrow(/is damaged/);
    expect(readdirSync(join(dir, 'new/data'))).toEqual([]);
  });

  it('is saved where a server is, and loaded where none is', async () => {
    const { file } = await saved();
    await expect(load(file, passphrase, machine('old'))).rejects.toThrow(/there is a server/);
    const empty = machine('empty');
    await expect(
      saveCapsule({
        config: empty,
        doors,
        file: join(dir, 'another'),
        seal: { passphrase },
        volumes: false,
        pid: undefined,
        snapshot: () => Promise.reject(new Error('never asked')),
      }),
    ).rejects.toThrow(/there is no server/);
  });

  it('that was cut while it was placed is finished, and keeps the server away', async () => {
    const { file } = await saved();
    const on = machine('new');
    // The power goes when the server is to be put in its place.
    const cut = {
      ...doors,
      spawn: {
        ...doors.spawn,
        run: (op: string, command: string[]) =>
          command[0] === 'rmdir'
            ? Promise.reject(new Error('the power is gone'))
            : doors.spawn.run(op, command),
      },
    };
    const configOf = async (_: string, dataDir: string): Promise<ServerConfig> => ({
      ...on,
      dataDir,
    });
    const options = { ...on, file, key: { passphrase }, configOf };
    await expect(loadCapsule({ ...options, doors: cut })).rejects.toThrow(/the power is gone/);
    expect(existsSync(join(loadingDir(on.dataDir), marker))).toBe(true);
    expect(existsSync(join(on.dataDir, 'server'))).toBe(false);
    await expect(refuseHalfLoaded(on, doors)).rejects.toThrow(/capsule was being loaded/);
    expect((await load(file))[0]).toBe('a load that was cut is finished');
    await refuseHalfLoaded(on, doors);
    expect(await valueOf(on)).toBe('of old');
    expect(text('new/etc/config.yaml')).toBe('cluster-domain: factory.local\n');
  });
});
