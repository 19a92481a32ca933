import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { root, run } from './node.ts';

const skiff = join(root, 'dist/skiff');
const dir = mkdtempSync(join(tmpdir(), 'executable-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('the executable', () => {
  it('says its version and nothing else', () => {
    const done = run([skiff, 'version']);
    expect(done.stdout).toMatch(/^skiff version v\d+\.\d+\.\d+ \(\w+\)\nkubernetes v1\.36\.\d+\n/);
    expect(done.stderr).toBe('');
  });

  it('takes no orders from NODE_OPTIONS or the current folder', () => {
    writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
    expect(run([skiff, 'version'], { env: { NODE_OPTIONS: '--require /nowhere.js' } }).code).not.toBe(9);
    expect(run(['sh', '-c', `cd ${dir} && ${skiff} token generate`]).stdout).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}\n$/);
  });

  it.each([
    [['sever'], /unknown command 'sever'/],
    [['server', '--toke', 'x'], /unknown flag --toke \(did you mean --token\?\)/],
    [['server', '--rootless'], /--rootless is not supported/],
    [['server', '--config', '/nowhere.yaml'], /\/nowhere\.yaml: no such file/],
    [['agent'], /an agent needs --server/],
    [['completion', 'fish'], /no completion for "fish"/],
  ])('%j: one line and status 1', (args, expected) => {
    const done = run([skiff, ...args]);
    expect(done.code).toBe(1);
    expect(done.stderr).toMatch(expected);
    expect(done.stderr.trim().split('\n')).toHaveLength(1);
    expect(done.stdout).toBe('');
  });

  it('is kubectl under the name of kubectl, and never calls itself', () => {
    symlinkSync(skiff, join(dir, 'kubectl'));
    const there = run(['sh', '-c', `${join(dir, 'kubectl')} version --client -o json`], { env: { PATH: `${dir}:${process.env['PATH']}` } });
    expect(`${there.stdout}${there.stderr}`).toMatch(/gitVersion|there is no kubectl/);
    const none = run([join(dir, 'kubectl'), 'get', 'pods'], { env: { PATH: dir } });
    expect(none.stderr).toMatch(/there is no kubectl on this machine/);
    expect(none.code).toBe(1);
  });

  it('prints help for every command', () => {
    expect(run([skiff, '--help']).stdout).toMatch(/server.*agent.*kubectl/s);
    expect(run([skiff, 'server', '--help']).stdout).toMatch(/--cluster-cidr.*10\.42\.0\.0\/16/s);
  });
});
