import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types/core-v1.ts';
import type { StorageClass } from '../../api/generated/types/storage-v1.ts';
import { annotationOf, annotations, askedSize, classOfClaim } from '../../api/storage/claims.ts';

/** The name that charts and classes of k3s know. */
export const provisioner = 'rancher.io/local-path';
/** Holds a volume until its data is gone, though the volume may be deleted before its claim. */
export const finalizer = 'external-provisioner.volume.kubernetes.io/finalizer';
/** On the volume: the node that has it. */
const nodeAnnotation = 'local.path.provisioner/selected-node';
/** On the class: `local` or `hostPath`. */
const typeAnnotation = 'defaultVolumeType';

/** What the provisioner cannot make; undefined = it can. */
export function unsupported(
  { spec }: PersistentVolumeClaim,
  { parameters = {} }: StorageClass,
): string | undefined {
  if (spec.selector) return 'claim.Spec.Selector is not supported';
  if (spec.dataSource || spec.dataSourceRef) return 'claims with a data source are not supported';
  if (spec.volumeMode === 'Block') return 'block volumes are not supported';
  const lonely = (mode: string): boolean => mode === 'ReadWriteOnce' || mode === 'ReadWriteOncePod';
  if (!(spec.accessModes ?? []).every(lonely))
    return 'only the access modes ReadWriteOnce and ReadWriteOncePod are supported';
  const known = new Set(['nodePath', 'pathPattern']);
  const other = Object.keys(parameters).find((name) => !known.has(name));
  return other === undefined ? undefined : `the parameter ${JSON.stringify(other)} is not known`;
}

export const volumeNameFor = ({ metadata }: PersistentVolumeClaim): string => `pvc-${metadata.uid}`;

interface Made {
  claim: PersistentVolumeClaim;
  storageClass: StorageClass;
  node: { name: string; hostname: string };
  /** The whole path of the folder. */
  path: string;
}

/** The PersistentVolume for a claim whose folder exists. */
export function volumeOf({ claim, storageClass, node, path }: Made): object {
  const { namespace, name, uid, resourceVersion } = claim.metadata;
  const policy = storageClass.reclaimPolicy ?? 'Delete';
  const hostPath = annotationOf(storageClass, typeAnnotation) === 'hostPath';
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: volumeNameFor(claim),
      annotations: { [annotations.provisionedBy]: provisioner, [nodeAnnotation]: node.name },
      ...(policy === 'Delete' ? { finalizers: [finalizer] } : {}),
    },
    spec: {
      capacity: { storage: askedSize(claim).toString() },
      accessModes: claim.spec.accessModes,
      volumeMode: 'Filesystem',
      persistentVolumeReclaimPolicy: policy,
      storageClassName: classOfClaim(claim),
      ...(storageClass.mountOptions?.length ? { mountOptions: storageClass.mountOptions } : {}),
      ...(hostPath ? { hostPath: { path, type: 'DirectoryOrCreate' } } : { local: { path } }),
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            {
              matchExpressions: [
                { key: 'kubernetes.io/hostname', operator: 'In', values: [node.hostname] },
              ],
            },
          ],
        },
      },
      claimRef: {
        kind: 'PersistentVolumeClaim',
        apiVersion: 'v1',
        namespace,
        name,
        uid,
        resourceVersion,
      },
    },
  };
}

export const pathOf = ({ spec }: PersistentVolume): string | undefined =>
  spec.local?.path ?? spec.hostPath?.path;

/** The node that has the data: what the provisioner wrote, else what the volume says. */
export function nodeOf(volume: PersistentVolume): string | undefined {
  const written = annotationOf(volume, nodeAnnotation);
  if (written !== undefined) return written;
  for (const term of volume.spec.nodeAffinity?.required?.nodeSelectorTerms ?? [])
    for (const { key, operator, values } of term.matchExpressions ?? [])
      if (key === 'kubernetes.io/hostname' && operator === 'In' && values?.length === 1)
        return values[0];
  return undefined;
}
