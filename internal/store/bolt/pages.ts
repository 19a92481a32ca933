/**
 * The pages of a bbolt file (https://github.com/etcd-io/bbolt, "Database internals"): numbers are
 * little-endian, every page begins with its number, kind, count of elements and count of pages that
 * follow it as part of it.
 */
export const pageBytes = 4096;
export const pageKinds = { branch: 1, leaf: 2, meta: 4, freelist: 16 } as const;
export const pageHeaderBytes = 16;
export const elementBytes = 16;
/**
 * Marks a leaf's element whose value is a bucket: the page of its root, and a counter nobody uses
 * here.
 */
export const bucketFlag = 1;
export const bucketHeaderBytes = 16;
const magic = 0xed0cdaed;
const version = 2;
const metaBytes = 64;
const checksumAt = 56;

export function pageHeader(
  page: Buffer,
  id: number,
  kind: number,
  count: number,
  overflow: number,
): void {
  page.writeBigUInt64LE(BigInt(id), 0);
  page.writeUInt16LE(kind, 8);
  page.writeUInt16LE(count, 10);
  page.writeUInt32LE(overflow, 12);
}

export interface Meta {
  /** Root page of the bucket that holds all buckets. */
  root: number;
  freelist: number;
  /** How many pages there are. */
  pages: number;
  /** Of the two meta pages, the one with the higher number counts. */
  transaction: number;
}

export function metaPage(id: number, meta: Meta): Buffer {
  const page = Buffer.alloc(pageBytes);
  pageHeader(page, id, pageKinds.meta, 0, 0);
  const body = page.subarray(pageHeaderBytes, pageHeaderBytes + metaBytes);
  body.writeUInt32LE(magic, 0);
  body.writeUInt32LE(version, 4);
  body.writeUInt32LE(pageBytes, 8);
  body.writeBigUInt64LE(BigInt(meta.root), 16);
  body.writeBigUInt64LE(BigInt(meta.freelist), 32);
  body.writeBigUInt64LE(BigInt(meta.pages), 40);
  body.writeBigUInt64LE(BigInt(meta.transaction), 48);
  body.writeBigUInt64LE(fnv1a(body.subarray(0, checksumAt)), checksumAt);
  return page;
}

/** The meta page in `page`, which is page `id`; undefined when it is none, or torn. */
export function readMeta(
  page: Buffer,
  id: number,
): { pageBytes: number; root: number; transaction: number } | undefined {
  const body = page.subarray(pageHeaderBytes, pageHeaderBytes + metaBytes);
  if (
    body.length < metaBytes ||
    page.readBigUInt64LE(0) !== BigInt(id) ||
    body.readUInt32LE(0) !== magic ||
    body.readUInt32LE(4) !== version
  )
    return undefined;
  if (body.readBigUInt64LE(checksumAt) !== fnv1a(body.subarray(0, checksumAt))) return undefined;
  return {
    pageBytes: body.readUInt32LE(8),
    root: Number(body.readBigUInt64LE(16)),
    transaction: Number(body.readBigUInt64LE(48)),
  };
}

/** FNV-1a of 64 bits (http://www.isthe.com/chongo/tech/comp/fnv). */
function fnv1a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
