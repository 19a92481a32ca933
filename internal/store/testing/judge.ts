import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { FakeClock } from '../../io/clock-fake.ts';
import type { Random } from '../../io/random.ts';
import type { Encryption } from '../cipher.ts';
import type { LogStore } from '../log-store.ts';
import { checkFile } from '../sqlite/upkeep.ts';
import {
  type Expectation,
  hardAfter,
  type KeySpace,
  softPrefix,
  type Version,
  versionOf,
} from './ledger.ts';

/** What a store shows. */
export interface Found {
  keys: KeySpace;
  leases: Map<string, number>;
  revision: number;
}

export async function look(store: LogStore, revision = 0): Promise<Found> {
  const { kvs } = await store.range({ key: '\0', end: '\0', revision });
  const leases = new Map<string, number>();
  for (const id of await store.leases())
    leases.set(id, (await store.leaseTimeToLive(id)).grantedTtlSeconds);
  return {
    keys: new Map(kvs.map((kv) => [kv.key, versionOf(kv)])),
    leases,
    revision: store.revision,
  };
}

/**
 * Throws when a store that was opened after a power cut shows what it must not, or lacks what it
 * must have.
 */
export async function judge(
  store: LogStore,
  expected: Expectation,
  random: Random,
): Promise<Found> {
  const found = await look(store);
  const hard = hardAfter(found.keys, []);
  const fitting = expected.hard.find((state) => isDeepStrictEqual(state, hard));
  if (fitting === undefined)
    throw new Error(
      'hard state is neither all that was told nor that and the next batch\n' +
        `${differences(expected.hard[0] as KeySpace, hard)}`,
    );
  for (const [key, version] of found.keys)
    if (key.startsWith(softPrefix)) requireSoft(key, version, expected);
  for (const key of expected.soft.keys())
    if (!found.keys.has(key)) requireSoft(key, undefined, expected);
  requireThat(
    found.revision >= expected.revision,
    `revision ${found.revision} went back behind ${expected.revision}`,
  );
  if (expected.revisions)
    requireThat(
      expected.revisions.includes(found.revision),
      `revision ${found.revision} is none of ${expected.revisions.join()}`,
    );
  for (const [id, ttl] of expected.leases.must)
    requireThat(found.leases.get(id) === ttl, `lease ${id} is gone`);
  for (const id of found.leases.keys())
    requireThat(expected.leases.may.has(id), `lease ${id} was revoked, or never granted`);
  requireThat(
    store.compactRevision >= expected.compacted,
    `compaction ${expected.compacted} is forgotten, it is ${store.compactRevision}`,
  );
  for (const { revision, compacted, hash } of expected.hashes) {
    if (store.compactRevision === compacted && revision >= compacted)
      requireThat(
        store.hashKv(revision).hash === hash,
        `the hash of revision ${revision} has changed`,
      );
  }
  const { count } = await store.range({ key: '\0', end: '\0', countOnly: true });
  requireThat(count === found.keys.size, `${found.keys.size} keys and a count of ${count}`);
  if (expected.revisions) await judgeHistory(store, expected, random);
  return found;
}

/** Reads the past at one of the revisions that are kept. */
async function judgeHistory(store: LogStore, expected: Expectation, random: Random): Promise<void> {
  const oldest = Math.max(store.compactRevision, 1);
  const revision = oldest + random.int(store.revision - oldest + 1);
  const last = new Map<string, Version>();
  for (const [key, version] of expected.history)
    if (version.mod <= revision) last.set(key, version);
  const then = await look(store, revision);
  for (const [key, version] of last) {
    const shown = then.keys.get(key);
    requireThat(
      version.value === undefined ? shown === undefined : isDeepStrictEqual(shown, version),
      `${key} as of revision ${revision} is ${show(shown)}, not ${show(version)}`,
    );
  }
}

/** Snapshots that were answered are whole; one that was not is whole or not there. */
export async function judgeSnapshots(
  dir: string,
  expected: Expectation,
  names: string[],
  encryption: Encryption | undefined,
): Promise<void> {
  for (const { path, revision } of expected.snapshots) {
    requireThat(existsSync(join(dir, path)), `the snapshot ${path} is gone`);
    const checked = await checkFile(join(dir, path), new FakeClock(), encryption);
    requireThat(
      checked.revision >= revision,
      `the snapshot ${path} is of revision ${checked.revision}, not ${revision}`,
    );
  }
  for (const name of names) await checkFile(join(dir, name), new FakeClock(), encryption);
}

function requireSoft(key: string, version: Version | undefined, { soft }: Expectation): void {
  const allowed = soft.get(key) ?? [undefined];
  requireThat(
    allowed.some((v) => isDeepStrictEqual(v, version)),
    `${key} is ${show(version)}, none of ${allowed.map(show).join(' ')}`,
  );
}

export function requireThat(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

const show = (version: Version | undefined): string =>
  version === undefined ? 'absent' : `${version.value}@${version.mod}`;

function differences(expected: KeySpace, found: KeySpace): string {
  const keys = [...new Set([...expected.keys(), ...found.keys()])].filter(
    (key) => !isDeepStrictEqual(expected.get(key), found.get(key)),
  );
  return keys
    .slice(0, 10)
    .map((key) => `${key}: told ${show(expected.get(key))}, found ${show(found.get(key))}`)
    .join('\n');
}
