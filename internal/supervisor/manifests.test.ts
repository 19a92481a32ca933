import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ResourceRef } from '../api/object.ts';
import { startDevServer, type DevServer } from '../apiserver/dev.ts';
import { silentLog } from '../io/log.ts';
import { realDoors } from './doors.ts';
import { findManifests } from './manifest-files.ts';
import { applyFolder, startManifests, type ManifestsOptions } from './manifests.ts';

const configMaps: ResourceRef = {
  group: '',
  version: 'v1',
  resource: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};
const doors = { ...realDoors(false), log: silentLog };
let dir: string;
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), 'manifests-'))));
afterEach(() => rm(dir, { recursive: true }));

async function put(path: string, text = ''): Promise<void> {
  await mkdir(dirname(join(dir, path)), { recursive: true });
  await writeFile(join(dir, path), text);
}
const map = (name: string, value = '1'): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: default}\ndata: {v: ` +
  `"${value}"}\n`;

describe('finding', () => {
  test('goes into folders, follows links at the top; no hidden, no skipped names', async () => {
    for (const path of [
      'b.yaml',
      'a.json',
      'c.txt',
      '.d.yaml',
      'sub/e.yml',
      'sub/deep/f.yaml',
      '.git/g.yaml',
      'h.yaml',
      'h.yaml.skip',
      'old/i.yaml',
      'old.skip',
      'sub/j.yaml',
      'sub/j.yaml.skip',
    ])
      await put(path);
    await mkdir(join(dir, '../elsewhere-' + dir.slice(-6)));
    const elsewhere = join(dir, '../elsewhere-' + dir.slice(-6));
    await writeFile(join(elsewhere, 'k.yaml'), '');
    await symlink(elsewhere, join(dir, 'linked'));
    await symlink(dir, join(dir, 'sub/round'));
    await symlink('/nowhere', join(dir, 'broken'));
    await symlink(dir, join(dir, 'self'));
    const { files, folders } = await findManifests(doors.disk, dir);
    expect(files.filter((file) => !file.startsWith('self/'))).toEqual([
      'a.json',
      'b.yaml',
      'linked/k.yaml',
      'sub/deep/f.yaml',
      'sub/e.yml',
    ]);
    expect(folders.filter((folder) => !folder.includes('self'))).toEqual([
      dir,
      join(dir, 'linked'),
      join(dir, 'sub'),
      join(dir, 'sub/deep'),
    ]);
    expect(files.length).toBeLessThan(200);
    await rm(elsewhere, { recursive: true });
  });

  test.each([
    [
      ['traefik'],
      ['traefik.yaml', 'x/traefik.yml'],
      ['metrics-server/a.yaml', 'metrics-server/b/c.yaml', 'traefik2.yaml'],
    ],
    [
      ['metrics-server'],
      ['metrics-server/a.yaml', 'metrics-server/b/c.yaml'],
      ['traefik.yaml', 'traefik2.yaml', 'x/traefik.yml'],
    ],
    [
      ['metrics-server/b'],
      ['metrics-server/b/c.yaml'],
      ['metrics-server/a.yaml', 'traefik.yaml', 'traefik2.yaml', 'x/traefik.yml'],
    ],
    [
      ['constructor', 'b'],
      [],
      [
        'metrics-server/a.yaml',
        'metrics-server/b/c.yaml',
        'traefik.yaml',
        'traefik2.yaml',
        'x/traefik.yml',
      ],
    ],
  ])('disable %j', async (disable, disabled, files) => {
    for (const path of [
      'traefik.yaml',
      'traefik2.yaml',
      'x/traefik.yml',
      'metrics-server/a.yaml',
      'metrics-server/b/c.yaml',
    ])
      await put(path);
    expect(await findManifests(doors.disk, dir, disable)).toMatchObject({ disabled, files });
  });
});

describe('applying', () => {
  let server: DevServer;
  let options: ManifestsOptions;
  const there = async (name: string): Promise<boolean> =>
    await options.client.get(configMaps, { namespace: 'default', name }).then(
      () => true,
      () => false,
    );
  beforeEach(async () => {
    server = await startDevServer({});
    options = {
      dir: join(dir, 'm'),
      statePath: join(dir, 'state'),
      client: server.api.inProcess({ name: 'admin', groups: ['system:masters'] }),
      resolve: () => configMaps,
      doors,
    };
  });
  afterEach(() => server.api.close());

  test('what is disabled is taken away, its file too', async () => {
    await put('m/keep.yaml', map('keep'));
    await put('m/extra/gone.yaml', map('gone'));
    expect(await applyFolder(options)).toBe(true);
    expect([await there('keep'), await there('gone')]).toEqual([true, true]);
    expect(await applyFolder({ ...options, disable: ['extra'] })).toBe(true);
    expect([await there('keep'), await there('gone')]).toEqual([true, false]);
    await expect(stat(join(dir, 'm/extra/gone.yaml'))).rejects.toThrow(/ENOENT/);
    // Without the flag and with the file put back it is there again.
    await put('m/extra/gone.yaml', map('gone'));
    await applyFolder(options);
    expect(await there('gone')).toBe(true);
  });

  test('a file dropped into a new folder below is applied while the server runs', async () => {
    const running = await startManifests(options);
    await put('m/new/deep/late.yaml', map('late'));
    await expect.poll(() => there('late'), { timeout: 20_000 }).toBe(true);
    await put('m/new/deep/later.yaml', map('later'));
    await expect.poll(() => there('later'), { timeout: 20_000 }).toBe(true);
    await running.stop();
  });
});
