/**
 * An ELF file of 64 bits without what only a debugger reads: sections that are not loaded. The same
 * bytes on every machine, whichever tools it has (System V ABI, chapter 4: the section header
 * table).
 */
export function strip(file: Buffer): Buffer {
  const sections = sectionsOf(file);
  const kept = sections.filter((section, i) => i === 0 || (section.flags & allocated) !== 0n);
  if (kept.some((section, i) => section !== sections[i]))
    throw new Error('loaded sections do not come first: their numbers would change');
  const end = Math.max(
    segmentsEnd(file),
    ...kept.map((section) => (section.type === noBits ? 0 : section.offset + section.size)),
  );
  if (sections.slice(kept.length).some((section) => section.size > 0 && section.offset < end))
    throw new Error('a section that is not loaded lies between those that are');
  const names = Buffer.from(
    [...kept.map((section) => section.name), '.shstrtab'].map((name) => `${name}\0`).join(''),
    'latin1',
  );
  const tableAt = Math.ceil((end + names.length) / 8) * 8;
  const out = Buffer.alloc(tableAt + (kept.length + 1) * headerBytes);
  file.copy(out, 0, 0, end);
  names.copy(out, end);
  let nameAt = 0;
  kept.forEach((section, i) => {
    section.header.copy(out, tableAt + i * headerBytes);
    out.writeUInt32LE(nameAt, tableAt + i * headerBytes);
    nameAt += section.name.length + 1;
  });
  const last = tableAt + kept.length * headerBytes;
  out.writeUInt32LE(nameAt, last);
  out.writeUInt32LE(stringTable, last + 4);
  out.writeBigUInt64LE(BigInt(end), last + 24);
  out.writeBigUInt64LE(BigInt(names.length), last + 32);
  out.writeBigUInt64LE(1n, last + 48);
  out.writeBigUInt64LE(BigInt(tableAt), 0x28);
  out.writeUInt16LE(kept.length + 1, 0x3c);
  out.writeUInt16LE(kept.length, 0x3e);
  return out;
}

const headerBytes = 64;
const noBits = 8;
const stringTable = 3;
const allocated = 2n;

interface Section {
  header: Buffer;
  name: string;
  type: number;
  flags: bigint;
  offset: number;
  size: number;
}

function sectionsOf(file: Buffer): Section[] {
  if (file.toString('latin1', 0, 4) !== '\x7fELF' || file[4] !== 2 || file[5] !== 1)
    throw new Error('not an ELF file of 64 bits, little endian');
  const [at, count, namesIndex] = [
    Number(file.readBigUInt64LE(0x28)),
    file.readUInt16LE(0x3c),
    file.readUInt16LE(0x3e),
  ];
  const headers = Array.from({ length: count }, (_, i) =>
    file.subarray(at + i * headerBytes, at + (i + 1) * headerBytes),
  );
  const namesAt = Number(headers[namesIndex]?.readBigUInt64LE(24) ?? 0n);
  return headers.map((header) => {
    const nameAt = namesAt + header.readUInt32LE(0);
    return {
      header,
      name: file.toString('latin1', nameAt, file.indexOf(0, nameAt)),
      type: header.readUInt32LE(4),
      flags: header.readBigUInt64LE(8),
      offset: Number(header.readBigUInt64LE(24)),
      size: Number(header.readBigUInt64LE(32)),
    };
  });
}

function segmentsEnd(file: Buffer): number {
  const [at, bytes, count] = [
    Number(file.readBigUInt64LE(0x20)),
    file.readUInt16LE(0x36),
    file.readUInt16LE(0x38),
  ];
  return Math.max(
    at + bytes * count,
    ...Array.from({ length: count }, (_, i) =>
      Number(file.readBigUInt64LE(at + i * bytes + 8) + file.readBigUInt64LE(at + i * bytes + 32)),
    ),
  );
}
