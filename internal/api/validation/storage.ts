import type {
  CSIDriver,
  CSINode,
  CSINodeDriver,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
  VolumeError,
} from '../generated/types/storage-v1.ts';
import type { TopologySelectorTerm } from '../generated/types/core-v1.ts';
import { semanticEqual } from '../loose.ts';
import { dns1123Subdomain, qualifiedName } from '../names.ts';
import { parseQuantity } from '../quantity.ts';
import { checkLabelSelector, checkMetadata, checkMetadataUpdate } from './metadata.ts';
import { inOrder } from './problems.ts';
import type { Problems } from './problems.ts';
import { checkNonNegativeQuantity } from './resources.ts';
import type { Rule } from './rule.ts';
import { checkDriverName } from './volumes.ts';
import { checkVolumeSpec } from './volume-records.ts';
import { repeats } from './repeats.ts';

const maxParameters = 512;
const maxBytes = 256 * 1024;
const maxMessage = 1024;
const longestNodeId = 256;
const shortestToken = 600;
const shortestPeriod = 10;

function checkProvisioner(problems: Problems, name: string, field: string): void {
  if (!name) problems.required(field);
  else
    for (const m of qualifiedName(name.toLowerCase()))
      problems.invalid(field, name.toLowerCase(), m);
}

function bytesOf(map: Readonly<Record<string, string>> | undefined): number {
  return Object.entries(map ?? {}).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
}

function checkParameters(
  problems: Problems,
  parameters: Readonly<Record<string, string>> | undefined,
  needed: boolean,
): void {
  const keys = Object.keys(parameters ?? {});
  if (keys.length > maxParameters) return problems.tooLong('parameters', maxParameters);
  if (keys.includes('')) problems.invalid('parameters', '', 'field can not be empty.');
  if (bytesOf(parameters) > maxBytes) problems.tooLong('parameters', maxBytes);
  if (needed && keys.length === 0)
    problems.required('parameters', 'must contain at least one key/value pair');
}

function checkTopologies(problems: Problems, terms: readonly TopologySelectorTerm[]): void {
  const seen = new Set<string>();
  terms.forEach((term, i) => {
    const path = `allowedTopologies[${i}].matchLabelExpressions`;
    const keys = new Map<string, unknown>();
    (term.matchLabelExpressions ?? []).forEach(({ key, values: given }, j) => {
      const values = given ?? [];
      if (values.length === 0) problems.required(`${path}[${j}].values`);
      const again = repeats(values);
      values.forEach(
        (value, k) => again[k] && problems.duplicate(`${path}[${j}].values[${k}]`, value),
      );
      problems.check(`${path}[${j}].key`, key ?? '', qualifiedName);
      if (keys.has(key)) problems.duplicate(`${path}[${j}].key`, key);
      keys.set(key, [...new Set(values)].sort());
    });
    const shape = JSON.stringify([...keys].sort());
    if (seen.has(shape) || keys.size === 0) problems.duplicate(path, '');
    seen.add(shape);
  });
}

const bindingModes = ['Immediate', 'WaitForFirstConsumer'];
const reclaimPolicies = ['Delete', 'Retain'];

export const storageClass: Rule<StorageClass> = {
  name: dns1123Subdomain,
  spec(problems, object) {
    checkProvisioner(problems, object.provisioner ?? '', 'provisioner');
    checkParameters(problems, object.parameters, false);
    const { reclaimPolicy, volumeBindingMode } = object;
    if (reclaimPolicy && !reclaimPolicies.includes(reclaimPolicy))
      problems.notSupported('reclaimPolicy', reclaimPolicy, reclaimPolicies);
    if (volumeBindingMode === undefined) problems.required('volumeBindingMode');
    else if (!bindingModes.includes(volumeBindingMode))
      problems.notSupported('volumeBindingMode', volumeBindingMode, bindingModes);
    checkTopologies(problems, object.allowedTopologies ?? []);
  },
  updates: ['object', 'metadata', 'change'],
  change(problems, object, old) {
    problems.immutable('parameters', inOrder(object.parameters), inOrder(old.parameters));
    for (const field of ['provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const)
      problems.immutable(field, object[field] ?? null, old[field] ?? null);
  },
};

function checkError(problems: Problems, error: VolumeError | undefined, path: string): void {
  if (!error) return;
  if ((error.message ?? '').length > maxMessage) problems.tooLong(`${path}.message`, maxBytes);
  if ((error.errorCode ?? 0) < 0)
    problems.invalid(
      `${path}.errorCode`,
      error.errorCode,
      'must be between 0 and 2147483647, inclusive',
    );
}

function checkAttachment(problems: Problems, { metadata, spec, status }: VolumeAttachment): void {
  checkMetadata(problems, metadata ?? {}, { namespaced: false, name: dns1123Subdomain });
  checkDriverName(problems, spec?.attacher ?? '', 'spec.attacher');
  const { inlineVolumeSpec: inline, persistentVolumeName: name } = spec?.source ?? {};
  const one = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (!inline && name === undefined) problems.required('spec.source', one);
  else if (inline && name !== undefined) problems.forbidden('spec.source', one);
  else if (inline) checkVolumeSpec(problems, inline, 'spec.source.inlineVolumeSpec', true);
  else if (!name)
    problems.required(
      'spec.source.persistentVolumeName',
      'must specify non empty persistentVolumeName',
    );
  problems.check('spec.nodeName', spec?.nodeName ?? '', dns1123Subdomain);
  if (bytesOf(status?.attachmentMetadata) > maxBytes)
    problems.tooLong('status.attachmentMetadata', maxBytes);
  checkError(problems, status?.attachError, 'status.attachError');
  checkError(problems, status?.detachError, 'status.detachError');
  if (name !== undefined)
    problems.check('spec.source.persistentVolumeName', name, dns1123Subdomain);
}

/** As kube-apiserver shows it. */
function shownAttachment(spec: VolumeAttachment['spec'] | undefined): unknown {
  const source = spec?.source;
  return {
    Attacher: spec?.attacher ?? '',
    Source: {
      PersistentVolumeName: source?.persistentVolumeName ?? null,
      InlineVolumeSpec: source?.inlineVolumeSpec ?? null,
    },
    NodeName: spec?.nodeName ?? '',
  };
}

export const volumeAttachment: Rule<VolumeAttachment> = {
  name: dns1123Subdomain,
  create: checkAttachment,
  updates: ['object', 'change'],
  change: (problems, object, old) =>
    problems.immutable('spec', shownAttachment(object.spec), shownAttachment(old.spec)),
};

function checkNodeDriver(
  problems: Problems,
  driver: CSINodeDriver,
  seen: Set<string>,
  path: string,
): void {
  checkDriverName(problems, driver.name ?? '', `${path}.name`);
  const id = driver.nodeID ?? '';
  if (!id) problems.required(`${path}.nodeID`);
  if (id.length > longestNodeId)
    problems.invalid(`${path}.nodeID`, id, `must be ${longestNodeId} characters or less`);
  problems.nonNegative(`${path}.allocatable.count`, driver.allocatable?.count);
  if (seen.has(driver.name)) problems.duplicate(`${path}.name`, driver.name);
  seen.add(driver.name);
  const again = repeats(driver.topologyKeys ?? []);
  (driver.topologyKeys ?? []).forEach((key, i) => {
    if (!key) problems.required(path);
    if (again[i]) problems.duplicate(path, key);
    problems.check(path, key, qualifiedName);
  });
}

export const csiNode: Rule<CSINode> = {
  name: dns1123Subdomain,
  spec(problems, object) {
    const seen = new Set<string>();
    (object.spec?.drivers ?? []).forEach((driver, i) =>
      checkNodeDriver(problems, driver, seen, `spec.drivers[${i}]`),
    );
  },
  updates: ['object', 'change'],
  change(problems, object, old) {
    const bare = (d: CSINodeDriver): unknown => ({
      Name: d.name,
      NodeID: d.nodeID,
      TopologyKeys: d.topologyKeys ?? null,
      Allocatable: null,
    });
    for (const before of old.spec?.drivers ?? []) {
      for (const now of object.spec?.drivers ?? [])
        if (now.name === before.name) problems.immutable('spec.drivers', bare(now), bare(before));
    }
  },
};

const groupPolicies = ['File', 'None', 'ReadWriteOnceWithFSType'];
const lifecycleModes = ['Persistent', 'Ephemeral'];

export const csiDriver: Rule<CSIDriver> = {
  name: dns1123Subdomain,
  spec(problems, { spec = {} }) {
    if (spec.attachRequired === undefined) problems.required('spec.attachedRequired');
    for (const field of ['podInfoOnMount', 'storageCapacity'] as const)
      if (spec[field] === undefined) problems.required(`spec.${field}`);
    if (spec.fsGroupPolicy !== undefined && !groupPolicies.includes(spec.fsGroupPolicy))
      problems.notSupported('spec.fsGroupPolicy', spec.fsGroupPolicy, groupPolicies);
    const audiences = new Set<string>();
    (spec.tokenRequests ?? []).forEach(({ audience, expirationSeconds: seconds }, i) => {
      const path = `spec.tokenRequests[${i}]`;
      if (audiences.has(audience)) return problems.duplicate(`${path}.audience`, audience);
      audiences.add(audience);
      if (seconds === undefined) return;
      if (seconds < shortestToken)
        problems.invalid(
          `${path}.expirationSeconds`,
          seconds,
          'may not specify a duration less than 10 minutes',
        );
      if (seconds > 2 ** 32)
        problems.invalid(
          `${path}.expirationSeconds`,
          seconds,
          'may not specify a duration larger than 2^32 seconds',
        );
    });
    for (const mode of spec.volumeLifecycleModes ?? [])
      if (!lifecycleModes.includes(mode))
        problems.notSupported('spec.volumeLifecycleModes', mode, lifecycleModes);
    if (spec.seLinuxMount === undefined) problems.required('spec.seLinuxMount');
    const period = spec.nodeAllocatableUpdatePeriodSeconds;
    if (period !== undefined && period < shortestPeriod)
      problems.invalid(
        'spec.nodeAllocatableUpdatePeriodSeconds',
        period,
        `must be greater than or equal to ${shortestPeriod} seconds`,
      );
    if (spec.serviceAccountTokenInSecrets !== undefined && !spec.tokenRequests?.length)
      problems.invalid(
        'spec.serviceAccountTokenInSecrets',
        spec.serviceAccountTokenInSecrets,
        'serviceAccountTokenInSecrets is set but no tokenRequests are specified',
      );
  },
  change(problems, object, old) {
    problems.immutable(
      'spec.attachedRequired',
      object.spec?.attachRequired ?? null,
      old.spec?.attachRequired ?? null,
    );
    problems.immutable(
      'spec.volumeLifecycleModes',
      object.spec?.volumeLifecycleModes ?? null,
      old.spec?.volumeLifecycleModes ?? null,
    );
  },
};

export const csiStorageCapacity: Rule<CSIStorageCapacity> = {
  name: dns1123Subdomain,
  spec(problems, object) {
    checkLabelSelector(problems, object.nodeTopology, 'nodeTopology');
    problems.check('storageClassName', object.storageClassName ?? '', dns1123Subdomain);
    if (object.capacity !== undefined)
      checkNonNegativeQuantity(problems, parseQuantity(object.capacity), 'capacity');
  },
  updates: ['object', 'metadata', 'change'],
  change(problems, object, old) {
    problems.immutable('nodeTopology', object.nodeTopology ?? null, old.nodeTopology ?? null);
    problems.immutable(
      'storageClassName',
      object.storageClassName ?? '',
      old.storageClassName ?? '',
    );
  },
};

export const volumeAttributesClass: Rule<VolumeAttributesClass> = {
  name: dns1123Subdomain,
  spec(problems, object) {
    checkProvisioner(problems, object.driverName ?? '', 'driverName');
    checkParameters(problems, object.parameters, true);
  },
  update(problems, object, old) {
    checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
    if (object.driverName !== old.driverName)
      problems.forbidden('driverName', 'updates to driverName are forbidden.');
    if (!semanticEqual(object.parameters, old.parameters))
      problems.forbidden('parameters', 'updates to parameters are forbidden.');
    checkMetadata(problems, object.metadata ?? {}, { namespaced: false, name: dns1123Subdomain });
    checkProvisioner(problems, object.driverName ?? '', 'driverName');
    checkParameters(problems, object.parameters, true);
  },
};
