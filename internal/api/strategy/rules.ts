import { table } from '../../base/own.ts';
import { at, semanticEqual } from '../loose.ts';
import type { Dict } from '../loose.ts';
import { fieldsOf, type KubeObject } from '../object.ts';
import { csrApproval, csrCreate, csrStatus } from './certificates.ts';
import { dropDisabledSliceFields, dropGivenBack } from './claim-devices.ts';
import { endpointSliceUpdate } from './endpoint-slices.ts';
import { daemonSetCreate, daemonSetUpdate, jobCreate } from './workloads.ts';
import { keepMetadata, keepSpec, keepStatus, statusMetadata } from './keep.ts';
import {
  podCreate,
  podEphemeralContainersUpdate,
  podResizeUpdate,
  podStatusUpdate,
  podUpdate,
} from './pods.ts';
import { serviceUpdate } from './services.ts';
import type { StrategyContext, StrategyInfo } from './strategy.ts';
import {
  claimCreate,
  claimUpdate,
  persistentVolumeCreate,
  persistentVolumeStatus,
} from './volumes.ts';
import { zeroStruct } from './zero.ts';

export type Update = (object: KubeObject, old: KubeObject, context: StrategyContext) => void;

export interface Rule {
  create(object: KubeObject, context: StrategyContext, info: StrategyInfo): void;
  update: Update;
  subresources: Readonly<Record<string, Update>>;
}

interface Row {
  /** Paths whose change makes a new generation. Objects are created with generation 1. */
  generation?: readonly string[];
  /** The kind counts generations from its creation on, though nothing ever changes them. */
  firstGeneration?: boolean;
  /** Has /status: create empties the status, update keeps it. */
  status?: boolean;
  /** What a write to /status keeps besides the spec: `metadata`, or single fields of it. */
  statusKeeps?: 'metadata' | readonly string[];
  create?(object: KubeObject, context: StrategyContext): void;
  update?: Update;
  /** Replaces what a write to /status does. */
  statusUpdate?: Update;
  others?: Readonly<Record<string, Update>>;
}

const spec = ['spec'] as const;

/**
 * group/Kind -> what its registry strategy does upstream. Kinds that are not here keep what they
 * are given.
 */
const rows: Readonly<Record<string, Row>> = table<Row>({
  '/Pod': {
    create: podCreate,
    update: podUpdate,
    statusUpdate: podStatusUpdate,
    others: { ephemeralcontainers: podEphemeralContainersUpdate, resize: podResizeUpdate },
  },
  '/PodTemplate': { generation: ['template'] },
  '/ReplicationController': { generation: spec, status: true },
  '/Service': { status: true, update: serviceUpdate },
  '/Node': { update: keepStatus, statusUpdate: keepSpec },
  '/Namespace': {
    create: namespaceCreate,
    update: namespaceUpdate,
    statusUpdate: keepSpec,
    others: { finalize: keepStatus },
  },
  '/LimitRange': {},
  '/ResourceQuota': { status: true },
  '/Secret': { update: secretUpdate },
  '/ServiceAccount': { create: serviceAccountClean, update: serviceAccountClean },
  '/PersistentVolume': {
    create: persistentVolumeCreate,
    update: keepStatus,
    statusUpdate: persistentVolumeStatus,
  },
  '/PersistentVolumeClaim': { status: true, create: claimCreate, update: claimUpdate },
  'apps/Deployment': {
    generation: ['spec', 'metadata.annotations'],
    status: true,
    statusKeeps: ['labels'],
  },
  'apps/ReplicaSet': { generation: spec, status: true },
  'apps/StatefulSet': { generation: spec, status: true },
  'apps/DaemonSet': { status: true, create: daemonSetCreate, update: daemonSetUpdate },
  'batch/Job': { generation: spec, status: true, create: jobCreate },
  'batch/CronJob': { generation: spec, status: true },
  'autoscaling/HorizontalPodAutoscaler': { status: true },
  'policy/PodDisruptionBudget': { generation: spec, status: true },
  'networking.k8s.io/Ingress': { generation: spec, status: true },
  'networking.k8s.io/IngressClass': { generation: spec },
  'networking.k8s.io/NetworkPolicy': { generation: spec },
  'networking.k8s.io/ServiceCIDR': { status: true, statusKeeps: 'metadata' },
  'discovery.k8s.io/EndpointSlice': { firstGeneration: true, update: endpointSliceUpdate },
  'scheduling.k8s.io/PriorityClass': { firstGeneration: true },
  'certificates.k8s.io/CertificateSigningRequest': {
    create: csrCreate,
    update: keepBoth,
    statusUpdate: csrStatus,
    others: { approval: csrApproval },
  },
  'certificates.k8s.io/PodCertificateRequest': { status: true, statusKeeps: 'metadata' },
  'storage.k8s.io/VolumeAttachment': { status: true, statusKeeps: 'metadata' },
  'storage.k8s.io/CSIDriver': { update: bumps(spec) },
  'resource.k8s.io/ResourceClaim': { status: true, statusUpdate: claimStatus },
  'resource.k8s.io/DeviceClass': { generation: spec },
  'resource.k8s.io/ResourceSlice': {
    generation: spec,
    create: (object) => dropDisabledSliceFields(object),
    update: dropDisabledSliceFields,
  },
  'resource.k8s.io/DeviceTaintRule': { generation: spec, status: true, statusKeeps: 'metadata' },
  'flowcontrol.apiserver.k8s.io/FlowSchema': {
    generation: spec,
    status: true,
    statusKeeps: 'metadata',
  },
  'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration': {
    generation: spec,
    status: true,
    statusKeeps: 'metadata',
  },
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': { generation: ['webhooks'] },
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': { generation: ['webhooks'] },
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy': {
    generation: spec,
    status: true,
    statusKeeps: 'metadata',
  },
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding': { generation: spec },
  'admissionregistration.k8s.io/MutatingAdmissionPolicy': { generation: spec },
  'admissionregistration.k8s.io/MutatingAdmissionPolicyBinding': { generation: spec },
  'apiextensions.k8s.io/CustomResourceDefinition': {
    generation: spec,
    status: true,
    create: storedVersions,
    update: storedVersions,
  },
  'apiregistration.k8s.io/APIService': {
    status: true,
    statusKeeps: 'metadata',
    create: localApiService,
  },
});

const made = new Map<string, Rule>();

/** The rule of a built-in kind with one of its own. */
export function ruleOf(group: string, kind: string): Rule | undefined {
  const key = `${group}/${kind}`;
  const row = rows[key];
  if (!row) return undefined;
  let rule = made.get(key);
  if (!rule) made.set(key, (rule = fromRow(row)));
  return rule;
}

function fromRow(row: Row): Rule {
  const bump = row.generation ? bumps(row.generation) : undefined;
  return {
    create(object, context, info) {
      if (row.status) emptyStatus(object, info);
      if (row.generation || row.firstGeneration) object.metadata.generation = 1;
      row.create?.(object, context);
    },
    update(object, old, context) {
      if (row.status) keepStatus(object, old);
      row.update?.(object, old, context);
      bump?.(object, old, context);
    },
    subresources: { status: row.statusUpdate ?? statusOnly(row.statusKeeps), ...row.others },
  };
}

/** Custom resources, and kinds without a row: spec and status are apart where /status is served. */
export function genericRule(info: StrategyInfo): Rule {
  const status = info.subresources?.has('status') ?? false;
  return {
    create(object) {
      if (status) delete fieldsOf(object)['status'];
      if (info.custom) object.metadata.generation = 1;
    },
    update(object, old) {
      if (status) keepStatus(object, old);
      if (info.custom && !semanticEqual(withoutMetadata(object), withoutMetadata(old)))
        object.metadata.generation = (old.metadata.generation ?? 0) + 1;
    },
    subresources: { status: info.custom ? customStatus : statusOnly(undefined) },
  };
}

function withoutMetadata(object: KubeObject): Dict {
  const { metadata: _metadata, ...rest } = object;
  return rest;
}

/**
 * A write to /status of a custom resource changes the status and the managedFields, nothing else.
 */
function customStatus(object: KubeObject, old: KubeObject): void {
  for (const key of Object.keys(object))
    if (
      key !== 'status' &&
      key !== 'metadata' &&
      key !== 'apiVersion' &&
      key !== 'kind' &&
      !Object.hasOwn(old, key)
    )
      delete fieldsOf(object)[key];
  for (const key of Object.keys(old))
    if (key !== 'status' && key !== 'metadata' && key !== 'apiVersion' && key !== 'kind')
      fieldsOf(object)[key] = fieldsOf(old)[key];
  const { managedFields, resourceVersion } = object.metadata;
  object.metadata = { ...old.metadata };
  delete object.metadata.managedFields;
  if (managedFields) object.metadata.managedFields = managedFields;
  if (resourceVersion) object.metadata.resourceVersion = resourceVersion;
}

function emptyStatus(object: KubeObject, info: StrategyInfo): void {
  const type = info.type?.fields.get('status')?.type;
  fieldsOf(object)['status'] = type?.kind === 'struct' ? zeroStruct(type) : {};
}

function keepBoth(object: KubeObject, old: KubeObject): void {
  keepSpec(object, old);
  keepStatus(object, old);
}

function statusOnly(keeps: Row['statusKeeps']): Update {
  return (object, old) => {
    keepSpec(object, old);
    keepMetadata(object, old, keeps === 'metadata' ? statusMetadata : (keeps ?? []));
  };
}

function claimStatus(object: KubeObject, old: KubeObject, context: StrategyContext): void {
  statusOnly('metadata')(object, old, context);
  dropGivenBack(object, old);
}

export function bumps(paths: readonly string[]): Update {
  return (object, old) => {
    if (paths.some((path) => !semanticEqual(at(object, path), at(old, path))))
      object.metadata.generation = (old.metadata.generation ?? 0) + 1;
  };
}

const kubernetesFinalizer = 'kubernetes';

function namespaceCreate(object: KubeObject): void {
  const finalizers = (at(object, 'spec.finalizers') as string[] | undefined) ?? [];
  fieldsOf(object)['spec'] = {
    ...(fieldsOf(object)['spec'] as Dict | undefined),
    finalizers: finalizers.includes(kubernetesFinalizer)
      ? finalizers
      : [...finalizers, kubernetesFinalizer],
  };
  fieldsOf(object)['status'] = { phase: 'Active' };
  nameLabel(object);
}

function namespaceUpdate(object: KubeObject, old: KubeObject): void {
  keepSpec(object, old);
  keepStatus(object, old);
  nameLabel(object);
}

/** Lets selectors find a namespace by its name. */
function nameLabel(object: KubeObject): void {
  object.metadata.labels = {
    ...object.metadata.labels,
    'kubernetes.io/metadata.name': object.metadata.name ?? '',
  };
}

function secretUpdate(object: KubeObject, old: KubeObject): void {
  if (!fieldsOf(object)['type'] && fieldsOf(old)['type'])
    fieldsOf(object)['type'] = fieldsOf(old)['type'];
}

/** Secrets of a service account are in its own namespace: only their names are kept. */
function serviceAccountClean(object: KubeObject): void {
  const secrets = fieldsOf(object)['secrets'] as { name?: string }[] | undefined;
  if (secrets?.length)
    fieldsOf(object)['secrets'] = secrets.map(({ name }) => (name ? { name } : {}));
}

/**
 * Every version that objects were ever stored in stays in the status until someone takes it out.
 */
function storedVersions(object: KubeObject): void {
  const versions =
    (at(object, 'spec.versions') as { name: string; storage?: boolean }[] | undefined) ?? [];
  const storage = versions.find((v) => v.storage);
  const stored = (at(object, 'status.storedVersions') as string[] | undefined) ?? [];
  if (storage && !stored.includes(storage.name))
    fieldsOf(object)['status'] = {
      ...(fieldsOf(object)['status'] as Dict | undefined),
      storedVersions: [...stored, storage.name],
    };
}

/** A group version that this server answers itself is available from the start. */
function localApiService(object: KubeObject, context: StrategyContext): void {
  if (at(object, 'spec.service')) return;
  fieldsOf(object)['status'] = {
    conditions: [
      {
        type: 'Available',
        status: 'True',
        lastTransitionTime: context.now,
        reason: 'Local',
        message: 'Local APIServices are always available',
      },
    ],
  };
}
