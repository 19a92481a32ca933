import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeSpec,
  SecretReference,
} from '../generated/types/core-v1.ts';
import type { Dict } from '../loose.ts';
import { dictOf, isDict, numberOf, semanticEqual } from '../loose.ts';
import { dns1123Label, dns1123Subdomain, qualifiedName } from '../names.ts';
import { parseQuantity } from '../quantity.ts';
import { checkNodeSelector } from './affinity.ts';
import { checkAccessModes, checkClaimSpec, volumeModes } from './claims.ts';
import { checkForeignVolume } from './foreign-volumes.ts';
import { checkMetadata, checkMetadataUpdate } from './metadata.ts';
import { goDiff } from './pod-diff.ts';
import { checkNoBacksteps } from './pod-paths.ts';
import { immutable, inOrder } from './problems.ts';
import type { Problems } from './problems.ts';
import { isNativeResource } from './resource-names.ts';
import type { Rule } from './rule.ts';
import { shown } from './shapes.ts';
import { checkDriverName, checkHostPath, checkNfs } from './volumes.ts';

const sources = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'flocker',
  'nfs',
  'rbd',
  'quobyte',
  'cephfs',
  'iscsi',
  'cinder',
  'fc',
  'flexVolume',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'scaleIO',
  'local',
  'storageos',
  'csi',
] as const;
const policies = ['Delete', 'Recycle', 'Retain'];
const inline = 'in the context of inline volumes';

/** The spec of a persistent volume, or one that stands inline in a volume attachment. */
export function checkVolumeSpec(
  problems: Problems,
  spec: PersistentVolumeSpec,
  path: string,
  isInline = false,
): void {
  if (isInline) checkInline(problems, spec, path);
  checkAccessModes(problems, spec.accessModes, `${path}.accessModes`);
  const reclaim = spec.persistentVolumeReclaimPolicy;
  if (!isInline) {
    checkCapacity(problems, spec.capacity, `${path}.capacity`);
    if (reclaim && !policies.includes(reclaim))
      problems.notSupported(`${path}.persistentVolumeReclaimPolicy`, reclaim, policies);
    if (spec.nodeAffinity) {
      if (spec.nodeAffinity.required)
        checkNodeSelector(problems, spec.nodeAffinity.required, `${path}.nodeAffinity.required`);
      else
        problems.required(
          `${path}.nodeAffinity.required`,
          'must specify required node constraints',
        );
    }
    if (spec.storageClassName)
      problems.check(`${path}.storageClassName`, spec.storageClassName, dns1123Subdomain);
    if (spec.volumeMode !== undefined && !volumeModes.includes(spec.volumeMode))
      problems.notSupported(`${path}.volumeMode`, spec.volumeMode, volumeModes);
  }
  checkSources(problems, spec, path);
  if (spec.hostPath && /^\/*$/.test(spec.hostPath.path) && reclaim === 'Recycle')
    problems.forbidden(
      `${path}.persistentVolumeReclaimPolicy`,
      "may not be 'recycle' for a hostPath mount of '/'",
    );
  const attributes = spec.volumeAttributesClassName;
  if (attributes !== undefined) {
    if (attributes === '')
      problems.required(`${path}.volumeAttributesClassName`, 'an empty string is disallowed');
    else problems.check(`${path}.volumeAttributesClassName`, attributes, dns1123Subdomain);
    if (!spec.csi)
      problems.required(`${path}.csi`, 'has to be specified when using volumeAttributesClassName');
  }
}

function checkInline(problems: Problems, spec: PersistentVolumeSpec, path: string): void {
  if (spec.claimRef) problems.forbidden(`${path}.claimRef`, `may not be specified ${inline}`);
  if (Object.keys(spec.capacity ?? {}).length > 0)
    problems.forbidden(`${path}.capacity`, `may not be specified ${inline}`);
  if (!spec.csi) problems.required(`${path}.csi`, `has to be specified ${inline}`);
  if (spec.persistentVolumeReclaimPolicy && spec.persistentVolumeReclaimPolicy !== 'Retain')
    problems.forbidden(`${path}.persistentVolumeReclaimPolicy`, `may only be Retain ${inline}`);
  if (spec.nodeAffinity)
    problems.forbidden(`${path}.nodeAffinity`, `may not be specified ${inline}`);
  if (spec.storageClassName)
    problems.forbidden(`${path}.storageClassName`, `may not be specified ${inline}`);
  if (spec.volumeMode !== undefined && spec.volumeMode !== 'Filesystem')
    problems.forbidden(
      `${path}.volumeMode`,
      `may not specify volumeMode other than Filesystem ${inline}`,
    );
}

function checkCapacity(
  problems: Problems,
  capacity: Readonly<Record<string, string>> | undefined,
  path: string,
): void {
  const amounts = Object.entries(capacity ?? {});
  if (amounts.length === 0) problems.required(path);
  if (capacity?.['storage'] === undefined || amounts.length > 1)
    problems.notSupported(path, inOrder(capacity), ['storage']);
  for (const [name, text] of amounts) {
    const quantity = parseQuantity(text);
    if (quantity.sign() < 0)
      problems.invalid(
        `${path}[${name}]`,
        Number(quantity.value()),
        'must be a valid resource quantity',
      );
    if (quantity.sign() <= 0)
      problems.invalid(`${path}[${name}]`, quantity.toString(), 'must be greater than zero');
  }
}

function checkSources(problems: Problems, spec: PersistentVolumeSpec, path: string): void {
  let count = 0;
  for (const name of sources) {
    const source: unknown = spec[name];
    if (source === undefined || source === null) continue;
    if (count > 0 && name !== 'flexVolume')
      problems.forbidden(
        `${path}.${name === 'cephfs' ? 'cephFS' : name}`,
        'may not specify more than 1 volume type',
      );
    else checkSource(problems, spec, name, `${path}.${name}`);
    count++;
  }
  if (count === 0) problems.required(path, 'must specify a volume type');
}

function checkSource(
  problems: Problems,
  spec: PersistentVolumeSpec,
  name: (typeof sources)[number],
  path: string,
): void {
  if (name === 'hostPath') checkHostPath(problems, spec.hostPath, path);
  else if (name === 'nfs') checkNfs(problems, spec.nfs, path);
  else if (name === 'csi') checkCsi(problems, dictOf(spec.csi), path);
  else if (name === 'local') {
    if (!spec.local?.path) problems.required(`${path}.path`);
    else checkNoBacksteps(problems, spec.local.path, `${path}.path`);
    if (!spec.nodeAffinity)
      problems.required(
        path.replace(/local$/, 'nodeAffinity'),
        'Local volume requires node affinity',
      );
  } else {
    checkForeignVolume(problems, name, spec[name], path);
    const { secretNamespace, endpointsNamespace } = dictOf(spec[name]);
    if (name === 'azureFile' && secretNamespace === '')
      problems.required(`${path}.secretNamespace`);
    if (name === 'glusterfs' && typeof endpointsNamespace === 'string')
      for (const m of dns1123Label(endpointsNamespace))
        problems.invalid(`${path}.endpointsNamespace`, endpointsNamespace, m);
  }
}

const secretRefs = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
];

function checkCsi(problems: Problems, csi: Dict, path: string): void {
  checkDriverName(problems, String(csi['driver'] ?? ''), `${path}.driver`);
  if (!csi['volumeHandle']) problems.required(`${path}.volumeHandle`);
  for (const name of secretRefs) {
    const ref = csi[name] as SecretReference | undefined;
    if (!ref) continue;
    if (!ref.name) problems.required(`${path}.${name}.name`);
    else problems.check(`${path}.${name}.name`, ref.name, dns1123Subdomain);
    if (!ref.namespace) problems.required(`${path}.${name}.namespace`);
    else problems.check(`${path}.${name}.namespace`, ref.namespace, dns1123Label);
  }
}

const sourcesOf = (spec: PersistentVolumeSpec): Dict =>
  Object.fromEntries(sources.filter((name) => spec[name]).map((name) => [name, spec[name]]));

/** Only what a volume is made of, as kube-apiserver shows it. */
function shownSource(source: Dict): unknown {
  const keep = new Set(sources.map((name) => name.toLowerCase()));
  return Object.fromEntries(
    Object.entries(dictOf(shown('PersistentVolumeSpec', source))).filter(([name]) =>
      keep.has(name.toLowerCase()),
    ),
  );
}

function changeVolume(problems: Problems, object: PersistentVolume, old: PersistentVolume): void {
  const [spec, was] = [object.spec ?? {}, old.spec ?? {}];
  const [now, before] = [sourcesOf(spec), sourcesOf(was)];
  if (isDict(now['csi']) && isDict(before['csi']) && !before['csi']['controllerExpandSecretRef']) {
    const { controllerExpandSecretRef: _, ...rest } = now['csi'];
    now['csi'] = rest;
  }
  if (!semanticEqual(now, before))
    problems.forbidden(
      'spec.persistentvolumesource',
      'spec.persistentvolumesource is immutable after creation\n' +
        `${goDiff(shownSource(before), shownSource(now))}`,
    );
  problems.immutable('volumeMode', spec.volumeMode ?? null, was.volumeMode ?? null);
  if (was.nodeAffinity && !semanticEqual(spec.nodeAffinity, was.nodeAffinity))
    problems.invalid(
      'nodeAffinity',
      shown('VolumeNodeAffinity', spec.nodeAffinity ?? null),
      `${immutable}, except for updating from beta label to GA`,
    );
  if (was.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined)
    problems.forbidden(
      'spec.volumeAttributesClassName',
      'update from non-nil value to nil is forbidden',
    );
}

export const persistentVolume: Rule<PersistentVolume> = {
  name: dns1123Subdomain,
  spec: (problems, object) => checkVolumeSpec(problems, object.spec ?? {}, 'spec'),
  updates: ['object', 'object', 'change'],
  change: changeVolume,
};

const betaClass = 'volume.beta.kubernetes.io/storage-class';
const resizeStates = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
];

function updateClaim(
  problems: Problems,
  claim: PersistentVolumeClaim,
  old: PersistentVolumeClaim,
): void {
  checkMetadataUpdate(problems, claim.metadata ?? {}, old.metadata ?? {});
  checkMetadata(problems, claim.metadata ?? {}, { namespaced: true, name: dns1123Subdomain });
  checkClaimSpec(problems, claim.spec ?? {}, 'spec');
  const [spec, was] = [{ ...claim.spec }, { ...old.spec }];
  if (!was.volumeName && spec.volumeName) was.volumeName = spec.volumeName;
  const [annotation, before] = [
    claim.metadata.annotations?.[betaClass],
    old.metadata.annotations?.[betaClass],
  ];
  if (
    was.storageClassName === undefined &&
    spec.storageClassName !== undefined &&
    (before === undefined || before === spec.storageClassName)
  )
    delete spec.storageClassName;
  else if (annotation !== before)
    problems.invalid(`metadata.annotations.${betaClass}`, annotation ?? '', immutable);
  const size = (from: PersistentVolumeClaim): string | undefined =>
    from.spec?.resources?.requests?.['storage'];
  if (claim.status?.phase === 'Bound') {
    const [now, held] = [spec.resources ?? {}, size(old)];
    if (now.requests && held !== undefined)
      spec.resources = { ...now, requests: { ...now.requests, storage: held } };
    if (was.volumeAttributesClassName === undefined) delete spec.volumeAttributesClassName;
    else spec.volumeAttributesClassName = was.volumeAttributesClassName;
  }
  if (!semanticEqual(spec, was)) {
    problems.forbidden(
      'spec',
      'spec is immutable after creation except resources.requests and ' +
        'volumeAttributesClassName for bound claims\n' +
        goDiff(shown('PersistentVolumeClaimSpec', was), shown('PersistentVolumeClaimSpec', spec)),
    );
  }
  const [wanted, had] = [parseQuantity(size(claim) ?? '0'), parseQuantity(size(old) ?? '0')];
  if (
    wanted.cmp(had) < 0 &&
    wanted.cmp(parseQuantity(old.status?.capacity?.['storage'] ?? '0')) <= 0
  )
    problems.forbidden(
      'spec.resources.requests.storage',
      'field can not be less than status.capacity',
    );
  problems.immutable('volumeMode', claim.spec?.volumeMode ?? null, old.spec?.volumeMode ?? null);
  const attributes = claim.spec?.volumeAttributesClassName;
  if (
    attributes !== old.spec?.volumeAttributesClassName &&
    old.status?.currentVolumeAttributesClassName !== undefined &&
    !attributes
  ) {
    problems.forbidden(
      'spec.volumeAttributesClassName',
      `update to ${attributes === '' ? 'empty string' : 'nil'} is forbidden when ` +
        'status.currentVolumeAttributesClassName is not nil',
    );
  }
}

function checkClaimResource(problems: Problems, name: string, field: string): boolean {
  const wrong = qualifiedName(name);
  for (const m of wrong) problems.invalid(field, name, m);
  if (wrong.length === 0 && isNativeResource(name) && name !== 'storage')
    problems.notSupported(field, name, ['storage']);
  return wrong.length === 0 && (!isNativeResource(name) || name === 'storage');
}

function updateClaimStatus(
  problems: Problems,
  claim: PersistentVolumeClaim,
  old: PersistentVolumeClaim,
): void {
  checkMetadataUpdate(problems, claim.metadata ?? {}, old.metadata ?? {});
  if (!claim.spec?.accessModes?.length) problems.required('Spec.accessModes');
  const amount = (text: string, field: string): void => {
    const value = numberOf(Number(parseQuantity(text).value()));
    if (value < 0) problems.invalid(field, value, 'must be a valid resource quantity');
  };
  for (const [name, text] of Object.entries(claim.status?.capacity ?? {}))
    amount(text, `status.capacity[${name}]`);
  for (const [name, state] of Object.entries(claim.status?.allocatedResourceStatuses ?? {})) {
    checkClaimResource(problems, name, 'status.allocatedResourceStatuses');
    if (!resizeStates.includes(state))
      problems.notSupported('status.allocatedResourceStatuses', name, [...resizeStates].sort());
  }
  for (const [name, text] of Object.entries(claim.status?.allocatedResources ?? {})) {
    if (checkClaimResource(problems, name, 'status.allocatedResources'))
      amount(text, `status.allocatedResources[${name}]`);
  }
}

export const persistentVolumeClaim: Rule<PersistentVolumeClaim> = {
  name: dns1123Subdomain,
  spec: (problems, object) => checkClaimSpec(problems, object.spec ?? {}, 'spec'),
  update: updateClaim,
  subresources: { status: updateClaimStatus },
};
