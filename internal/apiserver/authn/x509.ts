import { createHash } from 'node:crypto';
import { messageOf } from '../../base/errors.ts';
import { readCertificate, type Certificate } from '../../base/x509/certificate.ts';
import { verifyChain } from '../../base/x509/chain.ts';
import { attributes, commonNameOf, hasControlCharacter, valuesOf } from '../../base/x509/name.ts';
import { pemBlocks } from '../../base/x509/pem.ts';
import type { UserInfo } from './user.ts';

/**
 * What a client certificate comes to: a user, nobody in particular, or a reason why it is no good.
 */
export type Shown = { user: UserInfo | undefined } | { error: string };

/** Certificates that a holder may send along with its own. */
const maxIntermediates = 10;

/**
 * What a verified client certificate says: CN is the user, each O a group
 * (authentication/request/x509).
 */
export class CertificateAuthenticator {
  readonly #roots: Certificate[];
  readonly #known = new WeakMap<object, { shown: Shown; untilMs: number } | null>();
  readonly #now: () => number;

  constructor(caPem: string, now: () => number) {
    this.#roots = pemBlocks(caPem)
      .filter(({ type, headers }) => type === 'CERTIFICATE' && !headers)
      .map(({ bytes }) => readCertificate(bytes));
    this.#now = now;
  }

  /**
   * What the other end of a TLS socket shows, undefined when it shows nothing. Remembered for as
   * long as the certificates are good.
   */
  shownBy(socket: object): Shown | undefined {
    const known = this.#known.get(socket);
    if (known === null) return undefined;
    if (known && known.untilMs >= this.#now()) return known.shown;
    const chain = peerChain(socket);
    const found = chain.length > 0 ? this.#judge(chain) : null;
    this.#known.set(socket, found);
    return found?.shown;
  }

  /** Certificates as they came, the holder's first. */
  verify(chain: readonly Buffer[]): Shown {
    return this.#judge(chain).shown;
  }

  #judge(chain: readonly Buffer[]): { shown: Shown; untilMs: number } {
    const bad = (error: string): { shown: Shown; untilMs: number } => ({
      shown: { error },
      untilMs: this.#now() + 1000,
    });
    try {
      const [leaf, ...intermediates] = chain.slice(0, maxIntermediates + 1).map(readCertificate);
      if (!leaf) return bad('no certificate');
      const way = verifyChain(leaf, {
        roots: this.#roots,
        intermediates,
        nowMs: this.#now(),
        usage: 'client',
      });
      return 'error' in way ? bad(way.error) : { shown: userOf(leaf), untilMs: way.untilMs };
    } catch (error) {
      return bad(messageOf(error));
    }
  }
}

function userOf(leaf: Certificate): Shown {
  const name = commonNameOf(leaf.subject);
  const groups = valuesOf(leaf.subject, attributes.organization);
  const [uid, more] = valuesOf(leaf.subject, attributes.uid);
  if (!name) return { user: undefined };
  if ([name, uid ?? '', ...groups].some(hasControlCharacter))
    return { error: 'the name of the certificate holds control characters' };
  if (more !== undefined || uid === '')
    return { error: 'unable to parse the UID of the certificate' };
  const fingerprint = createHash('sha256').update(leaf.raw).digest('hex');
  return {
    user: withAuthenticated({
      name,
      ...(uid !== undefined && { uid }),
      groups,
      extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`] },
    }),
  };
}

/**
 * Everybody who presented credentials is in system:authenticated, except whoever was shown to be
 * anonymous (group adder).
 */
export function withAuthenticated(user: UserInfo): UserInfo {
  const said =
    user.name === 'system:anonymous' ||
    user.groups.includes('system:authenticated') ||
    user.groups.includes('system:unauthenticated');
  return said ? user : { ...user, groups: [...user.groups, 'system:authenticated'] };
}

interface Peer {
  raw?: Buffer;
  issuerCertificate?: Peer;
}

/** What the other end sent; Node ends the chain with a certificate that is its own issuer. */
function peerChain(socket: object): Buffer[] {
  const { getPeerCertificate } = socket as {
    getPeerCertificate?: (detailed: true) => Peer | undefined;
  };
  const chain: Buffer[] = [];
  for (
    let peer = getPeerCertificate?.call(socket, true);
    peer?.raw && chain.length <= maxIntermediates;
    peer = peer.issuerCertificate
  ) {
    const { raw } = peer;
    if (chain.some((one) => one.equals(raw))) break;
    chain.push(raw);
  }
  return chain;
}
