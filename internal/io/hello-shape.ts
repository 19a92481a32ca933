import { createHash } from 'node:crypto';

/** Before the cipher suites: heads of record and handshake, version, random (RFC 8446, 4.1.2). */
const fixedBytes = 5 + 4 + 2 + 32;
const clientHelloType = 1;
/**
 * Extensions whose content says what the client's software can do, and not what this connection is:
 * groups, signatures, protocols, versions.
 */
const telling: ReadonlySet<number> = new Set([10, 13, 16, 43, 50]);
/** Shapes are compared, not kept secret. */
const shapeBytes = 9;

/**
 * What stays the same in each ClientHello of one program: its cipher suites, extensions and what it
 * says in them. '' for what is no whole ClientHello in one record. `hello` begins with the record's
 * head. Clients that are not what they look like are no danger: who a client is is never taken from
 * it.
 */
export function shapeOf(hello: Buffer): string {
  try {
    return read(hello);
  } catch (error) {
    if (error instanceof RangeError) return '';
    throw error;
  }
}

/** Throws RangeError where the hello ends too soon. */
function read(hello: Buffer): string {
  if (hello.readUInt8(5) !== clientHelloType) return '';
  const afterSession = fixedBytes + 1 + hello.readUInt8(fixedBytes);
  const ciphersEnd = afterSession + 2 + hello.readUInt16BE(afterSession);
  const parts: string[] = [];
  for (let at = afterSession + 2; at < ciphersEnd; at += 2)
    if (!isGrease(hello.readUInt16BE(at))) parts.push(hello.toString('hex', at, at + 2));
  const from = ciphersEnd + 1 + hello.readUInt8(ciphersEnd);
  const end = from + 2 + hello.readUInt16BE(from);
  if (end > hello.length) return '';
  const extensions: string[] = [];
  for (let at = from + 2; at < end;) {
    const [type, length] = [hello.readUInt16BE(at), hello.readUInt16BE(at + 2)];
    if (!isGrease(type))
      extensions.push(
        telling.has(type) ? `${type}=${hello.toString('hex', at + 4, at + 4 + length)}` : `${type}`,
      );
    at += 4 + length;
  }
  // Some programs send them in another order each time.
  return createHash('sha1')
    .update([...parts, ...extensions.toSorted()].join())
    .digest()
    .toString('base64', 0, shapeBytes);
}

/** Values that mean nothing and differ from time to time (RFC 8701). */
const isGrease = (value: number): boolean =>
  (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);
