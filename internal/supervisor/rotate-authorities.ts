import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { issueCa, type Identity } from '../pki/certificate.ts';
import { collectFiles, writeFiles } from '../pki/bootstrap.ts';
import { successorOf } from '../pki/overlap.ts';
import { readPair } from '../pki/pair-files.ts';
import type { Store } from '../store/store.ts';
import { keepAuthorities } from './authorities-copy.ts';
import { readBootstrap, writeBootstrap } from './bootstrap.ts';
import type { ServerConfig } from './config.ts';
import type { Doors } from './doors.ts';

const op = 'authorities';
const names = ['server-ca', 'client-ca', 'request-header-ca'] as const;

export interface RotateOptions {
  config: Pick<ServerConfig, 'dataDir'>;
  doors: Pick<Doors, 'disk' | 'clock' | 'random' | 'log'>;
  store: Store;
  shared: boolean;
  password: string;
  /** A folder with authorities of the operator's own: `server-ca.crt` and `.key`, and so on. */
  path?: string;
  /** The old authorities are no longer trusted: they may have been stolen. */
  force: boolean;
}

/**
 * Puts other authorities in the place of those that servers and clients are vouched for by. Each is
 * vouched for by the one before it, and what that one has signed stays good: nobody has to be told.
 * They are in force from the next start of each server. Gives the names of the files.
 */
export async function rotateAuthorities(options: RotateOptions): Promise<string[]> {
  const { config, doors, store, shared, password, force } = options;
  const dir = join(config.dataDir, 'server');
  if (shared && force)
    throw new ConfigError('--force is for a server that has no others', {
      op,
      hint: 'leave it out: the old authorities are trusted until they end',
    });
  for (;;) {
    const found = shared ? await readBootstrap(store, password) : undefined;
    const before = found?.data.files ?? (await collectFiles(doors.disk, dir));
    const next = await successors(options, before);
    if (found) {
      // Every server, this one too, writes to its disk what it finds there.
      const data = { ...found.data, files: { ...found.data.files, ...next } };
      const { modRevision } = found;
      if (!(await writeBootstrap(store, { password, data, modRevision, random: doors.random })))
        continue;
    } else {
      // The copy first: from it comes back what a power cut leaves half written.
      await keepAuthorities(store, { config, doors, password, next });
      await writeFiles(doors.disk, dir, next);
    }
    doors.log.warn('the authorities of this cluster were changed', { files: Object.keys(next) });
    return Object.keys(next);
  }
}

async function successors(
  { doors, path, force }: RotateOptions,
  before: Record<string, string>,
): Promise<Record<string, string>> {
  const { clock, random } = doors;
  const issuing = { nowMs: clock.now(), earliestMs: clock.earliestMs(), random };
  const stamp = Math.floor(Math.max(issuing.nowMs, issuing.earliestMs) / 1000);
  const next: Record<string, string> = {};
  for (const name of names) {
    const [cert, key] = [before[`tls/${name}.crt`], before[`tls/${name}.key`]];
    const made =
      path === undefined
        ? issueCa({ ...issuing, cn: `skiff-${name.replace(/-ca$/, '')}-ca@${stamp}` })
        : await supplied(doors, path, name);
    if (made === undefined) continue;
    const file = cert && key && !force ? successorOf({ cert, key }, made, issuing) : made;
    next[`tls/${name}.crt`] = file.cert;
    next[`tls/${name}.key`] = file.key;
  }
  if (Object.keys(next).length === 0)
    throw new ConfigError(`${path} holds none of ${names.map((one) => `${one}.crt`).join(', ')}`, {
      op,
    });
  return next;
}

/** An authority of the operator's, judged before anything is changed. */
async function supplied(
  { disk, clock }: RotateOptions['doors'],
  path: string,
  name: string,
): Promise<Identity | undefined> {
  const found = await readPair(disk, path, name);
  if (found === undefined) return undefined;
  const refuse = (what: string): ConfigError =>
    new ConfigError(`${join(path, name)}.crt ${what}`, { op, hint: 'nothing was changed' });
  if ('fault' in found)
    throw new ConfigError(`${found.fault.file} ${found.fault.what}`, {
      op,
      hint: 'nothing was changed',
    });
  const cert = new X509Certificate(found.pair.cert);
  if (!cert.ca) throw refuse('is not the certificate of an authority');
  const [nowMs, from, to] = [clock.now(), Date.parse(cert.validFrom), Date.parse(cert.validTo)];
  if (nowMs < from || nowMs >= to) throw refuse('is not valid now');
  return found.pair;
}
