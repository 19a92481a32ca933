import { keyCertSign, type Certificate } from './certificate.ts';
import { usageIds } from './extensions.ts';
import { namesAllowed } from './name-constraints.ts';

export interface ChainOptions {
  roots: readonly Certificate[];
  /** What the holder sent along with its own. */
  intermediates: readonly Certificate[];
  nowMs: number;
  /** What the certificate must be good for, all the way up. */
  usage: keyof typeof usageIds;
}

/** Signatures that one certificate may make the verifier check. */
const maxSignatures = 100;

/**
 * Finds a way from `leaf` to a root, as RFC 5280 and Go's x509.Verify have it. Returns why there is
 * none, or until when the way holds.
 */
export function verifyChain(
  leaf: Certificate,
  options: ChainOptions,
): { untilMs: number } | { error: string } {
  const search = {
    ...options,
    signatures: 0,
    error: 'x509: certificate signed by unknown authority',
  };
  const way = wayUp([leaf], search);
  return way ? { untilMs: Math.min(...way.map((one) => one.notAfterMs)) } : { error: search.error };
}

interface Search extends ChainOptions {
  signatures: number;
  error: string;
}

function wayUp(chain: Certificate[], search: Search): Certificate[] | undefined {
  const [leaf, last] = [chain[0], chain.at(-1)];
  if (!leaf || !last) return undefined;
  const fault = faultOf(last, chain, search);
  if (fault) {
    search.error = fault;
    return undefined;
  }
  // A root that is shown is itself the end of the way.
  if (search.roots.some((root) => root.raw.equals(last.raw))) return chain;
  for (const [candidates, isRoot] of [
    [search.roots, true],
    [search.intermediates, false],
  ] as const) {
    for (const issuer of candidates) {
      if (!issuer.rawSubject.equals(last.issuer) || chain.some((one) => one.raw.equals(issuer.raw)))
        continue;
      if (++search.signatures > maxSignatures) {
        search.error =
          'x509: signature check attempts limit reached while verifying certificate chain';
        return undefined;
      }
      if (!vouches(issuer, last)) continue;
      const longer = [...chain, issuer];
      const way = isRoot ? finished(longer, search) : wayUp(longer, search);
      if (way) return way;
    }
  }
  return undefined;
}

function finished(chain: Certificate[], search: Search): Certificate[] | undefined {
  const root = chain.at(-1);
  const fault = root && faultOf(root, chain, search);
  if (!fault) return chain;
  search.error = fault;
  return undefined;
}

function vouches(issuer: Certificate, child: Certificate): boolean {
  if (issuer.keyUsage !== undefined && (issuer.keyUsage & keyCertSign) === 0) return false;
  try {
    return child.signedBy(issuer.publicKey());
  } catch {
    return false; // a key or an algorithm that nobody may rely on
  }
}

/** What is wrong with the last of the chain, which goes from the leaf upwards. */
function faultOf(
  certificate: Certificate,
  chain: Certificate[],
  { nowMs, usage, roots }: Search,
): string | undefined {
  if (certificate.unknownCritical.length > 0) return 'x509: unhandled critical extension';
  if (nowMs < certificate.notBeforeMs || nowMs > certificate.notAfterMs)
    return 'x509: certificate has expired or is not yet valid';
  const { extendedUsages } = certificate;
  if (
    extendedUsages &&
    !extendedUsages.includes(usageIds[usage]) &&
    !extendedUsages.includes(usageIds.any)
  )
    return 'x509: certificate specifies an incompatible key usage';
  if (chain.length === 1) return undefined;
  const { authority, version, constraints } = certificate;
  // Before version 3 nothing said who is an authority: only those that the server was told to trust
  // are.
  if (!authority?.isCa && (version === 3 || authority || !roots.includes(certificate)))
    return 'x509: certificate is not authorized to sign other certificates';
  if (authority?.pathLength !== undefined && chain.length - 2 > authority.pathLength)
    return 'x509: too many intermediates for path length constraint';
  if (constraints && chain.slice(0, -1).some((one) => !namesAllowed(constraints, one.names)))
    return 'x509: a name is not permitted by the constraints of an authority';
  return undefined;
}
