import { X509Certificate } from 'node:crypto';
import type { UserInfo } from '../options.ts';

/** What a verified client certificate says: CN is the user, each O a group (authentication/request/x509). */
export class CertificateAuthenticator {
  readonly #issuers: X509Certificate[];
  readonly #known = new WeakMap<object, UserInfo | null>();
  readonly #now: () => number;

  constructor(caPem: string, now: () => number) {
    this.#issuers = splitPem(caPem).map((pem) => new X509Certificate(pem));
    this.#now = now;
  }

  /** The user of a TLS socket, remembered for the socket's life. */
  userOf(socket: object): UserInfo | undefined {
    const known = this.#known.get(socket);
    if (known !== undefined) return known ?? undefined;
    const certificate = peerOf(socket);
    const user = certificate ? this.verify(certificate) : undefined;
    this.#known.set(socket, user ?? null);
    return user;
  }

  verify(certificate: X509Certificate): UserInfo | undefined {
    const now = this.#now();
    if (now < Date.parse(certificate.validFrom) || now > Date.parse(certificate.validTo)) return undefined;
    if (!this.#issuers.some((ca) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey))) return undefined;
    const usages = certificate.keyUsage as string[] | undefined;
    if (usages && !usages.includes('1.3.6.1.5.5.7.3.2') && !usages.includes('2.5.29.37.0')) return undefined;
    const subject = readSubject(certificate.subject);
    if (!subject.name) return undefined;
    return { name: subject.name, groups: [...subject.groups, 'system:authenticated'], extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint(certificate)}`] } };
  }
}

export function peerOf(socket: object): X509Certificate | undefined {
  const tls = socket as { getPeerX509Certificate?: () => X509Certificate | undefined };
  return tls.getPeerX509Certificate?.();
}

function fingerprint(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

/** Lines `CN=x`, `O=y`; several values of one kind may share a line, joined by ` + ` in a multi-valued name. */
function readSubject(subject: string): { name: string; groups: string[] } {
  const groups: string[] = [];
  let name = '';
  for (const line of subject.split('\n').flatMap((one) => one.split(/(?<!\\)\+(?=[A-Za-z.]+=)/))) {
    const eq = line.indexOf('=');
    const key = line.slice(0, eq).trim();
    const value = line.slice(eq + 1).replaceAll(/\\(.)/g, '$1');
    if (key === 'CN') name = value;
    else if (key === 'O') groups.push(value);
  }
  return { name, groups };
}

export function splitPem(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
}
