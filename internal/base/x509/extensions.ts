import { DerError, expectTag, items, readBoolean, readOid, tags, type Element } from './der.ts';

export interface Extension {
  id: string;
  critical: boolean;
  value: Buffer;
}

export const extensionIds = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  alternativeNames: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  crlPoints: '2.5.29.31',
  policies: '2.5.29.32',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

export const usageIds = {
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
  any: '2.5.29.37.0',
} as const;

/** Extensions by their identifier; one that stands twice says two things, so it is refused. */
export function readExtensions(element: Element | undefined): Map<string, Extension> {
  const found = new Map<string, Extension>();
  for (const one of items(element)) {
    const parts = items(one);
    const id = readOid(parts.shift());
    const critical = parts[0]?.tag === tags.boolean && readBoolean(parts.shift() as Element);
    const value = expectTag(parts.shift(), tags.octets).body;
    if (parts.length > 0) throw new DerError('x509: malformed extension');
    if (found.has(id)) throw new DerError('x509: certificate contains duplicate extensions');
    found.set(id, { id, critical, value });
  }
  return found;
}
