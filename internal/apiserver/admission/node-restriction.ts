import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts';
import type { Node, PersistentVolumeClaim, Pod } from '../../api/generated/types/core-v1.ts';
import type { ResourceSlice } from '../../api/generated/types/resource-v1.ts';
import { isForbiddenNodeLabel } from '../../api/node-labels.ts';
import type { KubeObject } from '../../api/object.ts';
import { jsonEqual } from '../../api/patch/json.ts';
import { notFound } from '../../api/status.ts';
import { messageOf } from '../../base/errors.ts';
import { commonNameOf } from '../../base/x509/name.ts';
import { readRequest } from '../../base/x509/request.ts';
import { nodeNameOf } from '../authz/node.ts';
import type { Core } from '../registry/core.ts';
import type { AdmissionPlugin, Attributes } from './chain.ts';
import { lookup } from './lookup.ts';
import { checkMirrorPod } from './node-mirror-pods.ts';
import type { NodeRequest } from './node-request.ts';
import { checkToken } from './node-tokens.ts';
import { refusal } from './refusal.ts';

type Check = (request: NodeRequest) => Promise<void> | void;

const checks = new Map<string, Check>([
  ['/pods', checkPod],
  ['/nodes', checkNode],
  ['/persistentvolumeclaims', checkClaim],
  [
    '/serviceaccounts',
    (request) =>
      request.attributes.call.subresource === 'token' ? checkToken(request) : undefined,
  ],
  ['coordination.k8s.io/leases', checkLease],
  ['storage.k8s.io/csinodes', checkCsiNode],
  ['resource.k8s.io/resourceslices', checkSlice],
  ['certificates.k8s.io/certificatesigningrequests', checkCertificateRequest],
]);

/**
 * A node may only touch itself and what runs on it (plugin NodeRestriction). It looks at what the
 * node sent, before anything is reset that the node may not change anyway.
 */
export function nodeRestriction(core: Core): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    handles: ({ call, operation }) =>
      operation !== 'CONNECT' && nodeNameOf(call.user) !== undefined,
    async admit(attributes) {
      const { call } = attributes;
      const node = nodeNameOf(call.user) ?? '';
      const refuse = (why: string): Error => refusal(attributes, why);
      if (node === '')
        throw refuse(`could not determine node from user ${JSON.stringify(call.user.name)}`);
      await checks.get(`${call.resource.group}/${call.resource.resource}`)?.({
        core,
        node,
        attributes,
        authorize: core.authorize,
        refuse,
      });
    },
  };
}

const nameIn = ({ call, object }: Attributes): string => call.name || (object?.metadata.name ?? '');

async function checkPod(request: NodeRequest): Promise<void> {
  const { attributes, node, refuse } = request;
  const { call, operation } = attributes;
  const assigned = (pod: KubeObject | undefined): string | undefined =>
    (pod as Pod | undefined)?.spec?.nodeName;
  switch (call.subresource) {
    case '':
      if (operation === 'CREATE') return checkMirrorPod(request);
      if (operation !== 'DELETE')
        throw refuse(
          `unexpected operation ${JSON.stringify(operation)}, node ${JSON.stringify(node)} ` +
            'can only create and delete mirror pods',
        );
      if (assigned(attributes.old) !== node)
        throw refuse(
          `node ${JSON.stringify(node)} can only delete pods with spec.nodeName set to itself`,
        );
      return;
    case 'status':
      if (operation !== 'UPDATE') throw refuse(`unexpected operation ${JSON.stringify(operation)}`);
      return checkPodStatus(request);
    case 'eviction': {
      const pod = await lookup(request.core, registryKey(refs.pods, call.namespace, call.name));
      if (!pod) throw notFound({ group: '', resource: 'pods' }, call.name);
      if (assigned(pod) !== node)
        throw refuse(`node ${node} can only evict pods with spec.nodeName set to itself`);
      return;
    }
    default:
      throw refuse(
        `unexpected pod subresource ${JSON.stringify(call.subresource)}, only 'status' and ` +
          `'eviction' are allowed`,
      );
  }
}

function checkPodStatus({ attributes, node, refuse }: NodeRequest): void {
  const now = attributes.object as Pod;
  const before = attributes.old as Pod;
  if (before.spec.nodeName !== node)
    throw refuse(
      `node ${JSON.stringify(node)} can only update pod status for pods with spec.nodeName ` +
        'set to itself',
    );
  if (!jsonEqual(before.metadata.labels ?? {}, now.metadata.labels ?? {}))
    throw refuse(`node ${JSON.stringify(node)} cannot update labels through pod status`);
  for (const field of ['resourceClaimStatuses', 'extendedResourceClaimStatus'] as const) {
    if (!jsonEqual(before.status?.[field] ?? null, now.status?.[field] ?? null))
      throw refuse(`node ${JSON.stringify(node)} cannot update resource claim statues`);
  }
}

function forbiddenLabels(now: Node | undefined, before: Node | undefined): string {
  const labels = (node: Node | undefined): Map<string, string> =>
    new Map(Object.entries(node?.metadata.labels ?? {}));
  const [a, b] = [labels(now), labels(before)];
  const changed = new Set(
    [...a.keys(), ...b.keys()].filter(
      (key) => a.get(key) !== b.get(key) || a.has(key) !== b.has(key),
    ),
  );
  return [...changed].filter(isForbiddenNodeLabel).sort().join(', ');
}

function checkNode({ attributes, node, refuse }: NodeRequest): void {
  const { operation } = attributes;
  const name = nameIn(attributes);
  const said = `node ${JSON.stringify(node)} is not allowed to`;
  if (name !== node) throw refuse(`${said} modify node ${JSON.stringify(name)}`);
  if (operation !== 'CREATE' && operation !== 'UPDATE') return;
  const now = attributes.object as Node;
  const before = attributes.old as Node | undefined;
  if (operation === 'CREATE') {
    if (now.spec?.configSource) throw refuse(`${said} create pods with a non-nil configSource`);
    const wrong = forbiddenLabels(now, undefined);
    if (wrong) throw refuse(`${said} set the following labels: ${wrong}`);
    return;
  }
  if (now.spec?.configSource && !jsonEqual(now.spec.configSource, before?.spec?.configSource))
    throw refuse(`${said} update configSource to a new non-nil configSource`);
  if (!jsonEqual(now.spec?.taints ?? [], before?.spec?.taints ?? []))
    throw refuse(`${said} modify taints`);
  // An owner that is gone takes the Node with it, and so its taints and labels (CVE-2025-5187).
  if (!jsonEqual(now.metadata.ownerReferences ?? [], before?.metadata.ownerReferences ?? []))
    throw refuse(`${said} modify ownerReferences`);
  const wrong = forbiddenLabels(now, before);
  if (wrong) throw refuse(`is not allowed to modify labels: ${wrong}`);
}

/** A node that grew a volume says so, and changes nothing else of the claim. */
function checkClaim({ attributes, node, refuse }: NodeRequest): void {
  const { call, operation } = attributes;
  if (call.subresource !== 'status') throw refuse('may only update PVC status');
  if (operation !== 'UPDATE') throw refuse(`unexpected operation ${JSON.stringify(operation)}`);
  const rest = (object: KubeObject | undefined): unknown => {
    const { metadata, status, ...others } = object as PersistentVolumeClaim;
    const { resourceVersion: _version, managedFields: _fields, ...meta } = metadata;
    const {
      capacity: _capacity,
      conditions: _conditions,
      allocatedResourceStatuses: _statuses,
      allocatedResources: _resources,
      ...left
    } = status ?? {};
    return { ...others, metadata: meta, status: left };
  };
  if (!jsonEqual(rest(attributes.old), rest(attributes.object)))
    throw refuse(
      `node ${JSON.stringify(node)} is not allowed to update fields other than ` +
        'status.quantity and status.conditions',
    );
}

function checkLease(request: NodeRequest): void {
  const { attributes, node, refuse } = request;
  if (attributes.call.namespace !== 'kube-node-lease')
    throw refuse('can only access leases in the "kube-node-lease" system namespace');
  if (nameIn(attributes) !== node)
    throw refuse('can only access node lease with the same name as the requesting node');
}

function checkCsiNode({ attributes, node, refuse }: NodeRequest): void {
  if (nameIn(attributes) !== node)
    throw refuse('can only access CSINode with the same name as the requesting node');
}

function checkSlice({ attributes, node, refuse }: NodeRequest): void {
  const { operation } = attributes;
  const nodeOf = (object: KubeObject | undefined): string | undefined =>
    (object as ResourceSlice | undefined)?.spec?.nodeName;
  if (operation === 'CREATE' && nodeOf(attributes.object) !== node)
    throw refuse('can only create ResourceSlice with the same NodeName as the requesting node');
  if (operation === 'DELETE' && nodeOf(attributes.old) !== node)
    throw refuse('can only delete ResourceSlice with the same NodeName as the requesting node');
}

/** Signers whose certificates are those of nodes. */
const nodeSigners = new Set([
  'kubernetes.io/kubelet-serving',
  'kubernetes.io/kube-apiserver-client-kubelet',
]);

/**
 * A node asks for no certificate of another one; what else the request holds is the signer's to
 * judge.
 */
function checkCertificateRequest({ attributes, node, refuse }: NodeRequest): void {
  if (attributes.operation !== 'CREATE') return;
  const { spec } = attributes.object as Partial<CertificateSigningRequest>;
  if (!spec || !nodeSigners.has(spec.signerName)) return;
  let asked: string;
  try {
    asked = commonNameOf(
      readRequest(Buffer.from(spec.request ?? '', 'base64').toString('latin1')).subject,
    );
  } catch (error) {
    throw refuse(`unable to parse csr: ${messageOf(error)}`);
  }
  if (asked !== `system:node:${node}`)
    throw refuse(`can only create a node CSR with CN=system:node:${node}`);
}
