import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { realDisk, type Disk } from '../../io/disk.ts';
import { realSpawn } from '../../io/spawn.ts';
import { partOf } from '../../base/testing/part-of.ts';
import { checkSkew, lastGood, putOnTrial, versionOf, type Version } from './begin.ts';
import { podFault, runningBefore } from './looks.ts';
import {
  beginTrial,
  bootOf,
  endTrial,
  readOutcome,
  readReturned,
  readTrial,
  rejectTrial,
} from './trial.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'upgrade-'));
  mkdirSync(join(dir, 'bin'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const program = (): string => join(dir, 'bin/skiff');
const script = (text: string, minor = 36): string =>
  `#!/bin/sh\n# ${text}\necho "skiff version v${text} (abc)"\necho "kubernetes v1.${minor}.3"\n`;
const put = (file: string, text: string): string => {
  writeFileSync(file, text, { mode: 0o755 });
  return file;
};
const at = (minor: number): Version => ({ skiff: 'v1', kubernetes: { major: 1, minor } });

describe('versions', () => {
  it('go up one minor version at a time, and never down', () => {
    expect(() => checkSkew(at(36), at(36))).not.toThrow();
    expect(() => checkSkew(at(36), at(37))).not.toThrow();
    expect(() => checkSkew(at(36), at(38))).toThrow('no minor version may be left out');
    expect(() => checkSkew(at(36), at(35))).toThrow('there is no way back');
    expect(() => checkSkew(at(36), at(37), { major: 1, minor: 36 })).toThrow(
      'an agent may not be newer',
    );
  });

  it('are what an executable says, and nothing else is one', async () => {
    const file = put(join(dir, 'one'), script('1.2.3'));
    expect(await versionOf(realSpawn, file)).toEqual({
      skiff: 'v1.2.3 (abc)',
      kubernetes: { major: 1, minor: 36 },
    });
    await expect(versionOf(realSpawn, '/bin/true')).rejects.toThrow(
      'is not a skiff program for this machine',
    );
    await expect(versionOf(realSpawn, dir)).rejects.toThrow('does not run here');
  });
});

/** The guard as install.sh writes it; becomes the command, if there is one. */
function guard({ become = '', env = {} }: { become?: string; env?: object } = {}): number | null {
  const text = readFileSync(join(import.meta.dirname, '../../../install.sh'), 'utf8');
  const start = text.indexOf('guard_script() {');
  const made = text.slice(start, text.indexOf('\n}\n\nsystemd_unit', start) + 2);
  const done = spawnSync('sh', ['-c', `${made}\nplace() { sh "$1" ${become}; }\nguard_script`], {
    encoding: 'utf8',
    env: {
      ...{ ...process.env, tmp: join(dir, 'tmp'), data_dir: dir, bin_dir: join(dir, 'bin') },
      ...{ service: 'skiff-agent', ...env },
    },
  });
  if (become === '') expect([done.status, done.stderr]).toEqual([0, '']);
  return done.status;
}

describe('an executable on trial', () => {
  const begin = async (): Promise<void> => {
    put(program(), script('1.0.0'));
    await putOnTrial({
      file: put(join(dir, 'new'), script('1.1.0')),
      program: program(),
      dataDir: dir,
      from: 'v1.0.0',
      to: 'v1.1.0',
      snapshot: '/snapshot',
      before: [],
      waitSeconds: 60,
      disk: realDisk,
      spawn: realSpawn,
    });
  };
  const runs = (): string => readFileSync(program(), 'utf8').split('\n')[1] ?? '';

  it('is in its place, and the old one beside it', async () => {
    await begin();
    expect(runs()).toBe('# 1.1.0');
    expect(readFileSync(lastGood(program()), 'utf8')).toBe(script('1.0.0'));
    expect(statSync(program()).mode & 0o777).toBe(0o755);
    expect(await readTrial(realDisk, dir)).toMatchObject({ from: 'v1.0.0', to: 'v1.1.0' });
    expect(existsSync(join(dir, 'bin/skiff.new'))).toBe(false);
  });

  it('has three starts to prove itself; then the old one is back', async () => {
    await begin();
    for (let start = 1; start <= 3; start++) {
      guard();
      expect(runs()).toBe('# 1.1.0');
    }
    guard();
    expect(runs()).toBe('# 1.0.0');
    const returned = await readReturned(realDisk, dir);
    expect(await readTrial(realDisk, dir)).toBeUndefined();
    await endTrial(realDisk, dir, returned!, 'returned');
    expect(await readOutcome(realDisk, dir)).toMatchObject({
      result: 'returned',
      why: 'it did not start, or the machine lost its power',
    });
    guard();
    expect(runs()).toBe('# 1.0.0');
  });

  it('that ended with words of its own is taken back with them', async () => {
    await begin();
    for (let start = 0; start < 4; start++) guard();
    const returned = (await readReturned(realDisk, dir))!;
    const { why } = await endTrial(realDisk, dir, returned, 'returned', 'no runtime');
    expect(why).toBe('it did not start: no runtime');
  });

  it('that is rejected goes at the next start, with the reason', async () => {
    await begin();
    guard();
    await rejectTrial(realDisk, dir, 'node one is not Ready');
    guard();
    expect(runs()).toBe('# 1.0.0');
    const ended = await endTrial(realDisk, dir, (await readReturned(realDisk, dir))!, 'returned');
    expect(ended.why).toBe('node one is not Ready');
  });

  it('that hangs is killed when its time is over, and goes', async () => {
    await begin();
    writeFileSync(join(dir, 'upgrade/seconds'), '-29\n');
    expect(guard({ become: 'sleep 60' })).toBe(128 + 9);
    expect(readFileSync(join(dir, 'upgrade/attempts'), 'utf8')).toBe('99\n');
    guard();
    expect(runs()).toBe('# 1.0.0');
  });

  it('that hangs is killed by systemd, which lets no guard live beside it', async () => {
    await begin();
    writeFileSync(join(dir, 'upgrade/seconds'), '-29\n');
    put(join(dir, 'bin/systemd-run'), '#!/bin/sh\nshift 2; exec "$@"\n');
    put(join(dir, 'bin/systemctl'), `#!/bin/sh\necho "$*" >${dir}/said\n`);
    guard({ env: { INVOCATION_ID: 'x', PATH: `${join(dir, 'bin')}:${process.env['PATH']}` } });
    expect(readFileSync(join(dir, 'said'), 'utf8')).toBe(
      'kill --signal=KILL --kill-who=main skiff-agent\n',
    );
    expect(readFileSync(join(dir, 'upgrade/attempts'), 'utf8')).toBe('99\n');
  });

  it('that has ended or was started again is not killed', async () => {
    await begin();
    writeFileSync(join(dir, 'upgrade/seconds'), '-29\n');
    const next = `sh -c 'echo 2 >${dir}/upgrade/attempts; sleep 2'`;
    expect(guard({ become: next })).toBe(0);
    rmSync(join(dir, 'upgrade/trial'));
    expect(guard({ become: 'sleep 2' })).toBe(0);
  });

  it('that is good stays', async () => {
    await begin();
    guard();
    await endTrial(realDisk, dir, (await readTrial(realDisk, dir))!, 'good');
    for (let start = 0; start < 5; start++) guard();
    expect(runs()).toBe('# 1.1.0');
    expect(await readOutcome(realDisk, dir)).toMatchObject({ result: 'good' });
  });

  it('can be tried again, and the old one stays the old one', async () => {
    await begin();
    for (let start = 0; start < 4; start++) guard();
    expect(runs()).toBe('# 1.0.0');
    await begin();
    expect(readFileSync(lastGood(program()), 'utf8')).toBe(script('1.0.0'));
    expect(runs()).toBe('# 1.1.0');
  });

  it('a damaged note is named', async () => {
    await beginTrial(realDisk, dir, (await begin().then(() => readTrial(realDisk, dir)))!);
    writeFileSync(join(dir, 'upgrade/trial'), '{"format');
    await expect(readTrial(realDisk, dir)).rejects.toThrow('upgrade/trial is damaged');
  });
});

it('a run of the machine is known by the kernel and the first process', async () => {
  const stat = '1 (a ) b) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9';
  const disk = partOf<Disk>({
    readIfThere: (_op, path) =>
      Promise.resolve(Buffer.from(path === '/proc/1/stat' ? stat : 'k\n')),
  });
  expect(await bootOf(disk)).toBe('k 4711');
  expect(await bootOf(realDisk)).toMatch(/^[0-9a-f-]{36} \d+$/);
});

describe('pods', () => {
  const pod = (id: string, more: object = {}): Pod =>
    partOf<Pod>({
      metadata: { namespace: 'default', name: 'web', uid: 'u1' },
      status: {
        phase: 'Running',
        containerStatuses: [
          { name: 'c', ready: true, containerID: id, state: { running: { startedAt: '' } } },
        ],
        ...more,
      },
    });

  it('run on when every container is the one that it was', () => {
    const [before] = runningBefore([pod('containerd://1')]);
    expect(before?.containers).toEqual({ c: 'containerd://1' });
    expect(podFault(before!, pod('containerd://1'), { rebooted: false })).toBeUndefined();
    expect(podFault(before!, pod('containerd://2'), { rebooted: false })).toBe(
      'container c of pod default/web does not run on',
    );
    const none = pod('containerd://1', { containerStatuses: [] });
    expect(podFault(before!, none, { rebooted: false })).toBeDefined();
  });

  it('run again after a reboot, which no container outlives', () => {
    const [before] = runningBefore([pod('containerd://1')]);
    expect(podFault(before!, pod('containerd://2'), { rebooted: true })).toBeUndefined();
    // What the store still says of before the reboot.
    expect(podFault(before!, pod('containerd://1'), { rebooted: true })).toBe(
      'container c of pod default/web does not run again',
    );
  });

  it('that were deleted, or have done their work, prove nothing', () => {
    const [before] = runningBefore([pod('containerd://1')]);
    expect(podFault(before!, undefined, { rebooted: false })).toBeUndefined();
    const done = pod('containerd://2', { phase: 'Succeeded' });
    expect(podFault(before!, done, { rebooted: false })).toBeUndefined();
    expect(runningBefore([pod('', { containerStatuses: [] })])).toEqual([]);
  });
});
