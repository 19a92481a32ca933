import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  linkSync,
  openSync,
  readSync,
  closeSync,
  fstatSync,
  renameSync,
  rmSync,
  truncateSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../io/clock.ts';
import type { Encryption } from '../cipher.ts';
import { StoreError } from '../errors.ts';
import { censusOfEtcdFile, convertEtcdFile, isEtcdFile } from './from-etcd.ts';
import { makeStoreDir, syncFile, syncFolder } from './folder.ts';
import { copyDatabase, LogFile, openDatabase } from './log-file.ts';
import { explained, readLog } from './open.ts';
import { applicationId, fileName } from './schema.ts';

/** A restored store starts so much later: clients may hold any revision the lost one handed out. */
const restoreRevisionStep = 1_000_000_000;
const digestBytes = 32;
const pageBytes = 512;
const digestedAtOnce = 1024 * 1024;

export interface CheckResult {
  revision: number;
  compactRevision: number;
  keys: number;
  rows: number;
  bytes: number;
  clean: boolean;
  /** The file is one of etcd's. */
  ofEtcd?: boolean;
}

/**
 * Checks a store's file (or a snapshot, of ours or of etcd's) to the last byte without changing it.
 * Throws StoreError CORRUPT.
 */
export async function checkFile(
  path: string,
  clock: Clock,
  encryption?: Encryption,
): Promise<CheckResult> {
  if (!existsSync(path))
    throw new StoreError('INVALID_ARGUMENT', `${path} does not exist`, { op: 'check' });
  if (isEtcdFile(path)) {
    const bytes = checkDigest(path);
    return {
      ...censusOfEtcdFile(path),
      bytes: bytes ?? statSync(path).size,
      clean: true,
      ofEtcd: true,
    };
  }
  const db = await openDatabase(path, { readonly: true });
  try {
    if (db.pragma('application_id', { simple: true }) !== applicationId)
      throw new StoreError('CORRUPT', `${path} is neither a store of skiff nor a snapshot of one`, {
        op: 'check',
        hint: 'is it the right file?',
      });
    const faults = db.pragma('integrity_check(5)', { simple: false }) as {
      integrity_check: string;
    }[];
    if (faults[0]?.integrity_check !== 'ok')
      throw new StoreError('CORRUPT', faults.map((f) => f.integrity_check).join('; '), {
        op: 'check',
      });
    const { recovered, census } = readLog(db, clock, encryption);
    const { state } = recovered;
    let keys = 0;
    state.index.scan('\0', '\0', (head) => {
      if (state.lives(head)) keys++;
      return true;
    });
    const bytes =
      (db.pragma('page_count', { simple: true }) as number) *
      (db.pragma('page_size', { simple: true }) as number);
    return {
      revision: state.published,
      compactRevision: Math.max(0, state.compactRevision),
      keys,
      rows: census.rows,
      bytes,
      clean: !recovered.unclean,
    };
  } catch (error) {
    throw explained(error, path);
  } finally {
    db.close();
  }
}

/** Copies the store of a stopped server to one file. */
export async function snapshotStopped(dir: string, target: string): Promise<void> {
  const path = join(dir, fileName);
  if (!existsSync(path))
    throw new StoreError('INVALID_ARGUMENT', `there is no store in ${dir}`, {
      op: 'snapshot',
      hint: 'is --data-dir right?',
    });
  const db = await openDatabase(path);
  try {
    db.pragma('busy_timeout = 0');
    copyDatabase(db, target);
  } catch (error) {
    throw explained(error, path);
  } finally {
    db.close();
  }
}

interface RestoreOptions {
  snapshot: string;
  dir: string;
  clock: Clock;
  encryption?: Encryption;
}

/**
 * Puts a snapshot (ours, or one that etcdctl saved from us or from an etcd) in the place of the
 * store below `dir`. What was there is kept beside it. Returns the path it was moved to.
 */
export async function restoreSnapshot(
  options: RestoreOptions,
): Promise<{ kept: string | undefined; revision: number }> {
  const { snapshot, dir, clock } = options;
  makeStoreDir(dir);
  const path = join(dir, fileName);
  const fresh = `${path}.restore`;
  rmSync(fresh, { force: true });
  const checked = await prepare(options, fresh).catch((error: unknown) => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(fresh + suffix, { force: true });
    throw ofSnapshot(error, fresh, snapshot);
  });
  let kept: string | undefined;
  if (existsSync(path)) {
    await makeSureStopped(path);
    kept = `${path}.${new Date(clock.now()).toISOString().replace(/[:.]/g, '-')}`;
    // The store has its second name before the snapshot takes the first: a power cut leaves the one
    // or the other.
    secondName(path, kept);
    for (const suffix of ['-wal', '-shm'])
      if (existsSync(path + suffix)) renameSync(path + suffix, kept + suffix);
    // A write-ahead log that came back beside the restored file would be played into it.
    syncFolder(dir);
  }
  renameSync(fresh, path);
  syncFolder(dir);
  return { kept, revision: checked.revision };
}

/** FAT knows no links: a copy does as well, if there is room. */
function secondName(path: string, name: string): void {
  try {
    linkSync(path, name);
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'EMLINK'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error;
    copyFileSync(path, name);
    syncFile(name);
  }
}

/** Makes the file that is to be the store from a snapshot; all of it is checked, and durable. */
async function prepare(
  { snapshot, clock, encryption }: RestoreOptions,
  fresh: string,
): Promise<CheckResult> {
  if (!existsSync(snapshot))
    throw new StoreError('INVALID_ARGUMENT', `${snapshot} does not exist`, {
      op: 'restore',
      hint: 'nothing was changed',
    });
  if (isEtcdFile(snapshot)) {
    checkDigest(snapshot);
    await convertEtcdFile({ source: snapshot, target: fresh, clock, encryption });
  } else {
    copyFileSync(snapshot, fresh);
    const bytes = checkDigest(fresh);
    if (bytes !== undefined) truncateSync(fresh, bytes);
  }
  const checked = await checkFile(fresh, clock, encryption);
  await raiseRevision(fresh, clock, encryption);
  syncFile(fresh);
  return checked;
}

/** What is wrong with the copy is wrong with the snapshot; in one line. */
function ofSnapshot(error: unknown, fresh: string, snapshot: string): unknown {
  if (!(error instanceof StoreError)) return error;
  const hint =
    error.hint === undefined || error.hint.startsWith('nothing was changed; restore')
      ? 'nothing was changed; take another snapshot'
      : error.hint;
  return new StoreError(
    error.code,
    error.message.replaceAll(fresh, snapshot).replace(/\s*\n\s*/g, ' '),
    { op: 'restore', cause: error, hint },
  );
}

/** Throws when another process has the store open. A damaged file is nobody's. */
async function makeSureStopped(path: string): Promise<void> {
  const db = await openDatabase(path);
  try {
    db.exec('BEGIN EXCLUSIVE; ROLLBACK');
  } catch (error) {
    if ((error as { code?: string }).code === 'SQLITE_BUSY') throw explained(error, path);
  } finally {
    db.close();
  }
}

/** Seals the log as one that was not closed in order and had handed out revisions far above. */
async function raiseRevision(
  path: string,
  clock: Clock,
  encryption: Encryption | undefined,
): Promise<void> {
  const db = await openDatabase(path);
  const { recovered, census } = readLog(db, clock, encryption);
  const log = new LogFile(db, { census, encryption });
  const revision = recovered.state.published;
  log.commit({
    rows: new Uint8Array(0),
    rowCount: 0,
    firstSeq: recovered.nextSeq,
    deletes: new Float64Array(0),
    seal: { revision, ceiling: revision + restoreRevisionStep, horizon: revision, clean: false },
  });
  log.close();
}

/**
 * etcdctl writes the SHA-256 of a snapshot behind it. Checks it, and returns how long the file is
 * without.
 */
function checkDigest(path: string): number | undefined {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    if (size % pageBytes !== digestBytes) return undefined;
    const hash = createHash('sha256');
    const body = size - digestBytes;
    const piece = Buffer.alloc(digestedAtOnce);
    for (let at = 0; at < body;) {
      const got = readSync(file, piece, 0, Math.min(piece.length, body - at), at);
      if (got === 0) break;
      hash.update(piece.subarray(0, got));
      at += got;
    }
    readSync(file, piece, 0, digestBytes, body);
    if (!hash.digest().equals(piece.subarray(0, digestBytes)))
      throw new StoreError('CORRUPT', `${path}: the snapshot does not match its checksum`, {
        op: 'restore',
        hint: 'take another snapshot',
      });
    return body;
  } finally {
    closeSync(file);
  }
}
