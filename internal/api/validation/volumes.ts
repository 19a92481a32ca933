import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ProjectedVolumeSource,
  Volume,
  VolumeProjection,
} from '../generated/types/core-v1.ts';
import type { ObjectMeta } from '../generated/types/meta-v1.ts';
import { dns1123Label, dns1123Subdomain } from '../names.ts';
import { parseQuantity } from '../quantity.ts';
import { checkClaimSpec } from './claims.ts';
import { checkPullPolicy } from './containers.ts';
import { checkFieldRef, checkResourceRef, volumeFieldPaths } from './downward.ts';
import { checkForeignVolume } from './foreign-volumes.ts';
import { checkAnnotations, checkLabelSelector, checkLabels } from './metadata.ts';
import { checkFileMode, checkNoBacksteps, checkVolumeFilePath } from './pod-paths.ts';
import { Problems } from './problems.ts';

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

/** Checks volumes and returns those that are right, by name: mounts may only name these. */
export function checkVolumes(
  problems: Problems,
  volumes: readonly Volume[],
  meta: ObjectMeta | undefined,
  path: string,
  isPod: boolean,
): Map<string, Volume> {
  const good = new Map<string, Volume>();
  const claimsMade = new Set(
    meta?.name ? volumes.filter((v) => v.ephemeral).map((v) => `${meta.name}-${v.name}`) : [],
  );
  volumes.forEach((volume, i) => {
    const at = `${path}[${i}]`;
    const own = new Problems();
    checkSource(own, volume, at, isPod);
    if (!volume.name) own.required(`${at}.name`);
    else own.check(`${at}.name`, volume.name, dns1123Label);
    if (good.has(volume.name)) own.duplicate(`${at}.name`, volume.name);
    if (own.found) problems.add(own.list);
    else good.set(volume.name, volume);
    const claim = volume.persistentVolumeClaim?.claimName;
    if (claim && claimsMade.has(claim))
      problems.invalid(
        `${at}.persistentVolumeClaim.claimName`,
        claim,
        'must not reference a PVC that gets created for an ephemeral volume',
      );
  });
  return good;
}

type SourceName = Exclude<keyof Volume, 'name'>;
type SourceCheck = (problems: Problems, volume: Volume, path: string, isPod: boolean) => void;

/** A type that is checked where its kind of volume is, for persistent volumes have it too. */
const foreign = (name: SourceName): [SourceName, SourceCheck] => [
  name,
  (problems, volume, path) => checkForeignVolume(problems, name, volume[name], path),
];

const checks: readonly [SourceName, SourceCheck][] = [
  [
    'emptyDir',
    (problems, { emptyDir }, path) => {
      if (emptyDir?.sizeLimit !== undefined && parseQuantity(emptyDir.sizeLimit).sign() < 0)
        problems.forbidden(
          `${path}.sizeLimit`,
          'SizeLimit field must be a valid resource quantity',
        );
    },
  ],
  ['hostPath', (problems, { hostPath }, path) => checkHostPath(problems, hostPath, path)],
  foreign('gitRepo'),
  foreign('gcePersistentDisk'),
  foreign('awsElasticBlockStore'),
  [
    'secret',
    (problems, { secret }, path) => {
      if (!secret?.secretName) problems.required(`${path}.secretName`);
      checkFileMode(problems, `${path}.defaultMode`, secret?.defaultMode);
      checkItems(problems, secret?.items ?? [], `${path}.items`);
    },
  ],
  ['nfs', (problems, { nfs }, path) => checkNfs(problems, nfs, path)],
  foreign('iscsi'),
  foreign('glusterfs'),
  foreign('flocker'),
  [
    'persistentVolumeClaim',
    (problems, { persistentVolumeClaim }, path) => {
      if (!persistentVolumeClaim?.claimName) problems.required(`${path}.claimName`);
    },
  ],
  foreign('rbd'),
  foreign('cinder'),
  foreign('cephfs'),
  foreign('quobyte'),
  [
    'downwardAPI',
    (problems, { downwardAPI }, path) => {
      checkFileMode(problems, `${path}.defaultMode`, downwardAPI?.defaultMode);
      for (const file of downwardAPI?.items ?? []) checkDownwardFile(problems, file, path);
    },
  ],
  foreign('fc'),
  foreign('flexVolume'),
  [
    'configMap',
    (problems, { configMap }, path) => {
      if (!configMap?.name) problems.required(`${path}.name`);
      checkFileMode(problems, `${path}.defaultMode`, configMap?.defaultMode);
      checkItems(problems, configMap?.items ?? [], `${path}.items`);
    },
  ],
  foreign('azureFile'),
  foreign('vsphereVolume'),
  foreign('photonPersistentDisk'),
  foreign('portworxVolume'),
  foreign('azureDisk'),
  foreign('storageos'),
  ['projected', (problems, { projected }, path) => checkProjected(problems, projected, path)],
  foreign('scaleIO'),
  [
    'csi',
    (problems, { csi }, path) => {
      checkDriverName(problems, csi?.driver ?? '', `${path}.driver`);
      const secret = csi?.nodePublishSecretRef;
      if (secret && !secret.name) problems.required(`${path}.nodePublishSecretRef.name`);
      else if (secret?.name) problems.check(`${path}.name`, secret.name, dns1123Subdomain);
    },
  ],
  ['ephemeral', (problems, { ephemeral }, path) => checkEphemeral(problems, ephemeral, path)],
  [
    'image',
    (problems, { image }, path, isPod) => {
      if (isPod && !image?.reference) problems.required(`${path}.reference`);
      checkPullPolicy(problems, image?.pullPolicy, `${path}.pullPolicy`);
    },
  ],
];

function checkSource(problems: Problems, volume: Volume, path: string, isPod: boolean): void {
  let count = 0;
  for (const [name, check] of checks) {
    if (volume[name] === undefined || volume[name] === null) continue;
    if (count > 0) problems.forbidden(`${path}.${name}`, 'may not specify more than 1 volume type');
    else check(problems, volume, `${path}.${name}`, isPod);
    count++;
  }
  if (count === 0) problems.required(path, 'must specify a volume type');
}

export function checkDriverName(problems: Problems, name: string, field: string): void {
  if (!name) return problems.required(field);
  if (name.length > 63) problems.tooLong(field, 63);
  for (const m of dns1123Subdomain(name.toLowerCase())) problems.invalid(field, name, m);
}

export function checkHostPath(
  problems: Problems,
  source: { path: string; type?: string } | undefined,
  path: string,
): void {
  if (!source?.path) return problems.required(`${path}.path`);
  checkNoBacksteps(problems, source.path, `${path}.path`);
  if (source.type !== undefined && !hostPathTypes.includes(source.type))
    problems.notSupported(`${path}.type`, source.type, hostPathTypes);
}

export function checkNfs(
  problems: Problems,
  source: { server: string; path: string } | undefined,
  path: string,
): void {
  if (!source?.server) problems.required(`${path}.server`);
  if (!source?.path) problems.required(`${path}.path`);
  if (!source?.path.startsWith('/'))
    problems.invalid(`${path}.path`, source?.path ?? '', 'must be an absolute path');
}

function checkItems(problems: Problems, items: readonly KeyToPath[], path: string): void {
  items.forEach((item, i) => checkItem(problems, item, `${path}[${i}]`));
}

function checkItem(problems: Problems, item: KeyToPath, path: string): void {
  if (!item.key) problems.required(`${path}.key`);
  if (!item.path) problems.required(`${path}.path`);
  checkVolumeFilePath(problems, item.path ?? '', `${path}.path`);
  checkFileMode(problems, `${path}.mode`, item.mode);
}

function checkDownwardFile(problems: Problems, file: DownwardAPIVolumeFile, path: string): void {
  if (!file.path) problems.required(`${path}.path`);
  checkVolumeFilePath(problems, file.path ?? '', `${path}.path`);
  if (file.fieldRef) {
    checkFieldRef(problems, file.fieldRef, volumeFieldPaths, `${path}.fieldRef`);
    if (file.resourceFieldRef)
      problems.invalid(
        path,
        'resource',
        'fieldRef and resourceFieldRef can not be specified simultaneously',
      );
  } else if (file.resourceFieldRef)
    checkResourceRef(problems, file.resourceFieldRef, `${path}.resourceFieldRef`, true);
  else problems.required(path, 'one of fieldRef and resourceFieldRef is required');
  checkFileMode(problems, `${path}.mode`, file.mode);
}

function checkProjected(
  problems: Problems,
  projected: ProjectedVolumeSource | undefined,
  path: string,
): void {
  checkFileMode(problems, `${path}.defaultMode`, projected?.defaultMode);
  const taken = new Set<string>();
  const take = (file: string, shown: string): void => {
    if (file && taken.has(file)) problems.invalid(path, shown, 'conflicting duplicate paths');
    if (file) taken.add(file);
  };
  (projected?.sources ?? []).forEach((source, i) => {
    const at = `${path}.sources[${i}]`;
    for (const name of ['secret', 'configMap'] as const) {
      const own = source[name];
      if (!own) continue;
      if (!own.name) problems.required(`${at}.${name}.name`);
      (own.items ?? []).forEach((item, j) => {
        checkItem(problems, item, `${at}.${name}.items[${j}]`);
        take(item.path, own.name ?? '');
      });
    }
    for (const file of source.downwardAPI?.items ?? []) {
      checkDownwardFile(problems, file, `${at}.downwardAPI`);
      take(file.path, file.path);
    }
    checkToken(problems, source, `${at}.serviceAccountToken`, path);
    checkTrustBundle(problems, source, `${at}.clusterTrustBundle`, take);
    const kinds = [
      source.secret,
      source.configMap,
      source.downwardAPI,
      source.serviceAccountToken,
      source.clusterTrustBundle,
      source.podCertificate,
    ];
    if (kinds.filter(Boolean).length > 1)
      problems.forbidden(at, 'may not specify more than 1 volume type per source');
  });
}

function checkToken(
  problems: Problems,
  { serviceAccountToken: token }: VolumeProjection,
  at: string,
  path: string,
): void {
  if (!token) return;
  const seconds = token.expirationSeconds ?? 0;
  if (seconds < 600)
    problems.invalid(
      `${at}.expirationSeconds`,
      seconds,
      'may not specify a duration less than 10 minutes',
    );
  if (seconds > 2 ** 32)
    problems.invalid(
      `${at}.expirationSeconds`,
      seconds,
      'may not specify a duration larger than 2^32 seconds',
    );
  // Upstream names the volume, not the source, here.
  if (!token.path) problems.required(`${path}.path`);
  else checkVolumeFilePath(problems, token.path, `${path}.path`);
}

function checkTrustBundle(
  problems: Problems,
  { clusterTrustBundle: bundle }: VolumeProjection,
  at: string,
  take: (file: string, shown: string) => void,
): void {
  if (!bundle) return;
  if (bundle.name !== undefined && bundle.signerName !== undefined)
    problems.invalid(at, bundle, 'only one of name and signerName may be used');
  else if (bundle.name !== undefined) {
    if (!bundle.name) problems.required(`${at}.name`, 'must be a valid object name');
    if (bundle.labelSelector)
      problems.invalid(
        `${at}.labelSelector`,
        bundle.labelSelector,
        'labelSelector must be unset if name is specified',
      );
  } else if (bundle.signerName !== undefined) {
    if (!bundle.signerName) problems.required(`${at}.signerName`, 'must be a valid signer name');
    checkLabelSelector(problems, bundle.labelSelector, `${at}.labelSelector`);
  } else problems.required(at, 'either name or signerName must be specified');
  if (!bundle.path) problems.required(`${at}.path`);
  checkVolumeFilePath(problems, bundle.path ?? '', `${at}.path`);
  take(bundle.path, bundle.path);
}

const templateMetadata = new Set(['labels', 'annotations', 'creationTimestamp']);

function checkEphemeral(problems: Problems, ephemeral: Volume['ephemeral'], path: string): void {
  const template = ephemeral?.volumeClaimTemplate;
  if (!template) return problems.required(`${path}.volumeClaimTemplate`);
  const at = `${path}.volumeClaimTemplate`;
  checkAnnotations(problems, template.metadata?.annotations, `${at}.metadata.annotations`);
  checkLabels(problems, template.metadata?.labels, `${at}.metadata.labels`);
  for (const [field, value] of Object.entries(template.metadata ?? {})) {
    if (!templateMetadata.has(field) && value !== undefined && value !== null)
      problems.forbidden(`${at}.metadata.${field}`, 'cannot be set');
  }
  checkClaimSpec(problems, template.spec, `${at}.spec`);
}
