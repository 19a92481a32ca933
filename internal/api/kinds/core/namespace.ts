import { namespaceDefaults as defaults } from '../../defaults/core.ts';
import type { Namespace } from '../../generated/types/core-v1.ts';
import { at, type Dict } from '../../loose.ts';
import { fieldsOf, type KubeObject } from '../../object.ts';
import { keepStatus, keepSpec } from '../../strategy/keep.ts';
import { namespace as cells } from '../../table/cluster-cells.ts';
import { namespace as validation } from '../../validation/nodes.ts';
import { kind } from '../kind.ts';

export const namespace = kind<Namespace>({
  group: '',
  kind: 'Namespace',
  validation,
  strategy: {
    create: namespaceCreate,
    update: namespaceUpdate,
    statusUpdate: keepSpec,
    others: { finalize: keepStatus },
  },
  defaults,
  cells,
  deletion: { held, mark },
});

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

/** Content of a namespace is deleted by its controller, which then takes the finalizers away. */
function held(object: Namespace): boolean {
  return (object.spec?.finalizers?.length ?? 0) > 0;
}

function mark(object: Namespace): void {
  if (held(object)) object.status = { ...object.status, phase: 'Terminating' };
}
