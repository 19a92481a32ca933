import { join } from 'node:path';
import { ConfigError } from '../../base/errors.ts';
import type { Disk } from '../../io/disk.ts';
import { sha256File } from '../../io/file-sum.ts';
import { runOk, type Spawn } from '../../io/spawn.ts';
import { verifyFile } from '../../pki/minisign.ts';

/** Where releases come from, as install.sh takes it. */
export interface Mirror {
  /** An address, or a folder. */
  url: string;
  /** The line of a minisign key. */
  key: string;
  /** Where channels are looked up; default: `channels` of the mirror. */
  channelUrl?: string | undefined;
}

interface Doors {
  disk: Disk;
  spawn: Spawn;
}

export interface Wanted {
  mirror: Mirror;
  /** `v1.2.3`; undefined = the one of the channel. */
  version: string | undefined;
  channel: string;
  arch: 'amd64' | 'arm64';
  /** A folder of ours, from which programs may be started. */
  dir: string;
}

const op = 'upgrade';
const bringMs = 1_800_000;
const address = /^https?:\/\/[\w.:/@~+%-]+$/;

export const isVersion = (text: string): boolean => /^v?\d+\.\d+\.\d+[\w.+-]*$/.test(text);

export function checkMirror(url: string): void {
  if (!address.test(url) && !url.startsWith('/'))
    throw new ConfigError(`"${url}" is not an http:// or https:// address`, {
      op,
      hint: 'it begins with https://, http:// or /',
    });
}

/**
 * Brings the executable of a release into `dir`, checked: the signature holds for the list of sums
 * and names the version, the sum for the file. Nothing of it has run.
 */
export async function bringRelease(
  doors: Doors,
  wanted: Wanted,
): Promise<{ file: string; version: string }> {
  const { mirror, arch, dir } = wanted;
  const folder = mirror.url.startsWith('/');
  const version = wanted.version ?? (folder ? undefined : await versionOfChannel(doors, wanted));
  const { base, sums } = await listOf(doors, wanted, version);
  const signature = await text(doors, `${base}/sha256sums.minisig`, join(dir, 'signature'));
  if (signature === undefined) throw new ConfigError(`${base}: the release is not signed`, { op });
  const signed = verifyFile(mirror.key, sums, signature);
  if (signed === undefined)
    throw new ConfigError('the signature of the release is wrong: nothing was changed', { op });
  const found = /^skiff (v\S+)$/.exec(signed)?.[1];
  if (found === undefined || (version !== undefined && found !== version))
    throw new ConfigError(`${base} holds ${signed}, not ${version}: nothing was changed`, { op });
  const name = `skiff-${arch}`;
  const file = join(dir, name);
  const packed = folder ? name : `${name}.tar.gz`;
  await bringListed(doors, { base, sums, name: packed, to: join(dir, packed) });
  if (!folder) {
    await runOk(doors.spawn, op, ['tar', '-xzf', join(dir, packed), '-C', dir, '--', name]);
    await checkSum(sums, name, file);
  }
  await runOk(doors.spawn, op, ['chmod', '755', file]);
  return { file, version: found };
}

/** A folder of releases has a folder for each version; a mirror may also hold one alone. */
async function listOf(
  doors: Doors,
  { mirror, dir }: Wanted,
  version: string | undefined,
): Promise<{ base: string; sums: Buffer }> {
  const to = join(dir, 'sha256sums');
  const url = mirror.url.replace(/\/$/, '');
  for (const base of version === undefined ? [url] : [`${url}/${version}`, url])
    if (await bring(doors, `${base}/sha256sums`, to))
      return { base, sums: await doors.disk.read(op, to) };
  throw new ConfigError(`there is no release${version ? ` ${version}` : ''} at ${url}`, { op });
}

/** As k3s' channel server answers. It is not signed: it names one of the versions that are. */
async function versionOfChannel(doors: Doors, { mirror, channel, dir }: Wanted): Promise<string> {
  const url = mirror.channelUrl ?? `${mirror.url.replace(/\/$/, '')}/channels`;
  const answer = await text(doors, url, join(dir, 'channels'));
  if (answer === undefined) throw new ConfigError(`${url} could not be read`, { op });
  const version = latestOf(answer, channel);
  if (version === undefined)
    throw new ConfigError(`${url} names no version for the channel ${channel}`, { op });
  return version;
}

function latestOf(answer: string, channel: string): string | undefined {
  try {
    const { data } = JSON.parse(answer) as { data?: { name?: unknown; latest?: unknown }[] };
    const latest = data?.find(({ name }) => name === channel)?.latest;
    return typeof latest === 'string' && isVersion(latest) ? latest : undefined;
  } catch {
    return undefined;
  }
}

async function bringListed(
  doors: Doors,
  { base, sums, name, to }: { base: string; sums: Buffer; name: string; to: string },
): Promise<void> {
  if (!(await bring(doors, `${base}/${name}`, to)))
    throw new ConfigError(`${base}/${name} could not be read`, { op });
  await checkSum(sums, name, to);
}

async function checkSum(sums: Buffer, name: string, file: string): Promise<void> {
  const due = sums
    .toString()
    .split('\n')
    .find((line) => line.slice(66) === name && line.slice(64, 66) === '  ')
    ?.slice(0, 64);
  if (due === undefined) throw new ConfigError(`the release has no ${name}`, { op });
  if ((await sha256File(op, file)) !== due)
    throw new ConfigError(`the checksum of ${name} is wrong: nothing was changed`, { op });
}

async function text(doors: Doors, from: string, to: string): Promise<string | undefined> {
  return (await bring(doors, from, to)) ? (await doors.disk.read(op, to)).toString() : undefined;
}

/**
 * False when it is not there. By the machine's own program: it knows the proxies and authorities of
 * the machine.
 */
async function bring({ disk, spawn }: Doors, from: string, to: string): Promise<boolean> {
  if (from.startsWith('/')) {
    if ((await disk.stat(op, from))?.kind !== 'file') return false;
    await runOk(spawn, op, ['cp', '--', from, to]);
    return true;
  }
  const curl = ['curl', '-fsSL', '--connect-timeout', '20', '--retry', '2', '-o', to, '--', from];
  const wget = ['wget', '-q', '-T', '60', '-O', to, '--', from];
  for (const command of [curl, wget]) {
    const done = await spawn.run(op, command, { timeoutMs: bringMs }).catch((error: unknown) => {
      if ((error as { code?: string }).code === 'ENOENT') return undefined;
      throw error;
    });
    if (done) return done.code === 0;
  }
  throw new ConfigError('curl or wget is needed to download', { op });
}
