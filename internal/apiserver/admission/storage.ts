import { refs } from '../../api/generated/refs.ts';
import { registryKey, registryPrefix } from '../../api/registry-key.ts';
import { table } from '../../base/own.ts';
import type { PersistentVolumeClaim } from '../../api/generated/types/core-v1.ts';
import type { StorageClass } from '../../api/generated/types/storage-v1.ts';
import type { Ingress, IngressClass } from '../../api/generated/types/networking-v1.ts';
import { quantityOf } from '../../api/quantity.ts';
import type { Core } from '../registry/core.ts';
import type { AdmissionPlugin } from './chain.ts';
import { lookup, lookupAll } from './lookup.ts';
import { on } from './on.ts';
import { refusal } from './refusal.ts';

const isDefault = (
  object: { metadata: { annotations?: Record<string, string> } },
  ...keys: string[]
): boolean => keys.some((key) => object.metadata.annotations?.[key] === 'true');

/** Newest first, then by name: which of several defaults counts. */
function newest<T extends { metadata: { name?: string; creationTimestamp?: string } }>(
  list: T[],
): T | undefined {
  return list.sort(
    (a, b) =>
      (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? '') ||
      (a.metadata.name ?? '').localeCompare(b.metadata.name ?? ''),
  )[0];
}

/** Claims without a class get the default one (plugin DefaultStorageClass). */
export function defaultStorageClass(core: Core): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    handles: on('', 'persistentvolumeclaims', ['CREATE']),
    async admit({ object }) {
      const claim = object as PersistentVolumeClaim;
      if (
        claim.spec.storageClassName !== undefined ||
        claim.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] !== undefined
      )
        return;
      const classes = await lookupAll<StorageClass>(core, registryPrefix(refs.storageClasses));
      const chosen = newest(
        classes.filter((one) =>
          isDefault(
            one,
            'storageclass.kubernetes.io/is-default-class',
            'storageclass.beta.kubernetes.io/is-default-class',
          ),
        ),
      );
      if (chosen) claim.spec.storageClassName = chosen.metadata.name ?? '';
    },
  };
}

/**
 * Ingresses without a class get the default one; two defaults are an error (plugin
 * DefaultIngressClass).
 */
export function defaultIngressClass(core: Core): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    handles: on('networking.k8s.io', 'ingresses', ['CREATE']),
    async admit(attributes) {
      const ingress = attributes.object as Ingress;
      if (
        ingress.spec?.ingressClassName ||
        ingress.metadata.annotations?.['kubernetes.io/ingress.class'] !== undefined
      )
        return;
      const classes = await lookupAll<IngressClass>(core, registryPrefix(refs.ingressClasses));
      const chosen = newest(
        classes.filter((one) => isDefault(one, 'ingressclass.kubernetes.io/is-default-class')),
      );
      if (!chosen) return;
      if (!ingress.spec) throw refusal(attributes, 'no spec');
      ingress.spec.ingressClassName = chosen.metadata.name ?? '';
    },
  };
}

const protection: Record<string, string> = table({
  '/persistentvolumeclaims': 'kubernetes.io/pvc-protection',
  '/persistentvolumes': 'kubernetes.io/pv-protection',
  'storage.k8s.io/volumeattributesclasses': 'kubernetes.io/vac-protection',
});

/** What is in use is not deleted under its users (plugin StorageObjectInUseProtection). */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  handles: ({ call, operation }) =>
    operation === 'CREATE' &&
    call.subresource === '' &&
    protection[`${call.resource.group}/${call.resource.resource}`] !== undefined,
  admit({ call, object }) {
    const finalizer = protection[`${call.resource.group}/${call.resource.resource}`];
    const meta = object?.metadata;
    if (!finalizer || !meta || meta.finalizers?.includes(finalizer)) return;
    meta.finalizers = [...(meta.finalizers ?? []), finalizer];
  },
};

/** Claims grow only where their class lets them (plugin PersistentVolumeClaimResize). */
export function persistentVolumeClaimResize(core: Core): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    handles: on('', 'persistentvolumeclaims', ['UPDATE']),
    async validate(attributes) {
      const now = attributes.object as PersistentVolumeClaim;
      const before = attributes.old as PersistentVolumeClaim;
      const size = (claim: PersistentVolumeClaim) =>
        quantityOf(claim.spec.resources?.requests?.['storage']);
      if (size(now).cmp(size(before)) <= 0) return;
      const refuse = (why: string): Error => refusal(attributes, why);
      if (before.status?.phase !== 'Bound')
        throw refuse('Only bound persistent volume claims can be expanded');
      const name = now.spec.storageClassName ?? '';
      const found = name
        ? await lookup<StorageClass>(core, registryKey(refs.storageClasses, '', name))
        : undefined;
      if (!found?.allowVolumeExpansion)
        throw refuse(
          'only dynamically provisioned pvc can be resized and the storageclass that ' +
            'provisions the pvc must support resize',
        );
    },
  };
}
