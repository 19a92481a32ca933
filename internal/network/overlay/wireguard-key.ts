import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { ConfigError } from '../../base/errors.ts';
import type { Disk } from '../../io/disk.ts';

declare const made: unique symbol;
/** 32 bytes in base64. Only this module makes one. */
export type WireguardKey = string & { readonly [made]: 'wireguard-key' };

/** The last letter carries four bits, the two below them are zero. */
const shape = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

export const parseKey = (text: unknown): WireguardKey | undefined =>
  typeof text === 'string' && shape.test(text) ? (text as WireguardKey) : undefined;

/** PKCS #8 of X25519 (RFC 8410) up to the key itself. */
const pkcs8 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const keyBytes = 32;

/** The node's key pair: made here once, and the private half never leaves this machine. */
export async function ownKey(
  disk: Disk,
  path: string,
): Promise<{ path: string; publicKey: WireguardKey }> {
  let text = (await disk.readIfThere('wireguard.key', path))?.toString().trim();
  if (text === undefined || !parseKey(text)) {
    const { privateKey } = generateKeyPairSync('x25519');
    const der = privateKey.export({ format: 'der', type: 'pkcs8' });
    text = der.subarray(-keyBytes).toString('base64');
    await disk.writeAtomic('wireguard.key', path, `${text}\n`, { mode: 0o600 });
  }
  const key = createPrivateKey({
    key: Buffer.concat([pkcs8, Buffer.from(text, 'base64')]),
    format: 'der',
    type: 'pkcs8',
  });
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const publicKey = parseKey(der.subarray(-keyBytes).toString('base64'));
  if (!publicKey) throw new ConfigError(`${path} holds no key`, { op: 'wireguard' });
  return { path, publicKey };
}
