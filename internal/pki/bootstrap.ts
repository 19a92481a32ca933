import { createCipheriv, createDecipheriv, pbkdf2 } from 'node:crypto';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ConfigError } from '../base/errors.ts';
import type { Disk } from '../io/disk.ts';
import type { Random } from '../io/random.ts';
import { succeeds } from './overlap.ts';
import { certificateFault, privateKeyFault } from './pair-files.ts';

/** What all servers of a cluster hold in common: with it a machine can become one of them. */
export interface BootstrapData {
  /** Of this shape; another number means another skiff. */
  format: number;
  /** The Kubernetes level of the server that wrote it, such as `v1.36.3`. */
  version: string;
  /** Settings that must be the same on all servers, by the names of their flags. */
  settings: Record<string, string>;
  /** Texts of files, by their path below the folder `server`. */
  files: Record<string, string>;
}

export const bootstrapFormat = 1;

const pair = (name: string): string[] => [`${name}.crt`, `${name}.key`];

/** Authorities, signing key and encryption keys; leaves are every server's own. */
export const bootstrapFiles = [
  ...[
    'tls/server-ca',
    'tls/client-ca',
    'tls/request-header-ca',
    'tls/etcd/server-ca',
    'tls/etcd/peer-ca',
  ].flatMap(pair),
  'tls/service.key',
  'cred/encryption-keys.json',
] as const;

/**
 * Files that only change for a successor's: where they differ otherwise, two clusters have met.
 */
const fixed = new Set<string>(bootstrapFiles.filter((file) => file.startsWith('tls/')));

/** Reads from `dir` (the folder `server`) what is there of the common files. */
export async function collectFiles(disk: Disk, dir: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const file of bootstrapFiles) {
    const bytes = await disk.readIfThere('bootstrap', join(dir, file));
    if (bytes) files[file] = bytes.toString();
  }
  return files;
}

/**
 * The first of the files that cannot be both: the one below `dir` belongs to another cluster. What
 * is damaged is nobody's.
 */
export async function foreignFile(
  disk: Disk,
  dir: string,
  files: Record<string, string>,
): Promise<string | undefined> {
  const here = await collectFiles(disk, dir);
  const rotated = (file: string): boolean => {
    const cert = file.replace(/\.key$/, '.crt');
    return succeeds(files[cert] ?? '', here[cert] ?? '');
  };
  return Object.keys(here).find(
    (file) =>
      fixed.has(file) &&
      files[file] !== undefined &&
      files[file] !== here[file] &&
      !rotated(file) &&
      faultOf(file, here[file] ?? '') === undefined,
  );
}

const faultOf = (file: string, text: string): string | undefined =>
  file.endsWith('.crt') ? certificateFault(text) : privateKeyFault(text);

/**
 * Writes the files that are missing or differ; returns their names. A certificate comes after its
 * key: it is the sign that both are there.
 */
export async function writeFiles(
  disk: Disk,
  dir: string,
  files: Record<string, string>,
): Promise<string[]> {
  const here = await collectFiles(disk, dir);
  const wanted = bootstrapFiles.filter(
    (file) => files[file] !== undefined && files[file] !== here[file],
  );
  const written = [...wanted].sort(
    (a, b) => Number(a.endsWith('.crt')) - Number(b.endsWith('.crt')),
  );
  for (const file of written) {
    await disk.makeDir('bootstrap', dirname(join(dir, file)), 0o700);
    await disk.writeAtomic('bootstrap', join(dir, file), files[file] ?? '', {
      mode: file.endsWith('.crt') ? 0o644 : 0o600,
    });
  }
  return written;
}

/** The setting that differs, in one line; undefined when all agree. */
export function differingSetting(
  own: Record<string, string>,
  theirs: Record<string, string>,
): string | undefined {
  const name = Object.keys(own).find(
    (one) => theirs[one] !== undefined && theirs[one] !== own[one],
  );
  return name === undefined
    ? undefined
    : `--${name} is ${own[name]} here and ${theirs[name]} in the cluster`;
}

const derive = promisify(pbkdf2);
const rounds = 100_000;
const mark = 'skiff1';
const algorithm = 'aes-256-gcm';
const saltBytes = 16;
const ivBytes = 12;
const tagBytes = 16;

/**
 * The name under which a datastore keeps the data of this password's cluster; as slow to guess at
 * as the encryption itself.
 */
export async function bootstrapName(password: string): Promise<string> {
  return (await derive(password, 'skiff bootstrap name', rounds, 8, 'sha256')).toString('hex');
}

export async function sealBootstrap(
  data: BootstrapData,
  password: string,
  random: Random,
): Promise<Buffer> {
  return await sealText(JSON.stringify(data), password, random);
}

/** PBKDF2 and AES-256-GCM: what stands in a datastore that others can read. */
export async function sealText(text: string, password: string, random: Random): Promise<Buffer> {
  const salt = Buffer.from(random.bytes(saltBytes));
  const iv = Buffer.from(random.bytes(ivBytes));
  const cipher = createCipheriv(algorithm, await derive(password, salt, rounds, 32, 'sha256'), iv);
  cipher.setAAD(Buffer.from(mark));
  const body = Buffer.concat([cipher.update(text), cipher.final()]);
  return Buffer.from(
    [
      mark,
      salt.toString('base64'),
      Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64'),
    ].join(':'),
  );
}

export async function openBootstrap(sealed: Uint8Array, password: string): Promise<BootstrapData> {
  return checkBootstrap(JSON.parse(await openText(sealed, password)));
}

export async function openText(sealed: Uint8Array, password: string): Promise<string> {
  const [found, salt = '', body = ''] = Buffer.from(sealed).toString().split(':');
  if (found !== mark)
    throw new ConfigError('the bootstrap data in the datastore was written by another skiff', {
      op: 'bootstrap',
      hint: 'start all servers with the same version',
    });
  const bytes = Buffer.from(body, 'base64');
  const decipher = createDecipheriv(
    algorithm,
    await derive(password, Buffer.from(salt, 'base64'), rounds, 32, 'sha256'),
    bytes.subarray(0, ivBytes),
  );
  decipher.setAAD(Buffer.from(mark));
  decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
  try {
    const text = decipher.update(bytes.subarray(ivBytes + tagBytes));
    return Buffer.concat([text, decipher.final()]).toString();
  } catch (cause) {
    throw new ConfigError('the bootstrap data in the datastore cannot be opened with this token', {
      op: 'bootstrap',
      cause,
      hint: 'give the token of the cluster, as in server/token on one of its servers',
    });
  }
}

/**
 * Data from outside, checked for its shape: only known files, so that nothing is written elsewhere.
 */
export function checkBootstrap(input: unknown): BootstrapData {
  const data = input as Partial<BootstrapData> | null;
  if (data?.format !== bootstrapFormat)
    throw new ConfigError(
      `the cluster speaks another bootstrap format (${String(data?.format)}) than this skiff ` +
        `(${bootstrapFormat})`,
      { op: 'bootstrap', hint: 'start all servers with the same version' },
    );
  const files: Record<string, string> = {};
  for (const file of bootstrapFiles) {
    const text = data.files?.[file];
    if (typeof text === 'string') files[file] = text;
  }
  for (const file of [
    'tls/server-ca.crt',
    'tls/server-ca.key',
    'tls/client-ca.key',
    'tls/service.key',
  ]) {
    if (files[file] === undefined)
      throw new ConfigError(`the bootstrap data of the cluster lacks ${file}`, { op: 'bootstrap' });
  }
  return {
    format: bootstrapFormat,
    version: String(data.version ?? ''),
    settings: { ...data.settings },
    files,
  };
}

/**
 * Servers one minor version apart go together, as API servers of Kubernetes do (version skew
 * policy).
 */
export function versionsApart(own: string, theirs: string): boolean {
  const minor = (text: string): number => Number(/^v?\d+\.(\d+)/.exec(text)?.[1] ?? Number.NaN);
  return !(Math.abs(minor(own) - minor(theirs)) <= 1);
}
