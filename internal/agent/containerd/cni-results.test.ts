import { expect, it } from 'vitest';
import { FakeFiles } from '../../io/disk.fake.ts';
import { silentLog } from '../../io/log.ts';
import { followCniResults } from './cni-results.ts';

const dir = '/var/lib/cni/results';
const note = (uid: string, ...addresses: unknown[]): string =>
  JSON.stringify({
    kind: 'cniCacheV1',
    containerId: 'c1',
    ifName: 'eth0',
    cniArgs: [
      ['K8S_POD_NAME', 'web'],
      ['K8S_POD_UID', uid],
    ],
    result: { ips: addresses.map((address) => ({ address })) },
  });
const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

it('tells the addresses of a pod that is waited for, once, and of no other', async () => {
  const files = new FakeFiles();
  const results = await followCniResults({ disk: files.disk, log: silentLog });
  const told: string[][] = [];
  results.expect('u1', (ips) => told.push(ips));
  const write = async (text: string): Promise<void> => {
    await files.disk.writeAtomic('t', `${dir}/cbr0-c1-eth0`, text);
    await settled();
  };
  await write(note('u2', '10.42.0.9/24'));
  await write(note('u1', '10.42.0.5/24').slice(0, 40));
  await write('null');
  await write('{"cniArgs":["x"],"result":{"ips":[1]}}');
  await write(note('u1'));
  await write(note('u1', '127.0.0.1/8').replace('eth0', 'lo'));
  await write(note('u1', 7, 'no address'));
  expect(told).toEqual([]);
  await write(note('u1', '10.42.0.5/24', 'fd42::5/64'));
  expect(told).toEqual([['10.42.0.5', 'fd42::5']]);
  await write(note('u1', '10.42.0.6/24'));
  expect(told).toHaveLength(1);
  const enough = results.expect('u1', (ips) => told.push(ips));
  enough();
  await write(note('u1', '10.42.0.7/24'));
  expect(told).toHaveLength(1);
  results.stop();
});

it('goes without where the notes cannot be followed', async () => {
  const files = new FakeFiles();
  files.fail('cni.results', 'EROFS');
  const results = await followCniResults({ disk: files.disk, log: silentLog });
  results.expect('u1', () => expect.unreachable())();
  results.stop();
});
