import type { Namespace, Node } from '../generated/types/core-v1.ts';
import { dns1123Label, dns1123Subdomain, qualifiedName } from '../names.ts';
import { parseQuantity } from '../quantity.ts';
import { checkCidr, isIpv6 } from './addresses.ts';
import { checkTaints } from './affinity.ts';
import { checkMetadataUpdate } from './metadata.ts';
import type { Problems } from './problems.ts';
import { checkQuantity } from './resources.ts';
import type { Rule } from './rule.ts';

const feature = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/;

function checkNodeResources(problems: Problems, { status }: Node): void {
  for (const list of ['capacity', 'allocatable'] as const) {
    for (const [name, quantity] of Object.entries(status?.[list] ?? {}))
      checkQuantity(problems, name, parseQuantity(quantity), `status.${list}.${name}`);
  }
}

function checkFeatures(problems: Problems, features: readonly string[]): void {
  features.forEach((name, i) => {
    if (!feature.test(name))
      problems.invalid(
        `status.declaredFeatures[${i}]`,
        name,
        `invalid feature name ${JSON.stringify(name)}: must start with an UpperCamelCase ` +
          `segment, with subsequent segments separated by '/' (e.g., MyFeature or ` +
          'MyFeature/mySubFeature), and contain only alphanumeric characters and slashes',
      );
    const before = features[i - 1];
    if (before === undefined) return;
    if (before === name) problems.duplicate(`status.declaredFeatures[${i}]`, name);
    else if (before > name)
      problems.invalid(`status.declaredFeatures[${i}]`, name, 'list must be sorted alphabetically');
  });
}

function checkNode(problems: Problems, object: Node): void {
  const { spec, status } = object;
  checkTaints(problems, spec?.taints ?? [], 'metadata.taints');
  checkNodeResources(problems, object);
  const swap = status?.nodeInfo?.swap?.capacity;
  if (swap !== undefined && swap <= 0)
    problems.invalid('metadata.nodeSwapStatus.capacity', swap, 'must be greater than 0');
  checkFeatures(problems, status?.declaredFeatures ?? []);
  const ranges = spec?.podCIDRs ?? [];
  ranges.forEach((range, i) => checkCidr(problems, `spec.podCIDRs[${i}]`, range));
  if (
    ranges.length > 1 &&
    (ranges.length > 2 || isIpv6(ranges[0] ?? '') === isIpv6(ranges[1] ?? ''))
  )
    problems.invalid(
      'spec.podCIDRs',
      ranges,
      'may specify no more than one CIDR for each IP family',
    );
}

const onceOnly = (field: string): string =>
  `node updates may not change ${field} except from "" to valid`;

function updateNode(problems: Problems, object: Node, old: Node): void {
  checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
  checkNodeResources(problems, object);
  checkFeatures(problems, object.status?.declaredFeatures ?? []);
  const seen = new Set<string>();
  (object.status?.addresses ?? []).forEach(({ type, address }, i) => {
    if (seen.has(`${type} ${address}`))
      problems.duplicate(`status.addresses[${i}]`, { Type: type, Address: address });
    seen.add(`${type} ${address}`);
  });
  const [now, before] = [object.spec?.podCIDRs ?? [], old.spec?.podCIDRs ?? []];
  if (before.length > 0 && now.length !== before.length)
    problems.forbidden('spec.podCIDRs', onceOnly('podCIDR'));
  else
    before.forEach(
      (range, i) => range !== now[i] && problems.forbidden('spec.podCIDRs', onceOnly('podCIDR')),
    );
  if (old.spec?.providerID && old.spec.providerID !== object.spec?.providerID)
    problems.forbidden('spec.providerID', onceOnly('providerID'));
  checkTaints(problems, object.spec?.taints ?? [], 'metadata.taints');
  if ((object.spec?.externalID ?? '') !== (old.spec?.externalID ?? ''))
    problems.forbidden('spec.externalID', 'may not be updated');
}

export const node: Rule<Node> = {
  name: dns1123Subdomain,
  spec: checkNode,
  // The metadata is checked with the rest of what may not change.
  updates: ['object', 'change'],
  change: updateNode,
  subresources: { status: updateNode },
};

function checkFinalizer(problems: Problems, name: string, field: string): void {
  problems.check(field, name, qualifiedName);
  if (!name.includes('/') && !['kubernetes', 'orphan', 'foregroundDeletion'].includes(name))
    problems.invalid(
      field,
      name,
      'name is neither a standard finalizer name nor is it fully qualified',
    );
}

export const namespace: Rule<Namespace> = {
  name: dns1123Label,
  spec: (problems, object) =>
    (object.spec?.finalizers ?? []).forEach((name) =>
      checkFinalizer(problems, name, 'spec.finalizers'),
    ),
  updates: ['object', 'metadata'],
  subresources: {
    status(problems, object, old) {
      checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
      const [wanted, when] = object.metadata.deletionTimestamp
        ? ['Terminating', 'is not empty']
        : ['Active', 'is empty'];
      const phase = object.status?.phase ?? '';
      if (phase !== wanted)
        problems.invalid(
          'status.Phase',
          phase,
          `may only be '${wanted}' if \`deletionTimestamp\` ${when}`,
        );
    },
    finalize(problems, object, old) {
      checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
      (object.spec?.finalizers ?? []).forEach((name, i) =>
        checkFinalizer(problems, name, `spec.finalizers[${i}]`),
      );
    },
  },
};
