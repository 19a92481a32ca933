import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Rec } from '../record.ts';
import { etcdFile, readEtcdFile, type StoreContents } from './etcd-file.ts';
import { BoltReader, isBolt } from './reader.ts';
import { BoltWriter } from './writer.ts';

const identity = {
  memberId: '18446744073709551615',
  name: 'default',
  clientUrls: ['http://127.0.0.1:2379'],
  raftTerm: 2,
};
const readerOf =
  (file: Buffer) =>
  (at: number, length: number): Buffer =>
    file.subarray(at, at + length);

function fileOf(contents: StoreContents): Buffer {
  const pages: Buffer[] = [];
  const made = etcdFile(contents, identity);
  for (let step = made.next(); ; step = made.next()) {
    if (step.done === true) return Buffer.concat([step.value, ...pages]);
    pages.push(step.value);
  }
}

const plain = (rec: Rec): object => ({
  key: rec.key,
  value: Buffer.from(rec.value).toString('hex'),
  create: rec.createRevision,
  mod: rec.modRevision,
  version: rec.version,
  lease: rec.lease,
  sub: rec.sub,
});

const versions = fc
  .array(
    fc.record({
      key: fc.uint8Array({ minLength: 1, maxLength: 40 }),
      size: fc.oneof(fc.nat(300), fc.nat(20_000)),
      deleted: fc.boolean(),
      lease: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
    }),
    { maxLength: 200 },
  )
  .map((list) =>
    list.map(({ key, size, deleted, lease }, i) => {
      const place = {
        key: Buffer.from(key).toString('latin1'),
        modRevision: 2 + (i >> 1),
        sub: i & 1,
        soft: false,
        prev: undefined,
      };
      return new Rec(
        deleted
          ? { ...place, createRevision: 0, version: 0, lease: '0' }
          : {
              ...place,
              value: Buffer.alloc(size, i),
              createRevision: 2,
              version: i + 1,
              lease: lease.toString(),
            },
      );
    }),
  );

describe('a file of etcd', () => {
  test('gives back what was put into it', () => {
    fc.assert(
      fc.property(
        versions,
        fc.integer({ min: -1, max: 5 }),
        fc.uniqueArray(fc.bigInt(1n, 2n ** 63n - 1n), { maxLength: 90 }),
        (recs, compactRevision, ids) => {
          const leases = ids.map((id, i) => ({
            id: id.toString(),
            ttlSeconds: 100 + i,
            remainingSeconds: 1 + i,
          }));
          const file = fileOf({ revision: 1000, compactRevision, recs, leases });
          expect(file.length % 4096).toBe(0);
          const back = readEtcdFile(readerOf(file));
          expect([...back.recs].map(plain)).toEqual(recs.map(plain));
          expect(back.compactRevision).toBe(compactRevision > 0 ? compactRevision : -1);
          const byId = (a: { id: string }, b: { id: string }): number =>
            BigInt(a.id) < BigInt(b.id) ? -1 : 1;
          expect(back.leases.sort(byId)).toEqual(leases.sort(byId));
        },
      ),
      { numRuns: 30 },
    );
  });

  test('may have branches over branches', () => {
    const count = 30_000;
    const recs = Array.from(
      { length: count },
      (_, i) =>
        new Rec({
          key: `key${i}`,
          value: Buffer.alloc(100, i),
          createRevision: i + 2,
          modRevision: i + 2,
          version: 1,
          lease: '0',
          sub: 0,
          soft: false,
          prev: undefined,
        }),
    );
    const back = readEtcdFile(
      readerOf(fileOf({ revision: count + 1, compactRevision: -1, recs, leases: [] })),
    );
    let at = 0;
    for (const rec of back.recs) expect(rec.key).toBe(`key${at++}`);
    expect(at).toBe(count);
  });

  test('is known by its beginning, and read by the newer whole one of its two', () => {
    const file = fileOf({ revision: 1, compactRevision: -1, recs: [], leases: [] });
    expect(isBolt(readerOf(file))).toBe(true);
    expect(isBolt(readerOf(Buffer.from('SQLite format 3\0'.padEnd(8192, 'x'))))).toBe(false);
    expect(isBolt(readerOf(Buffer.alloc(10)))).toBe(false);
    file.fill(0xff, 4096 + 16, 4096 + 80);
    expect([...new BoltReader(readerOf(file)).bucket('auth')].map((e) => e.key.toString())).toEqual(
      ['authRevision'],
    );
  });

  test('that is damaged or cut is refused, whatever is wrong', () => {
    const recs = Array.from(
      { length: 300 },
      (_, i) =>
        new Rec({
          key: `k${i}`,
          value: Buffer.alloc(i * 20, 1),
          createRevision: 2,
          modRevision: i + 2,
          version: 1,
          lease: '0',
          sub: 0,
          soft: false,
          prev: undefined,
        }),
    );
    const whole = fileOf({ revision: 301, compactRevision: -1, recs, leases: [] });
    const read = (file: Buffer): number => [...readEtcdFile(readerOf(file)).recs].length;
    fc.assert(
      fc.property(
        fc.nat(whole.length - 1),
        fc.boolean(),
        fc.integer({ min: 1, max: 255 }),
        (at, cut, flip) => {
          const file = Buffer.from(cut ? whole.subarray(0, at) : whole);
          if (!cut) file[at] = (file[at] as number) ^ flip;
          try {
            // A flipped value is for the checksum behind the file to find.
            expect(read(file)).toBeLessThanOrEqual(300);
          } catch (error) {
            expect(error).toMatchObject({ code: 'CORRUPT' });
          }
        },
      ),
      { numRuns: 300 },
    );
    expect(() => read(whole.subarray(0, whole.length - 8192))).toThrow();
  });

  test('holds a bucket without entries', () => {
    const writer = new BoltWriter();
    const pages = [...writer.bucket('none', [])];
    const made = writer.finish();
    const step = made.next();
    if (step.done === true) throw new Error('no page for the root');
    const head = made.next().value;
    expect([
      ...new BoltReader(readerOf(Buffer.concat([head, ...pages, step.value]))).bucket('none'),
    ]).toEqual([]);
  });
});
