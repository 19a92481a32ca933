import type { ValidatingAdmissionPolicy } from '../../api/generated/types/admissionregistration-v1.ts';
import { deepCopy, type KubeObject } from '../../api/object.ts';
import { messageOf } from '../../base/errors.ts';
import { systemCall } from '../bootstrap/reconcile.ts';
import { updateObject } from '../registry/update.ts';
import type { WriteHook } from '../registry/write-hooks.ts';
import type { Server } from '../server.ts';
import { typeCheck } from './type-check.ts';

const ref = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  resource: 'validatingadmissionpolicies',
};

/**
 * Says in a policy's status that it has been looked at (what KCM's
 * validatingadmissionpolicy-status-controller does).
 */
export function policyStatusHook(server: Server): WriteHook {
  const write = async (policy: ValidatingAdmissionPolicy): Promise<void> => {
    const warnings = await typeCheck(server, policy);
    const call = systemCall(server.core, ref, '', policy.metadata.name ?? '');
    await updateObject(server.core, call, {
      raw: true,
      make: (old) => {
        const next = deepCopy(old) as ValidatingAdmissionPolicy;
        // A change that came in between is looked at on its own.
        if (next.metadata.generation !== policy.metadata.generation) return next as KubeObject;
        next.status = {
          ...next.status,
          observedGeneration: next.metadata.generation,
          typeChecking: warnings.length ? { expressionWarnings: warnings } : {},
        };
        return next as KubeObject;
      },
    });
  };
  const observe = (object: KubeObject): void => {
    const policy = object as ValidatingAdmissionPolicy;
    if (
      policy.status?.observedGeneration === policy.metadata.generation &&
      policy.status?.typeChecking
    )
      return;
    write(policy).catch((error: unknown) =>
      server.core.log.debug('a policy status was not written', { error: messageOf(error) }),
    );
  };
  return {
    afterCreate: (call, object) => {
      if (!call.dryRun) observe(object);
    },
    afterUpdate: (call, object, old) => {
      if (call.subresource === '' && object.metadata.generation !== old.metadata.generation)
        observe(object);
    },
  };
}
