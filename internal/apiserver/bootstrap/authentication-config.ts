import { fieldsOf, deepCopy, type KubeObject } from '../../api/object.ts';
import { ApiError } from '../../api/status.ts';
import { createObject } from '../registry/create.ts';
import { viewOf } from '../registry/stored.ts';
import { updateObject } from '../registry/update.ts';
import { read } from '../registry/write.ts';
import type { Server } from '../server.ts';
import { systemCall } from './reconcile.ts';

/**
 * kube-system/extension-apiserver-authentication: how an aggregated server learns whom to trust.
 */
export async function ensureAuthenticationConfig(server: Server): Promise<void> {
  const { core, options } = server;
  const data: Record<string, string> = { 'client-ca-file': options.clientCa };
  if (options.requestHeader) {
    data['requestheader-allowed-names'] = JSON.stringify(options.requestHeader.allowedNames ?? []);
    data['requestheader-client-ca-file'] = options.requestHeader.ca;
    data['requestheader-extra-headers-prefix'] = '["X-Remote-Extra-"]';
    data['requestheader-group-headers'] = '["X-Remote-Group"]';
    data['requestheader-uid-headers'] = '["X-Remote-Uid"]';
    data['requestheader-username-headers'] = '["X-Remote-User"]';
  }
  const call = systemCall(
    core,
    { group: '', version: 'v1', resource: 'configmaps' },
    'kube-system',
    'extension-apiserver-authentication',
  );
  const kv = await read(core, call.resource, call.namespace, call.name);
  if (!kv) {
    const object = {
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { name: call.name, namespace: call.namespace },
      data,
    };
    // Another server may be making it at this moment, and makes the same.
    await createObject(core, call, call.resource.engine.normalize(object).object).catch(
      (error: unknown) => {
        if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) throw error;
      },
    );
    return;
  }
  const have = (fieldsOf(viewOf(call.resource, kv))['data'] ?? {}) as Record<string, string>;
  if (Object.entries(data).every(([key, value]) => have[key] === value)) return;
  await updateObject(core, call, {
    make: (old) => {
      const next = deepCopy(old as KubeObject);
      fieldsOf(next)['data'] = { ...(fieldsOf(next)['data'] as object | undefined), ...data };
      return next;
    },
  });
}
