import { afterEach, expect, test } from 'vitest';
import { realClock } from './clock.ts';
import { followProgram } from './follow-program.ts';
import { createLineCutter } from './line-cutter.ts';
import { makeLog } from './log.ts';
import { realSpawn } from './spawn.ts';

const logged: string[] = [];
const doors = {
  spawn: realSpawn,
  clock: {
    ...realClock,
    after: (op: string, ms: number, fn: () => void) => realClock.after(op, ms / 50, fn),
  },
  log: makeLog({ level: 'warn', write: (line) => void logged.push(line) }),
};
let follower: { stop(): void } | undefined;
afterEach(() => follower?.stop());

const seen = (
  shell: string,
  enough: (lines: string[], starts: boolean[]) => boolean,
): Promise<{ lines: string[]; starts: boolean[] }> =>
  new Promise((resolve) => {
    const lines: string[] = [];
    const starts: boolean[] = [];
    const look = (): void => void (enough(lines, starts) && resolve({ lines, starts }));
    follower = followProgram(doors, {
      op: 'test',
      command: ['sh', '-c', shell],
      line: (text) => void (lines.push(text), look()),
      started: (again) => void (starts.push(again), look()),
    });
  });

test('lines come as they are said', async () => {
  const { lines, starts } = await seen('echo one; echo two; sleep 100', (got) => got.length === 2);
  expect(lines).toEqual(['one', 'two']);
  expect(starts).toEqual([false]);
});

test(
  'a program that ends is started again, and its follower knows that it may have missed ' +
    'something',
  async () => {
    const { starts } = await seen('echo broken >&2; exit 3', (_lines, begun) => begun.length === 3);
    expect(starts).toEqual([false, true, true]);
    expect(logged.join('')).toContain('broken');
  },
);

test('a program that is not there is no reason to stop trying', async () => {
  const starts: boolean[] = [];
  await new Promise<void>((resolve) => {
    follower = followProgram(doors, {
      op: 'test',
      command: ['/nowhere/program'],
      line: () => undefined,
      started: (again) => void (starts.push(again), starts.length === 2 && resolve()),
    });
  });
  expect(starts).toEqual([false, true]);
});

test('lines are cut to a bound, however they arrive', () => {
  const lines: string[] = [];
  const take = createLineCutter(5, (text) => lines.push(text));
  for (const chunk of ['ab', 'c\nlong', 'er and longer', '\n\nx\nno end']) take(Buffer.from(chunk));
  expect(lines).toEqual(['abc', 'longe', '', 'x']);
});
