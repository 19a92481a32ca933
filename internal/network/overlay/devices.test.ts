import { expect, it } from 'vitest';
import { partOf } from '../../base/testing/part-of.ts';
import type { Disk } from '../../io/disk.ts';
import { removeOtherDevices } from './devices.ts';
import { FakeSpawn } from '../../io/spawn.fake.ts';

it.each<[string, string[]]>([
  ['vxlan', ['flannel-wg']],
  ['wireguard-native', ['flannel.1']],
  ['host-gw', ['flannel.1', 'flannel-wg']],
  ['none', []],
])('with %s the devices of other backends go', async (backend, expected) => {
  const removed: string[] = [];
  const there = { kind: 'dir' } as Awaited<ReturnType<Disk['stat']>>;
  const disk = partOf<Disk>({ stat: () => Promise.resolve(there) });
  const spawn = new FakeSpawn((command) => {
    removed.push(command.at(-1) ?? '');
    return {};
  });
  await removeOtherDevices({ disk, spawn }, backend);
  expect(removed).toEqual(expected);
  removed.length = 0;
  const none = partOf<Disk>({ stat: () => Promise.resolve(undefined) });
  await removeOtherDevices({ disk: none, spawn }, backend);
  expect(removed).toEqual([]);
});
