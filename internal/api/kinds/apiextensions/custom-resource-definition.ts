import { customResourceDefinitionDefaults as defaults } from '../../defaults/policies.ts';
import type { CustomResourceDefinition } from '../../generated/types/apiextensions-v1.ts';
import { at, type Dict } from '../../loose.ts';
import { fieldsOf, type KubeObject } from '../../object.ts';
import { customResourceDefinition as validation } from '../../validation/definitions.ts';
import { cleanupFinalizer, withCondition } from '../../crd/conditions.ts';
import { kind } from '../kind.ts';

export const customResourceDefinition = kind<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  kind: 'CustomResourceDefinition',
  folder: 'apiextensions.k8s.io/customresourcedefinitions',
  validation,
  strategy: { generation: ['spec'], status: true, create: storedVersions, update: storedVersions },
  defaults,
  deletion: { finalizer: cleanupFinalizer, mark },
});

const terminating = {
  type: 'Terminating',
  status: 'True',
  reason: 'InstanceDeletionPending',
  message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
};

function mark(object: CustomResourceDefinition, now: string): void {
  object.status = withCondition(object.status, terminating, now);
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
