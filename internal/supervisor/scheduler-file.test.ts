import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeClock } from '../io/clock-fake.ts';
import { realDisk } from '../io/disk.ts';
import { silentLog, type Log } from '../io/log.ts';
import { defaultConfiguration } from '../scheduler/config/configuration.ts';
import { schedulerConfiguration } from './scheduler-file.ts';

let dir = '';
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'skiff-scheduler-file-'))));
afterAll(() => rm(dir, { recursive: true }));

const head = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';

async function read(text: string, log: Log = silentLog) {
  const path = join(dir, 'scheduler.yaml');
  await writeFile(path, text);
  return await schedulerConfiguration(
    { configFile: path },
    { disk: realDisk, clock: new FakeClock(), log },
  );
}

test('without a file the scheduler has its default profile', async () => {
  const doors = { disk: realDisk, clock: new FakeClock(), log: silentLog };
  expect(await schedulerConfiguration({}, doors)).toBe(defaultConfiguration);
});

test('profiles come from the file, and what has no effect is told', async () => {
  const warned: unknown[] = [];
  const log = { ...silentLog, warn: (_: string, of: unknown) => void warned.push(of) };
  const { profiles } = await read(
    `${head}parallelism: 3\nprofiles: [{schedulerName: a}, {schedulerName: b}]`,
    log as Log,
  );
  expect(profiles.map((p) => p.schedulerName)).toEqual(['a', 'b']);
  expect(warned).toEqual([expect.objectContaining({ fields: 'parallelism' })]);
});

test('a wrong file ends the start in one line that names the file and the field', async () => {
  for (const [text, says] of [
    [`${head}profiles: [{plugins: {filter: {enabled: [{name: X}]}}}]`, 'plugin "X" does not exist'],
    [`${head}profiles: [{plugins: {bind: {disabled: [{name: "*"}]}}}]`, 'one bind plugin'],
    ['kind: [', 'scheduler.yaml'],
  ] as const) {
    const error = await read(text).then(
      () => undefined,
      (e: unknown) => e as Error,
    );
    expect(error?.message).toContain(says);
    expect(error?.message).toMatch(/^--kube-scheduler-arg: config=.*scheduler\.yaml: [^\n]*$/);
  }
  const missing = schedulerConfiguration(
    { configFile: join(dir, 'none.yaml') },
    { disk: realDisk, clock: new FakeClock(), log: silentLog },
  );
  await expect(missing).rejects.toThrow(/none\.yaml/);
});
