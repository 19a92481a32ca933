import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { forbidden } from '../../api/status.ts';
import type { Core } from '../registry/call.ts';
import type { AdmissionPlugin, Attributes } from './chain.ts';
import { lookup } from './lookup.ts';

const nodePrefix = 'system:node:';

export function nodeNameOf(user: { name: string; groups: readonly string[] }): string | undefined {
  return user.name.startsWith(nodePrefix) && user.groups.includes('system:nodes') ? user.name.slice(nodePrefix.length) : undefined;
}

/** A node may only touch itself and what runs on it (plugin NodeRestriction). */
export function nodeRestriction(core: Core): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    handles: ({ call }) => nodeNameOf(call.user) !== undefined,
    async validate(attributes) {
      const node = nodeNameOf(attributes.call.user) ?? '';
      const { call } = attributes;
      const path = `${call.resource.group}/${call.resource.resource}`;
      if (path === '/pods') return checkPod(core, attributes, node);
      if (path === '/nodes') return checkNode(attributes, node);
      if (path === 'coordination.k8s.io/leases') return checkLease(attributes, node);
      if (path === '/serviceaccounts' && call.subresource === 'token') return checkToken(core, attributes, node);
    },
  };
}

const refuse = (attributes: Attributes, why: string): Error =>
  forbidden({ group: attributes.call.resource.group, resource: attributes.call.resource.resource }, attributes.call.name || (attributes.object?.metadata.name ?? ''), why);

async function checkPod(core: Core, attributes: Attributes, node: string): Promise<void> {
  const { call, operation } = attributes;
  const pod = (attributes.object ?? attributes.old) as unknown as Pod | undefined;
  if (call.subresource === 'eviction') {
    const evicted = await lookup<Pod>(core, `/registry/pods/${call.namespace}/${call.name}`);
    if (evicted && evicted.spec.nodeName !== node) throw refuse(attributes, `node "${node}" can only evict pods with spec.nodeName set to itself`);
    return;
  }
  if (!pod) return;
  if (operation === 'CREATE') {
    if (pod.metadata.annotations?.['kubernetes.io/config.mirror'] === undefined) throw refuse(attributes, `pod does not have "kubernetes.io/config.mirror" annotation, node "${node}" can only create mirror pods`);
    if (pod.spec.nodeName !== node) throw refuse(attributes, `node "${node}" can only create pods with spec.nodeName set to itself`);
    return;
  }
  const spot = (attributes.old as unknown as Pod | undefined)?.spec.nodeName;
  if (operation === 'DELETE' && spot !== node) throw refuse(attributes, `node "${node}" can only delete pods with spec.nodeName set to itself`);
  if (operation === 'UPDATE' && spot !== node) throw refuse(attributes, `node "${node}" can only update pod status for pods with spec.nodeName set to itself`);
}

const ownPrefixes = ['kubelet.kubernetes.io/', 'node.kubernetes.io/'];
const ownLabels = new Set([
  'kubernetes.io/hostname', 'kubernetes.io/arch', 'kubernetes.io/os', 'beta.kubernetes.io/arch', 'beta.kubernetes.io/os', 'beta.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/region', 'topology.kubernetes.io/zone', 'topology.kubernetes.io/region', 'node.kubernetes.io/instance-type',
]);

function checkNode(attributes: Attributes, node: string): void {
  const { call, operation } = attributes;
  const name = call.name || (attributes.object?.metadata.name ?? '');
  if (name !== node) throw refuse(attributes, `node "${node}" is not allowed to modify node "${name}"`);
  const now = attributes.object as unknown as Node | undefined;
  const before = attributes.old as unknown as Node | undefined;
  if (operation === 'CREATE' && now?.spec?.configSource) throw refuse(attributes, `node "${node}" is not allowed to create pods with a non-nil configSource`);
  if (operation === 'UPDATE' && call.subresource === '' && JSON.stringify(now?.spec?.taints ?? []) !== JSON.stringify(before?.spec?.taints ?? [])) {
    throw refuse(attributes, `node "${node}" is not allowed to modify taints`);
  }
  const wrong = Object.entries(now?.metadata.labels ?? {})
    .filter(([key, value]) => before?.metadata.labels?.[key] !== value)
    .map(([key]) => key)
    .filter((key) => /(^|\.)(kubernetes|k8s)\.io\//.test(key) && !ownLabels.has(key) && !ownPrefixes.some((prefix) => key.startsWith(prefix)));
  if (wrong.length) throw refuse(attributes, `is not allowed to modify labels: ${wrong.sort().join(', ')}`);
}

function checkLease(attributes: Attributes, node: string): void {
  const { call } = attributes;
  if (call.namespace !== 'kube-node-lease') throw refuse(attributes, `can only access leases in the "kube-node-lease" system namespace`);
  const name = call.name || (attributes.object?.metadata.name ?? '');
  if (name !== node) throw refuse(attributes, 'can only access node lease with the same name as the requesting node');
}

async function checkToken(core: Core, attributes: Attributes, node: string): Promise<void> {
  const request = attributes.object as { spec?: { boundObjectRef?: { kind?: string; name?: string; uid?: string } } } | undefined;
  const bound = request?.spec?.boundObjectRef;
  if (bound?.kind !== 'Pod') throw refuse(attributes, 'node requested token not bound to a pod');
  const pod = await lookup<Pod>(core, `/registry/pods/${attributes.call.namespace}/${bound.name}`);
  if (!pod) throw refuse(attributes, `pods "${bound.name}" not found`);
  if (bound.uid !== pod.metadata.uid) throw refuse(attributes, `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`);
  if (pod.spec.nodeName !== node) throw refuse(attributes, 'node requested token bound to a pod scheduled on a different node');
}
