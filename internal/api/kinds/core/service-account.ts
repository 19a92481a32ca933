import type { ServiceAccount } from '../../generated/types/core-v1.ts';
import { fieldsOf, type KubeObject } from '../../object.ts';
import { serviceAccountWarnings as warnings } from '../../strategy/kind-warnings.ts';
import { nameAndAge as cells } from '../../table/cluster-cells.ts';
import { serviceAccount as validation } from '../../validation/config.ts';
import { kind } from '../kind.ts';

export const serviceAccount = kind<ServiceAccount>({
  group: '',
  kind: 'ServiceAccount',
  validation,
  strategy: { create: serviceAccountClean, update: serviceAccountClean },
  warnings,
  cells,
  returnsDeleted: true,
});

/** Secrets of a service account are in its own namespace: only their names are kept. */
function serviceAccountClean(object: KubeObject): void {
  const secrets = fieldsOf(object)['secrets'] as { name?: string }[] | undefined;
  if (secrets?.length)
    fieldsOf(object)['secrets'] = secrets.map(({ name }) => (name ? { name } : {}));
}
