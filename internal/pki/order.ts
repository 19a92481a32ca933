import { sign, verify, X509Certificate } from 'node:crypto';
import { pemBlocks } from '../base/x509/pem.ts';
import type { Identity } from './certificate.ts';

/** What a server tells one node to do. Its words never begin as a certificate does. */
export interface Order {
  node: string;
  /** The version to run from now on. */
  version: string;
  /** What the node has just said: an order counts once. */
  nonce: string;
}

const textOf = ({ node, version, nonce }: Order): Buffer =>
  Buffer.from(`skiff upgrade order v1\n${JSON.stringify([node, version, nonce])}\n`);

/** Signs an order with the key of the servers' authority, which no node has. In base64url. */
export const signOrder = (order: Order, authority: Identity): string =>
  sign('sha256', textOf(order), authority.key).toString('base64url');

/** Whether one of these authorities (PEM) has signed the order. */
export function isOrderOf(authorities: string, order: Order, signature: string): boolean {
  const bytes = Buffer.from(signature, 'base64url');
  return pemBlocks(authorities).some(({ bytes: der }) => {
    try {
      const key = new X509Certificate(der).publicKey;
      return verify('sha256', textOf(order), key, bytes);
    } catch {
      return false;
    }
  });
}
