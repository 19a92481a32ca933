import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { build } from './image.ts';
import { pauseProgram } from './program.ts';

const dir = mkdtempSync(join(tmpdir(), 'pause-'));
afterAll(() => rmSync(dir, { recursive: true }));

test('waits without using the processor, and ends cleanly on SIGTERM', async () => {
  const file = join(dir, 'pause');
  writeFileSync(file, pauseProgram(process.arch), { mode: 0o755 });
  const child = spawn(file);
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  // Asleep in rt_sigtimedwait: the state this waits for.
  while (!/State:\s+S/.test(readFileSync(`/proc/${child.pid}/status`, 'utf8')))
    await new Promise((r) => setImmediate(r));
  child.kill('SIGCHLD');
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});

test('is a well-formed executable of under 1 KiB for both architectures', () => {
  for (const [arch, machine] of [
    ['x64', 0x3e],
    ['arm64', 0xb7],
  ] as const) {
    const program = pauseProgram(arch);
    expect(program.readUInt16LE(18)).toBe(machine);
    expect(program.length).toBeLessThan(1024);
  }
});

test('the image archive is read by tar and is the same every time', () => {
  const file = join(dir, 'pause.tar');
  writeFileSync(file, build('arm64'));
  const listed = spawnSync('tar', ['tf', file], { encoding: 'utf8' });
  expect(listed.stdout).toContain('index.json');
  expect(Buffer.from(build('arm64')).equals(Buffer.from(build('arm64')))).toBe(true);
});
