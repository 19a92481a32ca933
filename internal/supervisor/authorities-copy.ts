import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { ConfigError, messageOf } from '../base/errors.ts';
import {
  bootstrapFiles,
  bootstrapFormat,
  collectFiles,
  foreignFile,
  openBootstrap,
  sealBootstrap,
  writeFiles,
} from '../pki/bootstrap.ts';
import type { Store } from '../store/store.ts';
import type { ServerConfig } from './config.ts';
import type { Doors } from './doors.ts';
import { kubernetesVersion } from './release.ts';

/**
 * Outside /registry, so that no API server ever reads it as an object, and not where servers that
 * share a datastore keep theirs (bootstrap.ts).
 */
export const copyKey = '/skiff/authorities';

/**
 * The authorities and the signing key. Keys of encrypted Secrets are left out: whoever takes the
 * datastore's file must not find them in it.
 */
const copied = bootstrapFiles.filter((file) => /^tls\/[^/]+$/.test(file));

interface CopyOptions {
  config: Pick<ServerConfig, 'dataDir'>;
  doors: Pick<Doors, 'disk' | 'random' | 'log'>;
  /** The cluster's password, which seals the copy. */
  password: string;
}

/**
 * Keeps a copy of `server/tls` in the store that rests on it, sealed with the token. Written only
 * when authorities or token are others than those of the copy, so a start writes nothing as a rule.
 * `next`: files that will be written to the disk once this is done.
 */
export async function keepAuthorities(
  store: Store,
  { config, doors, password, next }: CopyOptions & { next?: Record<string, string> },
): Promise<void> {
  const onDisk = await collectFiles(doors.disk, join(config.dataDir, 'server'));
  const there = { ...onDisk, ...next };
  // A whole copy is worth more than a newer half of one.
  if (copied.some((file) => there[file] === undefined)) return;
  const files = Object.fromEntries(copied.map((file) => [file, there[file] ?? '']));
  const mark = markOf(files, password);
  const found = (await store.range({ key: copyKey })).kvs[0];
  if (found && split(found.value).mark === mark) return;
  const data = { format: bootstrapFormat, version: kubernetesVersion, settings: {}, files };
  const sealed = await sealBootstrap(data, password, doors.random);
  await store.put({ key: copyKey, value: Buffer.from(`${mark}\n${sealed.toString()}`) });
}

/**
 * Puts back what is missing or damaged of `server/tls`, and says so. Gives the names of the files;
 * undefined when the store has no copy. Throws when the copy is sealed with another token, or is of
 * other authorities than those that are left here.
 */
export async function restoreAuthorities(
  store: Store,
  { config, doors, password }: CopyOptions,
): Promise<string[] | undefined> {
  const found = (await store.range({ key: copyKey })).kvs[0];
  if (!found) return undefined;
  const dir = join(config.dataDir, 'server');
  const { files } = await openBootstrap(split(found.value).sealed, password);
  const foreign = await foreignFile(doors.disk, dir, files);
  if (foreign !== undefined)
    throw new ConfigError(
      `${join(dir, foreign)} is another than the one of which the datastore holds a copy`,
      { op: 'bootstrap', hint: `move ${join(dir, 'tls')} away: it is restored from the datastore` },
    );
  const written = await writeFiles(doors.disk, dir, files);
  doors.log.warn(
    'authorities of this cluster were lost or damaged, and are restored from their copy in the ' +
      'datastore',
    { dir, files: written },
  );
  return written;
}

/** As restoreAuthorities, after `lost` was met: what stands in the way is told beside it. */
export async function restoreLost(
  store: Store,
  options: CopyOptions,
  lost: ConfigError,
): Promise<void> {
  let restored: string[] | undefined;
  try {
    restored = await restoreAuthorities(store, options);
  } catch (error) {
    throw new ConfigError(
      `${lost.message}, and it cannot be restored from the datastore: ${messageOf(error)}`,
      {
        op: lost.op,
        cause: error,
        hint: (error instanceof ConfigError ? error.hint : undefined) ?? lost.hint,
      },
    );
  }
  if (restored === undefined) throw lost;
}

const split = (value: Uint8Array): { mark: string; sealed: Buffer } => {
  const bytes = Buffer.from(value);
  const end = bytes.indexOf('\n');
  return { mark: bytes.subarray(0, end).toString(), sealed: bytes.subarray(end + 1) };
};

/**
 * Tells in microseconds whether a copy is of these files and this password. Keyed with what only
 * the server has, so that nobody can try passwords at it.
 */
function markOf(files: Record<string, string>, password: string): string {
  const secret = [files['tls/server-ca.key'], files['tls/service.key']].join('\n');
  return createHmac('sha256', secret)
    .update(JSON.stringify([password, files]))
    .digest('hex');
}
