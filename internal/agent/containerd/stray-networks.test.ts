import { expect, it } from 'vitest';
import { partOf } from '../../base/testing/part-of.ts';
import { silentLog } from '../../io/log.ts';
import type { NetworkDoors } from './release-networks.ts';
import { releaseStrays } from './stray-networks.ts';

const conf = (dataDir: string, name = 'cbr0'): string =>
  JSON.stringify({ name, cniVersion: '0.4.0', plugins: [{ type: 'ptp', ipam: { dataDir } }] });
const note = (containerId: string, netns: string): string =>
  JSON.stringify({
    containerId,
    netns,
    config: Buffer.from(conf('/run/x/network/ipam')).toString('base64'),
  });

const machine = (files: Record<string, string>, addresses: Record<string, string> = {}) => {
  const ran: string[] = [];
  const removed: string[] = [];
  const doors = partOf<NetworkDoors>({
    log: silentLog,
    disk: {
      list: (_op, dir) =>
        Promise.resolve(
          Object.keys(files).flatMap((path) =>
            path.startsWith(`${dir}/`) ? [path.slice(dir.length + 1)] : [],
          ),
        ),
      readIfThere: (_op, path) =>
        Promise.resolve(files[path] === undefined ? undefined : Buffer.from(files[path])),
      stat: (_op, path) => Promise.resolve(files[path] === undefined ? undefined : { size: 0 }),
      realPath: (_op, path) => Promise.resolve(path),
      remove: (_op, path) => Promise.resolve(void removed.push(path)),
    },
    mounts: { below: () => Promise.resolve([]) },
    spawn: {
      run: (_op, command, options) => {
        const env = options?.env ?? {};
        if (command[0] !== 'ip')
          ran.push(`${command[0]} ${env['CNI_COMMAND']} ${env['CNI_CONTAINERID']}`);
        const shown = `2: eth0 inet ${addresses[command[2] ?? ''] ?? '192.0.2.1'}/32 scope global`;
        return Promise.resolve({ code: 0, stdout: Buffer.from(shown), stderr: '' });
      },
    },
  });
  const release = (kept: string[]) =>
    releaseStrays(
      doors,
      { cniBinDir: '/cni', cniConfDir: '/etc/net.d', runDir: '/run/x' },
      async () => new Set(kept),
    );
  return { release, ran, removed };
};
const list = '/etc/net.d/10-skiff.conflist';
const lease = (address: string): string => `/run/x/network/ipam/cbr0/${address}`;

it('gives back what our own addresses tell of, with a note and without one', async () => {
  const { release, ran, removed } = machine(
    {
      [list]: conf('/run/x/network/ipam'),
      [lease('10.42.0.2')]: 'kept\r\neth0',
      [lease('10.42.0.3')]: 'noted\r\neth0',
      [lease('10.42.0.4')]: 'unnoted\neth0',
      [lease('last_reserved_ip.0')]: '10.42.0.4',
      [lease('lock')]: '',
      '/var/lib/cni/results/cbr0-noted-eth0': note('noted', '/run/netns/cni-3'),
      '/var/lib/cni/results/cbr0-other-eth0': note('other', '/run/netns/cni-9'),
      '/run/netns/cni-3': '',
      '/run/netns/cni-4': '',
      '/run/netns/cni-5': '',
      '/run/netns/mine': '',
    },
    { 'cni-4': '10.42.0.4', 'cni-5': '10.42.0.44' },
  );
  expect(await release(['kept', 'being-made'])).toEqual(['noted', 'unnoted']);
  expect(ran).toEqual(['/cni/ptp DEL noted', '/cni/ptp DEL unnoted']);
  expect(removed).toEqual([
    '/run/netns/cni-3',
    '/var/lib/cni/results/cbr0-noted-eth0',
    '/run/netns/cni-4',
  ]);
});

it.each([
  ['all are known', conf('/run/x/network/ipam')],
  ['they are given away by a list of somebody else', conf('/var/lib/cni/networks')],
  ['the list has a name that is none', conf('/run/x/network/ipam', '../cbr0')],
  ['there is no list', 'nonsense'],
])('leaves addresses alone when %s', async (_when, text) => {
  const { release, ran } = machine({
    [list]: text,
    [lease('10.42.0.2')]: 'known\r\neth0',
    '/var/lib/cni/networks/cbr0/10.42.0.9': 'theirs',
  });
  expect(await release(['known'])).toEqual([]);
  expect(ran).toEqual([]);
});
