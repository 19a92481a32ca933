import { createHash } from 'node:crypto';
import {
  cpSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { ok, root, runBeside, TestNode } from './node.ts';

/**
 * A release as people get it: made, served over HTTP, and installed by a pipe on a Debian with
 * nothing but curl, which reaches the folder of the release and nothing else.
 */
const node = new TestNode('bare');
const dir = mkdtempSync(join(tmpdir(), 'release-'));
const arch = process.arch === 'x64' ? 'amd64' : 'arm64';
const debian = join(dir, 'debian');
const [first, second] = [join(dir, 'first'), join(dir, 'second')];
let server: Server;
let failed = false;
const asked: string[] = [];
/** What is asked for by this name gets another byte. */
let bent = '';

/** The sources in another folder, as a second clone has them. */
function cloned(): string {
  const at = join(dir, 'elsewhere/clone');
  mkdirSync(at, { recursive: true });
  // All that a build reads: as install.sh's sources().
  const folders = ['build', 'cmd', 'images', 'internal', 'node_modules'];
  const files = ['package.json', 'package-lock.json', 'tsconfig.json', '.npmrc', 'LICENSE'];
  for (const name of [...folders, ...files, 'install.sh']) ok(['cp', '-a', join(root, name), at]);
  // Upstream's kubectl, which a build brings once.
  mkdirSync(join(at, 'dist'));
  for (const name of readdirSync(join(root, 'dist')).filter((one) => one.startsWith('kubectl-')))
    cpSync(join(root, 'dist', name), join(at, 'dist', name), { recursive: true });
  return at;
}

async function must(command: string[], timeoutMs = 600_000): Promise<void> {
  const done = await runBeside(command, { timeoutMs });
  if (done.code !== 0) throw new Error(`${command.join(' ')}\n${done.stdout}${done.stderr}`);
}

/** The node's first process and all others see the bare system alone, as after a boot of it. */
const becomeBare = `set -e
mount --make-rprivate /
mount --bind $1 $1
cd $1
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount --rbind /run run
mkdir -p old bundle
mount --bind $2 bundle
pivot_root . old
umount -l /old
mount --make-rshared /`;
const inside = (script: string): ReturnType<TestNode['exec']> =>
  node.exec(['bash', '-c', script, 'story', debian, join(dir, 'bundle')], { timeoutMs: 400_000 });

beforeAll(async () => {
  const key = join(dir, 'key');
  await must([process.execPath, join(root, 'build/release.ts'), '--make-key', key]);
  for (const [from, to] of [
    [root, first],
    [cloned(), second],
  ] as const)
    await must([
      ...[process.execPath, join(from, 'build/release.ts')],
      ...['--key', key, '--arch', arch, '--output', to, '--without-airgap'],
    ]);
  mkdirSync(join(dir, 'bundle'));
  const bundle = join(dir, 'bundle', `skiff-airgap-${arch}.tar.zst`);
  await must([join(first, `skiff-${arch}`), 'airgap', 'build', '--output', bundle]);
  const suite = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  await must([
    ...['mmdebstrap', '--quiet', '--variant=minbase', '--include=ca-certificates,curl'],
    ...['--aptopt=APT::Install-Recommends "false"', suite ?? 'bookworm', debian],
  ]);
  server = createServer((request, response) => {
    const name = request.url ?? '/';
    asked.push(name);
    const file = join(first, name);
    if (!existsSync(file) || name === '/') return void response.writeHead(404).end();
    if (name !== bent) return void createReadStream(file).pipe(response);
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  await node.boot();
  const made = inside(becomeBare);
  if (made.code !== 0) throw new Error(made.stderr);
}, 1_800_000);
afterAll(() => {
  server?.close();
  node.destroy({ keepLogs: failed });
  rmSync(dir, { recursive: true, force: true });
});

/** As README says it. */
async function install(): Promise<{ code: number; all: string }> {
  const mirror = `http://${node.hostIp}:${(server.address() as AddressInfo).port}`;
  const bundle = `INSTALL_SKIFF_AIRGAP=/bundle/skiff-airgap-${arch}.tar.zst`;
  const script =
    `curl -sfL ${mirror}/install.sh | ` + `INSTALL_SKIFF_MIRROR=${mirror} ${bundle} sh -s - server`;
  // Beside this process, which serves.
  const seen = ['nsenter', '-t', String(node.pid), '-a', '--', 'bash', '-c', script];
  const done = await runBeside(seen, { timeoutMs: 400_000 });
  return { code: done.code, all: done.stdout + done.stderr };
}
const left = (): string =>
  inside('ls -A /usr/local/bin /etc/skiff /var/lib/skiff /etc/systemd/system | grep -i skiff')
    .stdout;

describe('a release', () => {
  it('is the same from two folders, bit for bit', () => {
    onTestFailed(() => void (failed = true));
    const sums = (of: string): Record<string, string> =>
      Object.fromEntries(
        readdirSync(of).map((name) => [
          name,
          createHash('sha256')
            .update(readFileSync(join(of, name)))
            .digest('hex'),
        ]),
      );
    expect(Object.keys(sums(first)).toSorted()).toEqual([
      'channels',
      'install.sh',
      'sha256sums',
      'sha256sums.minisig',
      `skiff-${arch}`,
      `skiff-${arch}.cdx.json`,
      `skiff-${arch}.tar.gz`,
    ]);
    expect(sums(second)).toEqual(sums(first));
  });

  it.each([
    ['signature', '/sha256sums.minisig', /signature of the release.*nothing was changed/],
    ['list of sums', '/sha256sums', /signature of the release is wrong: nothing was changed/],
    ['executable', `/skiff-${arch}.tar.gz`, /checksum of skiff-\w+\.tar\.gz is wrong: nothing/],
  ])('whose %s has another bit is refused by a bare machine', async (_what, name, why) => {
    onTestFailed(() => void (failed = true));
    bent = name;
    const done = await install();
    bent = '';
    expect(done.all).toMatch(why);
    expect(done.code).toBe(1);
    expect(left()).toBe('');
  });

  it('is a Ready node after one pipe, on a machine that reaches nothing else', async () => {
    onTestFailed(() => void (failed = true));
    expect(inside('command -v containerd runc nft ip').stdout).toBe('');
    const startedMs = Date.now();
    const done = await install();
    writeFileSync(join(dir, 'said'), done.all);
    expect(done.all).toContain('is Ready');
    expect(done.code).toBe(0);
    console.log(`installed by pipe in ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
    expect(asked).toContain(`/skiff-${arch}.tar.gz`);
    expect(inside('skiff kubectl get nodes').stdout).toMatch(/^bare +Ready/m);
    expect(inside('skiff check-config').stdout).not.toContain('MISSING');
  });

  it('leaves nothing behind', () => {
    onTestFailed(() => void (failed = true));
    const done = inside('skiff-uninstall.sh');
    expect(`${done.stdout}${done.stderr}`).toContain('nothing of skiff is left');
    expect(left()).toBe('');
  });
});
