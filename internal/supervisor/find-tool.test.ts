import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findTool } from './find-tool.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tools-'));
  process.env['SKIFF_UNPACK_DIR'] = join(dir, 'not/there/yet');
});
afterEach(() => {
  delete process.env['SKIFF_UNPACK_DIR'];
  rmSync(dir, { recursive: true });
});

/** A kubectl that notes each time that it is asked. */
function kubectl(folder: string, minor: number): string {
  mkdirSync(join(dir, folder), { recursive: true });
  writeFileSync(
    join(dir, folder, 'kubectl'),
    `#!/bin/sh\necho asked >>${dir}/asked\necho '{"clientVersion":{"minor":"${minor}"}}'\n`,
    { mode: 0o755 },
  );
  return join(dir, folder);
}
const asked = (): number => readFileSync(join(dir, 'asked'), 'utf8').split('\n').length - 1;

test('a kubectl is asked for its version once, until it is another file', async () => {
  const folders = [kubectl('old', 20), kubectl('new', 33)];
  for (let i = 0; i < 3; i++)
    expect(await findTool('kubectl', { folders })).toBe(join(dir, 'new/kubectl'));
  expect(asked()).toBe(2);
  writeFileSync(join(dir, 'old/kubectl'), `#!/bin/sh\necho '{"clientVersion":{"minor":"36"}}'\n`);
  expect(await findTool('kubectl', { folders })).toBe(join(dir, 'old/kubectl'));
});

test('what was noted and is no longer readable is asked again', async () => {
  process.env['SKIFF_UNPACK_DIR'] = dir;
  writeFileSync(join(dir, 'kubectl-versions.json'), '[{"path":1},nothing');
  expect(await findTool('kubectl', { folders: [kubectl('new', 33)] })).toBe(
    join(dir, 'new/kubectl'),
  );
});

test('an old one is named, and so is the way out', async () => {
  await expect(findTool('kubectl', { folders: [kubectl('old', 20)] })).rejects.toThrow(
    `kubectl 1.31 or newer is needed, ${dir}/old/kubectl is 1.20`,
  );
});

test('a link that leads nowhere is no tool', async () => {
  symlinkSync('/nowhere/crictl', join(dir, 'crictl'));
  await expect(findTool('crictl', { folders: [dir] })).rejects.toThrow(
    'there is no crictl on this machine',
  );
});
