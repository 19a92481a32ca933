import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { testSeed } from '../../io/test-seed.ts';
import { ended, faultDiskEnvironment } from './fault-disk.ts';
import type { LifeResult } from './life.ts';

/**
 * SKIFF_SIMULATIONS for more states of the disk, SKIFF_SEED to start from another seed, or random.
 */
const wanted = Number(process.env['SKIFF_SIMULATIONS'] ?? 1000);
const firstSeed = testSeed();
const cutsPerLife = 65;
/**
 * Some cuts are followed by a second one, in the recovery from the first: this many states come of
 * a life at least.
 */
const statesPerLife = 100;
const stepsPerLife = 60;
const atOnce = 2;
const lives = Math.ceil(wanted / statesPerLife);

/** One life in a process of its own, whose disk is watched. */
async function live(seed: number): Promise<LifeResult> {
  const dir = mkdtempSync(join(tmpdir(), 'skiff-life-'));
  const program = join(import.meta.dirname, 'life-main.ts');
  const child = spawn(
    process.execPath,
    [program, dir, String(seed), String(cutsPerLife), String(stepsPerLife)],
    { env: await faultDiskEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const { code, text } = await ended(child);
  if (code !== 0)
    throw new Error(
      `a life failed: run it again with SKIFF_SEED=${seed} SKIFF_SIMULATIONS=1; its disk is ` +
        `kept in ${dir}\n${text}`,
    );
  rmSync(dir, { recursive: true });
  return JSON.parse(text) as LifeResult;
}

/** Runs one scenario of broken-disk.ts. */
async function scenario(name: string, dir: string): Promise<{ code: number; text: string }> {
  return ended(
    spawn(process.execPath, [join(import.meta.dirname, 'broken-disk.ts'), name, dir], {
      env: await faultDiskEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
}

describe('a disk that refuses', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'skiff-broken-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  test.each([
    'full',
    'full, half written',
    'read-only',
    'bad write',
    'one sync in three',
    'unreadable',
  ])('%s', async (name) => {
    expect(await scenario(name, dir)).toEqual({ code: 0, text: '' });
  });

  test(
    'no sync: the process ends rather than acknowledge, and the next one has what was ' +
      'acknowledged',
    async () => {
      const { code, text } = await scenario('no sync', dir);
      expect(text).toContain('the disk failed 3 times to sync a commit');
      expect(text).not.toContain('acknowledged');
      expect(code).not.toBe(0);
      expect(await scenario('after no sync', dir)).toEqual({ code: 0, text: '' });
    },
  );
});

describe('a disk that loses power', () => {
  test(
    `${lives} lives, each cut ${cutsPerLife} times and again in its recovery: everything ` +
      'acknowledged is there',
    async () => {
      console.log(`lives from seed ${firstSeed}`);
      const results: LifeResult[] = [];
      let next = firstSeed;
      const work = async (): Promise<void> => {
        while (next < firstSeed + lives) results.push(await live(next++));
      };
      await Promise.all(Array.from({ length: Math.min(atOnce, lives) }, work));
      const sum = (of: (result: LifeResult) => number): number =>
        results.reduce((all, result) => all + of(result), 0);
      console.log(
        `${sum((r) => r.states)} states of the disk and ${sum((r) => r.secondStates)} after a ` +
          `second cut, from ${sum((r) => r.calls)} recorded calls`,
      );
      expect(sum((r) => r.states)).toBe(lives * cutsPerLife);
      expect(sum((r) => r.secondStates)).toBeGreaterThan(0);
    },
    1_200_000,
  );

  test.each([
    [
      'restore-cuts.ts',
      'while a snapshot is restored over a store that was killed: it is the one or the ' +
        'other, whole',
    ],
    ['key-cuts.ts', 'while keys are made and changed: those that are there open the store'],
  ])(
    '%s: %s',
    async (program) => {
      const dir = mkdtempSync(join(tmpdir(), 'skiff-cuts-'));
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, program), dir, String(firstSeed)],
        { env: await faultDiskEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] },
      );
      const { code, text } = await ended(child);
      rmSync(dir, { recursive: true });
      expect(code, text).toBe(0);
      console.log(`${text.trim()} states of the disk`);
      expect(Number(text)).toBeGreaterThan(100);
    },
    120_000,
  );
});
