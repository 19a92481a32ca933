import { expect, test } from 'vitest';
import { hasBroken, mountLines } from './mount-table.ts';

const table = `21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
42 21 7:0 / /data rw,relatime - ext4 /dev/loop0 rw,abort,emergency_ro
43 21 259:300 /a\\040b /with\\040space\\134 rw shared:2 master:1 - xfs /dev/nvme0n1p300 rw
44 21 0:44 / /emergency_ro rw - tmpfs emergency_ro rw
`;

test('a line of the table is read with its escapes, whatever optional fields it has', () => {
  expect(mountLines(table).map(({ device, root, point }) => [device, root, point])).toEqual([
    ['8:1', '/', '/'],
    ['7:0', '/', '/data'],
    ['259:300', '/a b', '/with space\\'],
    ['0:44', '/', '/emergency_ro'],
  ]);
  expect(mountLines(table)[2]?.superOptions).toEqual(['rw']);
});

test('a file system that has met an error is known by its device', () => {
  const makedev = (major: number, minor: number): number =>
    (minor % 256) + major * 256 + Math.floor(minor / 256) * 0x100000;
  expect(hasBroken(table, makedev(7, 0))).toBe(true);
  for (const [major, minor] of [
    [8, 1],
    [259, 300],
    [0, 44],
    [7, 1],
  ] as const)
    expect(hasBroken(table, makedev(major, minor)), `${major}:${minor}`).toBe(false);
  const broken = '9 1 259:300 / / rw - ext4 /dev/x rw,emergency_ro';
  expect(hasBroken(broken, makedev(259, 300))).toBe(true);
});
