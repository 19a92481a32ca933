import type { APIService } from '../../generated/types/apiregistration-v1.ts';
import { at } from '../../loose.ts';
import { fieldsOf, type KubeObject } from '../../object.ts';
import type { StrategyContext } from '../../strategy/row.ts';
import { apiService as cells } from '../../table/admin-cells.ts';
import { apiService as validation } from '../../validation/api-services.ts';
import { kind } from '../kind.ts';

export const apiService = kind<APIService>({
  group: 'apiregistration.k8s.io',
  kind: 'APIService',
  folder: 'apiregistration.k8s.io/apiservices',
  validation,
  strategy: { status: true, statusKeeps: 'metadata', create: localApiService },
  cells,
});

/** A group version that this server answers itself is available from the start. */
function localApiService(object: KubeObject, context: StrategyContext): void {
  if (at(object, 'spec.service')) return;
  fieldsOf(object)['status'] = {
    conditions: [
      {
        type: 'Available',
        status: 'True',
        lastTransitionTime: context.now,
        reason: 'Local',
        message: 'Local APIServices are always available',
      },
    ],
  };
}
