import type {
  PersistentVolumeClaimSpec,
  PersistentVolumeStatus,
} from '../generated/types/core-v1.ts';
import { fieldsOf, type KubeObject } from '../object.ts';
import { keepSpec } from './keep.ts';
import type { StrategyContext } from './row.ts';

export function persistentVolumeCreate(object: KubeObject, context: StrategyContext): void {
  fieldsOf(object)['status'] = { phase: 'Pending', lastPhaseTransitionTime: context.now };
}

/** The time of the last phase is the server's to note, unless the writer brings a newer one. */
export function persistentVolumeStatus(
  object: KubeObject,
  old: KubeObject,
  context: StrategyContext,
): void {
  keepSpec(object, old);
  const was = (fieldsOf(old)['status'] as PersistentVolumeStatus | undefined) ?? {};
  const status: PersistentVolumeStatus = {
    ...(fieldsOf(object)['status'] as PersistentVolumeStatus | undefined),
  };
  const given = status.lastPhaseTransitionTime;
  if (was.phase === status.phase) {
    if (!given && was.lastPhaseTransitionTime)
      status.lastPhaseTransitionTime = was.lastPhaseTransitionTime;
  } else if (!given || given === was.lastPhaseTransitionTime)
    status.lastPhaseTransitionTime = context.now;
  fieldsOf(object)['status'] = status;
}

/**
 * What the data of a new volume comes from stands in two fields: the older one takes claims and
 * snapshots only.
 */
function fitSources(object: KubeObject, before: PersistentVolumeClaimSpec | undefined): void {
  const spec = { ...(fieldsOf(object)['spec'] as PersistentVolumeClaimSpec) };
  fieldsOf(object)['spec'] = spec;
  // Sources in other namespaces are not offered.
  if (spec.dataSourceRef?.namespace && !before?.dataSourceRef) delete spec.dataSourceRef;
  const { dataSource, dataSourceRef } = spec;
  if (
    !before?.dataSource &&
    !before?.dataSourceRef &&
    !dataSourceRef &&
    dataSource &&
    !isClaimOrSnapshot(dataSource)
  )
    delete spec.dataSource;
  if (spec.dataSource && !dataSourceRef) spec.dataSourceRef = { ...spec.dataSource };
  else if (dataSourceRef && !dataSource && !dataSourceRef.namespace)
    spec.dataSource = { ...dataSourceRef };
}

function isClaimOrSnapshot({ apiGroup = '', kind }: { apiGroup?: string; kind: string }): boolean {
  return (
    (kind === 'PersistentVolumeClaim' && apiGroup === '') ||
    (kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io')
  );
}

export function claimCreate(object: KubeObject): void {
  fitSources(object, undefined);
}

export function claimUpdate(object: KubeObject, old: KubeObject): void {
  fitSources(object, fieldsOf(old)['spec'] as PersistentVolumeClaimSpec | undefined);
}
