import { expect, it } from 'vitest';
import { partOf } from '../../base/testing/part-of.ts';
import type { Disk } from '../../io/disk.ts';
import type { Spawn } from '../../io/spawn.ts';
import { removeOtherDevices } from './devices.ts';

it.each<[string, string[]]>([
  ['vxlan', ['flannel-wg']],
  ['wireguard-native', ['flannel.1']],
  ['host-gw', ['flannel.1', 'flannel-wg']],
  ['none', []],
])('with %s the devices of other backends go', async (backend, expected) => {
  const removed: string[] = [];
  const there = { kind: 'dir' } as Awaited<ReturnType<Disk['stat']>>;
  const disk = partOf<Disk>({ stat: () => Promise.resolve(there) });
  const spawn = partOf<Spawn>({
    run: (_op, command) => {
      removed.push(command.at(-1) ?? '');
      return Promise.resolve({ code: 0, signal: undefined, stdout: Buffer.alloc(0), stderr: '' });
    },
  });
  await removeOtherDevices({ disk, spawn }, backend);
  expect(removed).toEqual(expected);
  removed.length = 0;
  const none = partOf<Disk>({ stat: () => Promise.resolve(undefined) });
  await removeOtherDevices({ disk: none, spawn }, backend);
  expect(removed).toEqual([]);
});
