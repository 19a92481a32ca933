import type { PersistentVolumeClaimSpec } from '../generated/types/core-v1.ts';
import { semanticEqual } from '../loose.ts';
import { dns1123Subdomain } from '../names.ts';
import { parseQuantity } from '../quantity.ts';
import { checkLabelSelector } from './metadata.ts';
import type { Problems } from './problems.ts';

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
export const volumeModes = ['Block', 'Filesystem'];

export function checkAccessModes(
  problems: Problems,
  modes: readonly string[] | undefined,
  path: string,
  missing = '',
): void {
  if (!modes?.length) problems.required(path, missing);
  for (const mode of modes ?? [])
    if (!accessModes.includes(mode)) problems.notSupported(path, mode, accessModes);
  if (
    modes?.includes('ReadWriteOncePod') &&
    modes.some((m) => m !== 'ReadWriteOncePod' && accessModes.includes(m))
  ) {
    problems.forbidden(path, 'may not use ReadWriteOncePod with other access modes');
  }
}

export function checkClaimSpec(
  problems: Problems,
  spec: PersistentVolumeClaimSpec,
  path: string,
): void {
  checkAccessModes(
    problems,
    spec.accessModes,
    `${path}.accessModes`,
    'at least 1 access mode is required',
  );
  checkLabelSelector(problems, spec.selector, `${path}.selector`);
  const size = spec.resources?.requests?.['storage'];
  if (size === undefined) problems.required(`${path}.resources[storage]`);
  else {
    const quantity = parseQuantity(size);
    if (quantity.sign() <= 0)
      problems.invalid(
        `${path}.resources[storage]`,
        quantity.toString(),
        'must be greater than zero',
      );
  }
  if (spec.storageClassName)
    problems.check(`${path}.storageClassName`, spec.storageClassName, dns1123Subdomain);
  if (spec.volumeMode !== undefined && !volumeModes.includes(spec.volumeMode))
    problems.notSupported(`${path}.volumeMode`, spec.volumeMode, volumeModes);
  checkDataSource(problems, spec, path);
  if (spec.volumeAttributesClassName)
    problems.check(
      `${path}.volumeAttributesClassName`,
      spec.volumeAttributesClassName,
      dns1123Subdomain,
    );
}

function checkDataSource(problems: Problems, spec: PersistentVolumeClaimSpec, path: string): void {
  for (const name of ['dataSource', 'dataSourceRef'] as const) {
    const source = spec[name];
    if (!source) continue;
    if (!source.name) problems.required(`${path}.${name}.name`);
    if (!source.kind) problems.required(`${path}.${name}.kind`);
    if (!source.apiGroup && source.kind !== 'PersistentVolumeClaim')
      problems.invalid(
        `${path}.${name}`,
        source.kind,
        "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
      );
    if (source.apiGroup)
      problems.check(`${path}.${name}.apiGroup`, source.apiGroup, dns1123Subdomain);
  }
  if (spec.dataSourceRef?.namespace) {
    if (spec.dataSource)
      problems.invalid(
        `${path}.dataSource`,
        {},
        'may not be specified when dataSourceRef.namespace is specified',
      );
  } else if (
    spec.dataSource &&
    spec.dataSourceRef &&
    !semanticEqual(spec.dataSource, spec.dataSourceRef)
  ) {
    problems.invalid(path, {}, 'must match dataSourceRef');
  }
}
