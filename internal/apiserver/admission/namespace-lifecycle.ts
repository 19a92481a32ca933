import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import { fieldsOf } from '../../api/object.ts';
import { ApiError, notFound } from '../../api/status.ts';
import { keyOf as storeKey } from '../../store/store.ts';
import type { Core } from '../registry/core.ts';
import { objectOf } from '../registry/stored.ts';
import type { AdmissionPlugin } from './chain.ts';
import { refusal } from './refusal.ts';

const immortal = new Set(['default', 'kube-system', 'kube-public']);

/**
 * Nothing is created in a namespace that is not there or is going; some namespaces never go (plugin
 * NamespaceLifecycle).
 */
export function namespaceLifecycle(core: Core): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    async admit(attributes) {
      const { call, operation, old } = attributes;
      const { resource } = call;
      const isNamespace = resource.group === '' && resource.resource === 'namespaces';
      if (operation === 'DELETE' && isNamespace && immortal.has(call.name))
        throw refusal(attributes, 'this namespace may not be deleted');
      if (isNamespace || !resource.namespaced || operation !== 'CREATE' || old) return;
      if (
        resource.group === 'authorization.k8s.io' &&
        resource.resource === 'localsubjectaccessreviews'
      )
        return;
      const kv = (
        await core.store.range({ key: storeKey(registryKey(refs.namespaces, '', call.namespace)) })
      ).kvs[0];
      if (!kv) throw notFound({ group: '', resource: 'namespaces' }, call.namespace);
      const namespace = objectOf(kv);
      if (
        (fieldsOf(namespace)['status'] as { phase?: string } | undefined)?.phase !==
          'Terminating' &&
        !namespace.metadata.deletionTimestamp
      )
        return;
      const why =
        `unable to create new content in namespace ${call.namespace} because it is being ` +
        'terminated';
      const cause = {
        reason: 'NamespaceTerminating',
        message: `namespace ${call.namespace} is being terminated`,
        field: 'metadata.namespace',
      };
      const plain = refusal(attributes, why);
      throw new ApiError('Forbidden', plain.message, {
        details: { ...plain.details, causes: [cause] as never },
      });
    },
  };
}
