import { expect, test } from 'vitest';
import { realDisk, type Disk } from '../io/disk.ts';
import { machineShutsDown } from './machine-shuts-down.ts';
import { FakeSpawn } from '../io/spawn.fake.ts';

/** A machine with these files, whose init answers so. */
async function ends(files: Record<string, string>, answer: string): Promise<[boolean, string]> {
  const disk: Disk = {
    ...realDisk,
    stat: async (op, path) => (path in files ? await realDisk.stat(op, '/') : undefined),
    readIfThere: (_op, path) =>
      Promise.resolve(path in files ? Buffer.from(files[path] ?? '') : undefined),
  };
  const spawn = new FakeSpawn(() => ({ stdout: `${answer}\n` }));
  return [await machineShutsDown({ disk, spawn }), spawn.ran.join()];
}

test.each([
  [{ '/run/systemd/system': '' }, 'stopping', true, 'systemctl is-system-running'],
  [{ '/run/systemd/system': '' }, 'running', false, 'systemctl is-system-running'],
  [
    { '/run/systemd/system': '', '/sbin/runlevel': '' },
    'degraded',
    false,
    'systemctl is-system-running',
  ],
  [{ '/run/openrc/softlevel': 'shutdown\n' }, '', true, ''],
  [{ '/run/openrc/softlevel': 'reboot' }, '', true, ''],
  [{ '/run/openrc/softlevel': 'default' }, '', false, ''],
  [{ '/sbin/runlevel': '' }, '2 6', true, 'runlevel'],
  [{ '/sbin/runlevel': '' }, 'N 2', false, 'runlevel'],
  [{ '/sbin/runlevel': '' }, 'unknown', false, 'runlevel'],
  [{}, 'stopping', false, ''],
])('%j that says %j', async (files, answer, down, ran) => {
  expect(await ends(files as Record<string, string>, answer)).toEqual([down, ran]);
});
