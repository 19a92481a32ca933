import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SkiffError } from '../base/errors.ts';
import { realClock } from '../io/clock.ts';
import { silentLog } from '../io/log.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { runDatastore } from './datastore.ts';

let dir: string;
let said: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'skiff-cli-'));
  said = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(dir, { recursive: true, force: true });
});

const skiff = (...args: string[]): Promise<void> =>
  runDatastore([...args, '--data-dir', join(dir, 'data')]);
const db = (): string => join(dir, 'data/server/db');

async function fill(keys: number): Promise<void> {
  const store = await openSqliteStore({ dir: db(), clock: realClock, log: silentLog });
  for (let i = 0; i < keys; i++) await store.put({ key: `k${i}`, value: Buffer.from(String(i)) });
  await store.close();
}

describe('skiff datastore', () => {
  test('copies, checks and restores the store of a stopped server', async () => {
    await fill(5);
    const copy = join(dir, 'copy');
    await skiff('snapshot', copy);
    expect((statSync(copy).mode & 0o777).toString(8)).toBe('600');
    await fill(9);
    await skiff('restore', copy);
    await skiff('check');
    expect(said).toMatch(
      /copy: snapshot of the stopped store.*\n.*restored to revision 6; what was there is kept as .*\n.*store\.db: ok, revision 1000000006, 5 keys/,
    );
  });

  test.each([
    ['a folder without a store', ['snapshot', 'COPY'], /there is no store in/],
    ['no snapshot at all', ['restore', 'NONE'], /does not exist/],
    ['a file of something else', ['restore', 'TEXT'], /TEXT: file is not a database/],
    ['an empty file', ['check', 'EMPTY'], /EMPTY is neither a store of skiff nor/],
    ['no server', ['status'], /no server with a datastore of its own runs/],
    ['a command that there is not', ['polish'], /no command "polish"/],
    ['too much', ['hash', 'x'], /takes no argument "x"/],
  ])('says in one line what to do about %s, and makes nothing', async (_what, args, why) => {
    mkdirSync(db(), { recursive: true });
    writeFileSync(join(dir, 'TEXT'), 'this is a text and no snapshot');
    writeFileSync(join(dir, 'EMPTY'), '');
    const error = await skiff(
      ...args.map((word) => (/^[A-Z]+$/.test(word) ? join(dir, word) : word)),
    ).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(SkiffError);
    expect((error as SkiffError).message).toMatch(why);
    expect((error as SkiffError).message).not.toContain('\n');
    expect([readdirSync(db()), existsSync(join(dir, 'COPY')), said]).toEqual([[], false, '']);
  });

  test('does not put a file beside an etcd', async () => {
    await fill(1);
    await skiff('snapshot', join(dir, 'copy'));
    mkdirSync(join(db(), 'etcd/member'), { recursive: true });
    await expect(skiff('restore', join(dir, 'copy'))).rejects.toMatchObject({
      message: /keeps its state in an etcd/,
      hint: /--cluster-reset-restore-path/,
    });
  });
});
