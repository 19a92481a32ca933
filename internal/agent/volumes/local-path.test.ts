import { describe, expect, it } from 'vitest';
import { FakeFiles } from '../../io/disk.fake.ts';
import { FakeMounts } from '../../io/mounts.fake.ts';
import { LocalPaths } from './local-path.ts';

const root = '/var/lib/skiff/storage';

function setUp(): { files: FakeFiles; mounts: FakeMounts; paths: LocalPaths; users: string[] } {
  const files = new FakeFiles();
  const mounts = new FakeMounts();
  const users: string[] = [];
  const doors = { disk: files.disk, tree: files.tree, mounts };
  return { files, mounts, users, paths: new LocalPaths(doors, () => users) };
}

describe('a folder of the local-path provisioner', () => {
  it('is for everybody, below one for root alone, and is removed with its content', async () => {
    const { files, paths } = setUp();
    await paths.make({ root, path: 'pvc-1' });
    expect(await files.disk.stat('t', root)).toMatchObject({ kind: 'dir', mode: 0o700 });
    expect(await files.disk.stat('t', `${root}/pvc-1`)).toMatchObject({ mode: 0o777 });
    await files.tree.makeFile('t', `${root}/pvc-1/file`, 0o600);
    await paths.make({ root, path: 'pvc-1' });
    expect(await files.disk.stat('t', `${root}/pvc-1/file`)).toBeDefined();
    await paths.remove({ root, path: 'pvc-1' });
    expect(await files.disk.list('t', root)).toEqual([]);
    await paths.remove({ root, path: 'pvc-1' });
  });

  it.each([['..'], ['a/../../etc'], ['.'], [''], ['a//b'], ['/etc'], ['a\0b']])(
    'is never at %j',
    async (path) => {
      const { paths } = setUp();
      await expect(paths.make({ root, path })).rejects.toMatchObject({ status: 422 });
      await expect(paths.remove({ root, path })).rejects.toMatchObject({ status: 422 });
    },
  );

  it.each(['var/lib', '/', '', '/var/../etc'])('has no root %j', async (bad) => {
    const { paths } = setUp();
    await expect(paths.remove({ root: bad, path: 'x' })).rejects.toMatchObject({ status: 422 });
  });

  it('is not reached through a link that a pod put in its way', async () => {
    const { files, paths } = setUp();
    await files.disk.makeDir('t', '/etc', 0o755);
    await files.tree.makeFile('t', '/etc/precious', 0o600);
    await paths.make({ root, path: 'team/data' });
    await files.disk.remove('t', `${root}/team`);
    await files.tree.symlink('t', '/etc', `${root}/team`);
    await expect(paths.remove({ root, path: 'team/precious' })).rejects.toMatchObject({
      status: 422,
    });
    await expect(paths.make({ root, path: 'team/more' })).rejects.toMatchObject({ status: 422 });
    await paths.remove({ root, path: 'team' });
    expect(await files.disk.list('t', '/etc')).toEqual(['precious']);
  });

  it('stays while a pod uses it, or something is mounted in it', async () => {
    const { files, mounts, paths, users } = setUp();
    await paths.make({ root, path: 'pvc-1' });
    users.push('uid-1');
    await expect(paths.remove({ root, path: 'pvc-1' })).rejects.toThrow(/used by pod uid-1/);
    users.pop();
    await mounts.bind('t', '/elsewhere', `${root}/pvc-1/inner`);
    await expect(paths.remove({ root, path: 'pvc-1' })).rejects.toThrow(/is mounted/);
    expect(await files.disk.stat('t', `${root}/pvc-1`)).toBeDefined();
  });

  it('that finds no room is told as such', async () => {
    const { files, paths } = setUp();
    files.fail('volume.local-path', 'ENOSPC');
    await expect(paths.make({ root, path: 'pvc-1' })).rejects.toMatchObject({ status: 507 });
  });
});
