import type { Socket } from 'node:net';

/** A record's type, version and length (RFC 8446, 5.1). */
const headBytes = 5;
const handshakeType = 22;
const longestRecord = 1 << 14;

/**
 * Calls `ready` once the client has sent its whole first record, the ClientHello, or what is none;
 * nothing is taken from the socket. Until then there is no TLS: a client that stays silent or stops
 * half way costs a socket and not the 75 KB (measured) that TLS takes for it. `ready` gets what has
 * come.
 */
export function whenHello(socket: Socket, ready: (hello: Buffer) => void): void {
  let got: Buffer = Buffer.alloc(0);
  const read = (): void => {
    const part = socket.read() as Buffer | null;
    if (!part) return;
    got = got.length ? Buffer.concat([got, part]) : part;
    if (!isWhole(got)) return;
    socket.off('readable', read);
    socket.unshift(got);
    ready(got);
  };
  socket.on('readable', read);
}

/** Whether the TLS library can say what it thinks of these bytes without more of them. */
function isWhole(bytes: Buffer): boolean {
  if (bytes.length > 0 && bytes[0] !== handshakeType) return true;
  if (bytes.length < headBytes) return false;
  const length = bytes.readUInt16BE(3);
  return length > longestRecord || bytes.length >= headBytes + length;
}
