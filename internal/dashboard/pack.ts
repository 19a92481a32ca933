/**
 * All files of the page in one: the length of a table (four bytes, big-endian), the table as JSON,
 * then the files one behind the other, each packed by gzip. `build/dashboard.ts` writes it.
 */
interface Entry {
  name: string;
  type: string;
  forever: boolean;
  size: number;
}

export interface PageFile {
  type: string;
  /** Its name says what is in it: another content has another name. */
  forever: boolean;
  gzip: Uint8Array;
}

export function openPack(bytes: Uint8Array): Map<string, PageFile> {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const table = JSON.parse(Buffer.from(bytes.subarray(4, 4 + length)).toString()) as Entry[];
  const files = new Map<string, PageFile>();
  let at = 4 + length;
  for (const { name, type, forever, size } of table) {
    files.set(name, { type, forever, gzip: bytes.subarray(at, at + size) });
    at += size;
  }
  return files;
}

export function makePack(files: ReadonlyMap<string, PageFile>): Uint8Array {
  const table = [...files].map(([name, { type, forever, gzip }]): Entry => ({
    name,
    type,
    forever,
    size: gzip.length,
  }));
  const head = Buffer.from(JSON.stringify(table));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, ...[...files.values()].map(({ gzip }) => gzip)]);
}
