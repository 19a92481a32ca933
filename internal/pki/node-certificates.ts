import { readRequest } from '../base/x509/request.ts';
import type { KeyObject } from 'node:crypto';
import { issueCert, type CertRequest, type Identity, type Issuing } from './certificate.ts';

/** What a node of its own asks certificates for. */
export type NodePurpose = 'kubelet' | 'kubelet-serving' | 'network';

/** The group of those that carry the network of a node. */
export const networkGroup = 'system:skiff:network';

/** Who a node is, as its certificates say it. */
export function nodeRequest(
  purpose: NodePurpose,
  { nodeName, addresses }: { nodeName: string; addresses: string[] },
): CertRequest {
  switch (purpose) {
    case 'kubelet':
      return { cn: `system:node:${nodeName}`, orgs: ['system:nodes'], usages: ['client'] };
    case 'network':
      return { cn: `${networkGroup}:${nodeName}`, orgs: [networkGroup], usages: ['client'] };
    case 'kubelet-serving':
      return { cn: nodeName, sans: [nodeName, ...addresses], usages: ['server'] };
  }
}

/**
 * Signs the key of a node's request (PEM). Of the request only the key counts, and the proof that
 * the sender holds it. Returns the certificate and its authority's, in PEM; throws a DerError for
 * what is not a request.
 */
export function signForNode(
  options: Issuing & {
    request: string;
    purpose: NodePurpose;
    nodeName: string;
    addresses: string[];
    authorities: { serverCa: Identity; clientCa: Identity };
  },
): string {
  const { request, purpose, authorities, ...rest } = options;
  const publicKey = pemOf(readRequest(request).publicKey);
  const ca = purpose === 'kubelet-serving' ? authorities.serverCa : authorities.clientCa;
  return issueCert({ ...rest, ...nodeRequest(purpose, options), ca, publicKey }).cert;
}

const pemOf = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();
