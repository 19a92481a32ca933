/** A message that breaks the rules of RFC 1035. */
export class DnsFault extends Error {}

/**
 * A domain name in wire form without compression: length-prefixed labels and the root's zero. Two
 * names are equal only label for label.
 */
export type WireName = Buffer;

const longestName = 255;
const longestLabel = 63;

/**
 * The name at an offset, and where reading goes on. Pointers lead strictly backwards, so none can
 * loop.
 */
export function readName(data: Buffer, at: number): { name: WireName; next: number } {
  const parts: Buffer[] = [];
  let next = -1;
  let size = 1;
  let lowest = at;
  for (let here = at; ;) {
    const length = data[here];
    if (length === undefined) throw new DnsFault('a name ends beyond the message');
    if (length === 0) {
      parts.push(Buffer.of(0));
      return { name: Buffer.concat(parts), next: next < 0 ? here + 1 : next };
    }
    if (length >= 0xc0) {
      if (here + 1 >= data.length) throw new DnsFault('a pointer ends beyond the message');
      if (next < 0) next = here + 2;
      here = data.readUInt16BE(here) & 0x3fff;
      if (here >= lowest) throw new DnsFault('a pointer does not lead backwards');
      lowest = here;
      continue;
    }
    if (length > longestLabel || here + 1 + length > data.length)
      throw new DnsFault('a label is too long');
    size += length + 1;
    if (size > longestName) throw new DnsFault('a name is too long');
    parts.push(data.subarray(here, here + 1 + length));
    here += 1 + length;
  }
}

/** One key for all spellings of a name: ASCII letters in lower case, every other byte as it is. */
export function nameKey(name: WireName): string {
  const copy = Buffer.from(name);
  for (let i = 0; i < copy.length; i++) {
    const byte = copy[i] as number;
    if (byte >= 0x41 && byte <= 0x5a) copy[i] = byte + 0x20;
  }
  return copy.toString('latin1');
}

/** The labels of a name, first to last, as bytes. */
function labelsOf(name: WireName): Buffer[] {
  const labels: Buffer[] = [];
  for (let at = 0; (name[at] ?? 0) > 0; at += 1 + (name[at] as number))
    labels.push(name.subarray(at + 1, at + 1 + (name[at] as number)));
  return labels;
}

/**
 * The name as `web.default.svc.cluster.local` in lower case; undefined where a label holds what no
 * host or service name does, such as a dot.
 */
export function nameText(name: WireName): string | undefined {
  const labels = labelsOf(name).map((label) => label.toString('latin1').toLowerCase());
  return labels.every((label) => /^[a-z0-9_-]+$/.test(label)) ? labels.join('.') : undefined;
}

/**
 * Wire form of a dotted name; the last dot may be there. Throws DnsFault for what is not a name.
 */
export function nameOf(text: string): WireName {
  const labels = text === '' || text === '.' ? [] : text.replace(/\.$/, '').split('.');
  const parts = labels.map((label) => {
    const bytes = Buffer.from(label);
    if (bytes.length === 0 || bytes.length > longestLabel)
      throw new DnsFault(`not a name: ${JSON.stringify(text.slice(0, 80))}`);
    return Buffer.concat([Buffer.of(bytes.length), bytes]);
  });
  const name = Buffer.concat([...parts, Buffer.of(0)]);
  if (name.length > longestName) throw new DnsFault('a name is too long');
  return name;
}

/** Whether a name is `zone` or below it, label for label. */
export function isWithin(name: WireName, zone: WireName): boolean {
  const key = nameKey(zone);
  for (let at = 0; ; at += 1 + (name[at] as number)) {
    if (nameKey(name.subarray(at)) === key) return true;
    if ((name[at] ?? 0) === 0) return false;
  }
}
