import { parseIp, unmapped } from '../../base/addresses.ts';
import type {
  IPAddress,
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
  ServiceCIDR,
} from '../generated/types/networking-v1.ts';
import { dns1123Subdomain, pathSegmentName, validPortName, validPortNumber } from '../names.ts';
import { checkCanonicalCidr, checkCidr, checkIp, isIpv6, isWithin } from './addresses.ts';
import { checkLabelSelector, checkMetadata, checkMetadataUpdate } from './metadata.ts';
import { immutable, Problems } from './problems.ts';
import type { Rule } from './rule.ts';

const protocols = ['TCP', 'UDP', 'SCTP'];
const directions = ['Ingress', 'Egress'];

function checkPort(
  problems: Problems,
  { protocol, port, endPort }: NetworkPolicyPort,
  path: string,
): void {
  if (protocol !== undefined && !protocols.includes(protocol))
    problems.notSupported(`${path}.protocol`, protocol, protocols);
  if (port === undefined || port === null) {
    if (endPort !== undefined)
      problems.invalid(
        `${path}.endPort`,
        endPort,
        'may not be specified when `port` is not specified',
      );
  } else if (typeof port === 'number') {
    for (const m of validPortNumber(port)) problems.invalid(`${path}.port`, port, m);
    if (endPort === undefined) return;
    if (endPort < port)
      problems.invalid(`${path}.endPort`, port, 'must be greater than or equal to `port`');
    for (const m of validPortNumber(endPort)) problems.invalid(`${path}.endPort`, endPort, m);
  } else {
    if (endPort !== undefined)
      problems.invalid(
        `${path}.endPort`,
        endPort,
        'may not be specified when `port` is non-numeric',
      );
    problems.check(`${path}.port`, String(port), validPortName);
  }
}

function checkBlock(
  problems: Problems,
  block: IPBlock,
  path: string,
  old: readonly string[],
): void {
  if (!block.cidr) return problems.required(`${path}.cidr`);
  checkCidr(problems, `${path}.cidr`, block.cidr, old);
  (block.except ?? []).forEach((except, i) => {
    const at = `${path}.except[${i}]`;
    checkCidr(problems, at, except, old);
    if (isWithin(except, block.cidr) === false)
      problems.invalid(at, except, 'must be a strict subset of `cidr`');
  });
}

function checkPeer(
  problems: Problems,
  peer: NetworkPolicyPeer,
  path: string,
  old: readonly string[],
): void {
  if (peer.podSelector) checkLabelSelector(problems, peer.podSelector, `${path}.podSelector`);
  if (peer.namespaceSelector)
    checkLabelSelector(problems, peer.namespaceSelector, `${path}.namespaceSelector`);
  if (peer.ipBlock) checkBlock(problems, peer.ipBlock, `${path}.ipBlock`, old);
  const count = [peer.podSelector, peer.namespaceSelector, peer.ipBlock].filter(Boolean).length;
  if (count === 0) problems.required(path, 'must specify a peer');
  else if (count > 1 && peer.ipBlock)
    problems.forbidden(path, 'may not specify both ipBlock and another peer');
}

function checkPolicy(problems: Problems, spec: NetworkPolicySpec, old: readonly string[]): void {
  checkLabelSelector(problems, spec.podSelector, 'spec.podSelector');
  (spec.ingress ?? []).forEach((rule, i) => {
    (rule.ports ?? []).forEach((port, j) =>
      checkPort(problems, port, `spec.ingress[${i}].ports[${j}]`),
    );
    (rule.from ?? []).forEach((peer, j) =>
      checkPeer(problems, peer, `spec.ingress[${i}].from[${j}]`, old),
    );
  });
  (spec.egress ?? []).forEach((rule, i) => {
    (rule.ports ?? []).forEach((port, j) =>
      checkPort(problems, port, `spec.egress[${i}].ports[${j}]`),
    );
    (rule.to ?? []).forEach((peer, j) =>
      checkPeer(problems, peer, `spec.egress[${i}].to[${j}]`, old),
    );
  });
  const types = spec.policyTypes ?? [];
  if (types.length > directions.length)
    return problems.invalid('spec.policyTypes', types, 'may not specify more than two policyTypes');
  types.forEach((type, i) => {
    if (!directions.includes(type))
      problems.notSupported(`spec.policyTypes[${i}]`, type, directions);
  });
}

function rangesOf(spec: NetworkPolicySpec | undefined): string[] {
  const peers = [
    ...(spec?.ingress ?? []).flatMap((r) => r.from ?? []),
    ...(spec?.egress ?? []).flatMap((r) => r.to ?? []),
  ];
  return peers.flatMap((p) => (p.ipBlock ? [p.ipBlock.cidr, ...(p.ipBlock.except ?? [])] : []));
}

export const networkPolicy: Rule<NetworkPolicy> = {
  name: dns1123Subdomain,
  create(problems, object) {
    checkMetadata(problems, object.metadata ?? {}, { namespaced: true, name: dns1123Subdomain });
    checkPolicy(problems, object.spec ?? ({} as NetworkPolicySpec), []);
  },
  update(problems, object, old) {
    checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
    checkPolicy(problems, object.spec ?? ({} as NetworkPolicySpec), rangesOf(old.spec));
  },
};

/** The name of an IPAddress is the address itself. */
function addressName(name: string): string[] {
  const own = new Problems();
  checkIp(own, '', name);
  const address = parseIp(name);
  if (!own.found && address && unmapped(address) !== name)
    own.invalid('', name, `must be in canonical form (${JSON.stringify(unmapped(address))})`);
  return own.list.map((e) => e.detail ?? '');
}

export const ipAddress: Rule<IPAddress> = {
  name: addressName,
  spec(problems, { spec }) {
    const ref = spec?.parentRef;
    if (!ref) return problems.required('spec.parentRef');
    if (ref.group) problems.check('spec.parentRef.group', ref.group, dns1123Subdomain);
    for (const field of ['resource', 'name'] as const) {
      if (!ref[field]) problems.required(`spec.parentRef.${field}`);
      else problems.check(`spec.parentRef.${field}`, ref[field], pathSegmentName);
    }
    if (ref.namespace) problems.check('spec.parentRef.namespace', ref.namespace, pathSegmentName);
  },
  updates: ['object', 'metadata', 'change'],
  change(problems, { spec }, old) {
    const shown = {
      Group: spec?.parentRef?.group ?? '',
      Resource: spec?.parentRef?.resource ?? '',
      Namespace: spec?.parentRef?.namespace ?? '',
      Name: spec?.parentRef?.name ?? '',
    };
    const before = {
      Group: old.spec?.parentRef?.group ?? '',
      Resource: old.spec?.parentRef?.resource ?? '',
      Namespace: old.spec?.parentRef?.namespace ?? '',
      Name: old.spec?.parentRef?.name ?? '',
    };
    problems.immutable('spec.parentRef', shown, before);
  },
};

function checkRanges(problems: Problems, ranges: readonly string[]): void {
  if (ranges.length === 0) return problems.required('spec.cidrs', 'at least one CIDR required');
  if (ranges.length > 2)
    return problems.invalid('spec.cidrs', { CIDRs: ranges }, 'may only hold up to 2 values');
  const before = problems.list.length;
  ranges.forEach((range, i) => checkCanonicalCidr(problems, `spec.cidrs[${i}]`, range));
  if (
    ranges.length === 2 &&
    problems.list.length === before &&
    isIpv6(ranges[0] ?? '') === isIpv6(ranges[1] ?? '')
  ) {
    problems.invalid(
      'spec.cidrs',
      ranges,
      'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
    );
  }
}

/** A second range may join the first; else nothing changes. */
export const serviceCidr: Rule<ServiceCIDR> = {
  name: dns1123Subdomain,
  spec: (problems, object) => checkRanges(problems, object.spec?.cidrs ?? []),
  updates: ['metadata', 'change'],
  change(problems, object, old) {
    const [now, before] = [object.spec?.cidrs ?? [], old.spec?.cidrs ?? []];
    const grows = before.length === 1 && now.length === 2;
    if (now.length !== before.length && !grows)
      return problems.invalid('spec.cidrs', now, immutable);
    before.forEach(
      (range, i) => range !== now[i] && problems.invalid(`spec.cidrs[${i}]`, now[i], immutable),
    );
    if (grows) checkRanges(problems, now);
  },
};
