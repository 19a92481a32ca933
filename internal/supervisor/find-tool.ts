import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { assetFile, hasAsset, unpackDir } from '../io/assets.ts';
import { realDisk } from '../io/disk.ts';
import { realSpawn } from '../io/spawn.ts';

const oldestKubectl = 31;

/**
 * The first program of that name that is not skiff itself, and for kubectl not too old; else the
 * kubectl that travels with skiff.
 */
export async function findTool(
  name: string,
  {
    folders,
    minor = kubectlMinor,
  }: { folders: string[]; minor?: (path: string) => Promise<number> },
): Promise<string> {
  const self = await realDisk.stat('self', process.execPath);
  let old: string | undefined;
  for (const folder of folders) {
    const path = join(folder, name);
    const link = await realDisk.stat('tool', path);
    if (!link) continue;
    // A link to skiff, or skiff under another name, would call itself forever; one that leads
    // nowhere is no tool.
    const real = await realDisk.realPath('tool', path).catch(() => undefined);
    const there = real === undefined ? undefined : await realDisk.stat('tool', real);
    if (
      real === undefined ||
      !there ||
      (there.ino === self?.ino && there.dev === self.dev) ||
      real.endsWith('/skiff')
    )
      continue;
    if (name !== 'kubectl') return real;
    const version = await minor(real);
    if (version >= oldestKubectl) return real;
    old = `${real} is 1.${version}`;
  }
  if (hasAsset(name)) return await assetFile(name);
  const where = `put one into ${folders[0]} or on the PATH`;
  if (old !== undefined)
    throw new ConfigError(`kubectl 1.${oldestKubectl} or newer is needed, ${old}`, {
      op: 'tool',
      hint: where,
    });
  throw new ConfigError(`there is no ${name} on this machine`, {
    op: 'tool',
    hint: name === 'ctr' ? 'the containerd package brings it' : where,
  });
}

/**
 * Programs that were asked, newest first, and what they are: a start of kubectl costs more than all
 * else that is done here.
 */
type Asked = { path: string; mtimeMs: number; size: number; minor: number }[];
const askedMost = 8;

/** The minor version of a kubectl: asked once, as long as the file stays what it is. */
async function kubectlMinor(path: string): Promise<number> {
  const dir = await unpackDir();
  const file = join(dir, 'kubectl-versions.json');
  const { mtimeMs = 0, size = 0 } = (await realDisk.stat('kubectl version', path)) ?? {};
  const asked = await readAsked(file);
  const known = asked.find(
    (one) => one.path === path && one.mtimeMs === mtimeMs && one.size === size,
  );
  if (known) return known.minor;
  const done = await realSpawn
    .run('kubectl version', [path, 'version', '--client', '-o', 'json'], { timeoutMs: 10_000 })
    .catch(() => undefined);
  const minor = Number(/"minor":\s*"(\d+)/.exec(done?.stdout.toString() ?? '')?.[1] ?? 0);
  const kept: Asked = [
    { path, mtimeMs, size, minor },
    ...asked.filter((one) => one.path !== path),
  ].slice(0, askedMost);
  // Where nothing can be kept it is asked again next time.
  await realDisk
    .makeDir('kubectl version', dir, 0o755)
    .then(() => realDisk.writeAtomic('kubectl version', file, JSON.stringify(kept)))
    .catch(() => undefined);
  return minor;
}

async function readAsked(file: string): Promise<Asked> {
  const text = (
    await realDisk.readIfThere('kubectl version', file).catch(() => undefined)
  )?.toString();
  try {
    const found: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(found)
      ? (found as Asked).filter((one) => typeof one?.minor === 'number')
      : [];
  } catch {
    return [];
  }
}
