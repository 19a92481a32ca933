import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { silentLog } from '../io/log.ts';
import type { Processes } from '../io/processes.ts';
import type { Finished, Spawn } from '../io/spawn.ts';
import { Ledger, ledgerPath, readLedger } from './ledger.ts';
import { remains, uninstall } from './uninstall.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ledger-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('a change is on disk before its note resolves, once', async () => {
  const path = ledgerPath(join(dir, 'data'));
  const ledger = await Ledger.open(realDisk, path);
  await ledger.record('link', 'flannel.1');
  expect(await readLedger(realDisk, path)).toEqual([{ kind: 'link', name: 'flannel.1' }]);
  await Promise.all([ledger.record('link', 'flannel.1'), ledger.record('sysctl', 'net/ipv4/ip_forward=0'), ledger.record('sysctl', 'net/ipv4/ip_forward=1')]);
  const again = await Ledger.open(realDisk, path);
  await again.record('link', 'flannel.1');
  expect((await readFile(path, 'utf8')).trim().split('\n')).toHaveLength(2);
});

test('a torn line is passed over', async () => {
  const path = join(dir, 'ledger');
  await writeFile(path, '{"kind":"file","name":"/a"}\n');
  await appendFile(path, '{"kind":"fi');
  expect(await readLedger(realDisk, path)).toEqual([{ kind: 'file', name: '/a' }]);
});

test('uninstall replays backwards, and verify finds what is left', async () => {
  const places = { dataDir: join(dir, 'data'), runDir: join(dir, 'run'), configDir: join(dir, 'etc'), netnsDir: join(dir, 'netns') };
  for (const path of Object.values(places)) await mkdir(path);
  const file = join(dir, 'unit');
  await writeFile(file, '');
  const ledger = await Ledger.open(realDisk, ledgerPath(places.dataDir));
  await ledger.record('file', file);
  await ledger.record('nft-table', 'ip skiff');
  await ledger.record('address', 'lo 192.0.2.10/32');
  const commands: string[] = [];
  let tableThere = true;
  const machine = { disk: realDisk, spawn: fakeSpawn(), processes: noProcesses, clock: realClock, log: silentLog };

  function fakeSpawn(): Spawn {
    const finished = (code: number): Finished => ({ code, signal: undefined, stdout: Buffer.alloc(0), stderr: '' });
    return {
      run: (_op, command) => {
        commands.push(command.join(' '));
        if (command.join(' ') === 'nft delete table ip skiff') tableThere = false;
        return Promise.resolve(finished(command[1] === 'list' && !tableThere ? 1 : 0));
      },
      start: () => {
        throw new Error('nothing is started');
      },
    };
  }

  const entries = await readLedger(realDisk, ledgerPath(places.dataDir));
  expect(await remains(machine, entries, places)).toEqual(expect.arrayContaining([`file ${file}`, 'nft-table ip skiff', `path ${places.dataDir}`]));
  commands.length = 0;
  expect(await uninstall(machine, places)).toEqual([]);
  const undone = commands.filter((c) => c.startsWith('ip ') || c.startsWith('nft delete'));
  expect(undone.slice(0, 2)).toEqual(['ip address delete 192.0.2.10/32 dev lo', 'nft delete table ip skiff']);
});

const noProcesses: Processes = { list: () => Promise.resolve([]), kill: () => false, alive: () => false, mountNamespace: () => Promise.resolve(undefined) };
