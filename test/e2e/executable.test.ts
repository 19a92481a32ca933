import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ok, root, run } from './node.ts';

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
    expect(
      run([skiff, 'version'], { env: { NODE_OPTIONS: '--require /nowhere.js' } }).code,
    ).not.toBe(9);
    expect(run(['sh', '-c', `cd ${dir} && ${skiff} token generate`]).stdout).toMatch(
      /^[a-z0-9]{6}\.[a-z0-9]{16}\n$/,
    );
  });

  it.each([
    [['sever'], /unknown command 'sever'/],
    [['server', '--toke', 'x'], /unknown flag --toke \(did you mean --token\?\)/],
    [['server', '--rootless'], /--rootless is not supported/],
    [['server', '--config', '/nowhere.yaml'], /\/nowhere\.yaml: no such file/],
    [['agent'], /an agent needs --server/],
    [['completion', 'csh'], /no completion for "csh"/],
  ])('%j: one line and status 1', (args, expected) => {
    const done = run([skiff, ...args]);
    expect(done.code).toBe(1);
    expect(done.stderr).toMatch(expected);
    expect(done.stderr.trim().split('\n')).toHaveLength(1);
    expect(done.stdout).toBe('');
  });

  it(
    'is kubectl under the name of kubectl, never calls itself, and needs no other on the ' +
      'machine',
    () => {
      symlinkSync(skiff, join(dir, 'kubectl'));
      const own = { SKIFF_DATA_DIR: join(dir, 'data'), SKIFF_UNPACK_DIR: join(dir, 'unpacked') };
      const there = run(['sh', '-c', `${join(dir, 'kubectl')} version --client -o json`], {
        env: { ...own, PATH: `${dir}:${process.env['PATH']}` },
      });
      expect(there.stdout).toContain('gitVersion');
      const alone = run([join(dir, 'kubectl'), 'version', '--client', '-o', 'json'], {
        env: { ...own, PATH: dir },
      });
      expect(JSON.parse(alone.stdout)).toMatchObject({ clientVersion: { gitVersion: 'v1.36.3' } });
      const crictl = run([skiff, 'crictl', 'ps'], { env: { ...own, PATH: dir } });
      expect([crictl.code, crictl.stderr]).toEqual([
        1,
        expect.stringMatching(/^skiff: there is no crictl on this machine \(put one into .*\)\n$/),
      ]);
    },
  );

  it('ends in silence when its reader has read enough', () => {
    const done = run(['bash', '-c', `${skiff} licenses | head -0; echo "\${PIPESTATUS[0]}"`]);
    expect([done.stdout, done.stderr]).toEqual(['141\n', '']);
  });

  it('tells the licence of everything in it', () => {
    const text = run([skiff, 'licenses']).stdout;
    for (const name of [
      'skiff',
      'Node.js',
      'SQLite',
      'kubectl',
      'better-sqlite3',
      'protobufjs',
      '@grpc/grpc-js',
      'js-yaml',
      'pg',
    ])
      expect(text.slice(0, 4000), name).toContain(`\n  ${name}`);
    expect(text.slice(0, 4000).match(/\n {2}protobufjs /g)).toHaveLength(1);
    expect(text).toMatch(/V8, located at deps\/v8/);
    expect(text).toMatch(/Copyright \(c\) 2017 Joshua Wise/);
  });

  it('is the same, bit for bit, when it is built in another folder', { timeout: 300_000 }, () => {
    const elsewhere = join(root, 'dist/elsewhere/deep');
    rmSync(join(root, 'dist/elsewhere'), { recursive: true, force: true });
    mkdirSync(join(elsewhere, 'dist'), { recursive: true });
    try {
      for (const part of [
        'cmd',
        'internal',
        'images',
        'build',
        'package.json',
        'package-lock.json',
        'tsconfig.json',
        'LICENSE',
        '.npmrc',
      ])
        cpSync(join(root, part), join(elsewhere, part), { recursive: true });
      // Hard links, not a link to the folder: that would be found where it is.
      ok(['cp', '-al', join(root, 'node_modules'), join(elsewhere, 'node_modules')]);
      ok(['sh', '-c', `cp -l ${join(root, 'dist')}/*-* ${join(elsewhere, 'dist')}`]);
      // As on a machine with nothing but Node: no git, no binutils.
      const done = run(
        [join(elsewhere, 'node_modules/.bin/node'), join(elsewhere, 'build/build.ts')],
        { env: { PATH: dir, TZ: 'Asia/Tokyo', LANG: 'C' }, timeoutMs: 240_000 },
      );
      expect(done.stderr).toBe('');
      expect(run(['cmp', skiff, join(elsewhere, 'dist/skiff')])).toMatchObject({
        code: 0,
        stdout: '',
      });
    } finally {
      rmSync(join(root, 'dist/elsewhere'), { recursive: true, force: true });
    }
  });

  it('prints help for every command', () => {
    expect(run([skiff, '--help']).stdout).toMatch(/server.*agent.*kubectl/s);
    expect(run([skiff, 'server', '--help']).stdout).toMatch(/--cluster-cidr.*10\.42\.0\.0\/16/s);
    expect(run([skiff, 'help']).stdout).toBe(run([skiff, '--help']).stdout);
    expect(run([skiff, 'help', 'token']).stdout).toMatch(/create.*list.*delete/s);
  });

  it('offers in a shell what it takes, and nothing else', () => {
    const offered = (...words: string[]): string[] =>
      run([
        'bash',
        '-c',
        `. <(${skiff} completion bash); ` +
          `COMP_WORDS=(${words.map((w) => `'${w}'`).join(' ')}); ` +
          `COMP_CWORD=${words.length - 1}; _skiff; echo "\${COMPREPLY[@]}"`,
      ])
        .stdout.trim()
        .split(' ');
    expect(offered('skiff', 'sec')).toEqual(['secrets-encrypt']);
    expect(offered('skiff', 'secrets-encrypt', '')).toEqual([
      'status',
      'enable',
      'disable',
      'rotate-keys',
    ]);
    expect(offered('skiff', 'server', '--cluster-i')).toEqual(['--cluster-init']);
    expect(offered('skiff', 'server', '--rootl')).toEqual(['']);
    expect(offered('skiff', 'token', 'create', '--tt')).toEqual(['--ttl']);
    expect(offered('skiff', 'kubectl', 'get', '')).toEqual(['']);
  });
});
