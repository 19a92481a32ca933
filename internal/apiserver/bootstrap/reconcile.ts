import { fieldsOf, deepCopy, type KubeObject } from '../../api/object.ts';
import { ApiError } from '../../api/status.ts';
import type { Call } from '../registry/call.ts';
import type { Core } from '../registry/core.ts';
import { createObject } from '../registry/create.ts';
import { viewOf } from '../registry/stored.ts';
import { updateObject } from '../registry/update.ts';
import { read } from '../registry/write.ts';
import type { UserInfo } from '../authn/user.ts';
import type { Wanted } from './objects.ts';

const systemUser: UserInfo = {
  name: 'system:apiserver',
  groups: ['system:masters', 'system:authenticated'],
};

export function systemCall(
  core: Core,
  at: { group: string; version: string; resource: string },
  namespace: string,
  name: string,
): Call {
  const resource = core.resources.find(at.group, at.version, at.resource);
  if (!resource)
    throw new ApiError('NotFound', `no resource ${at.resource} in ${at.group}/${at.version}`);
  return {
    user: systemUser,
    resource,
    namespace,
    name,
    subresource: '',
    dryRun: false,
    fieldManager: 'kube-apiserver',
    validation: 'Ignore',
    warnings: [],
  };
}

/** At most this many creations wait for one commit together: all that a first start makes. */
const atOnce = 512;

/** Makes what is missing and adds what is lacking; writes nothing when all is well. */
export async function ensure(core: Core, wanted: readonly Wanted[]): Promise<void> {
  for (let i = 0; i < wanted.length; i += atOnce)
    await Promise.all(wanted.slice(i, i + atOnce).map((one) => ensureOne(core, one)));
}

async function ensureOne(core: Core, wanted: Wanted): Promise<void> {
  const { name = '', namespace = '' } = wanted.object.metadata;
  const call = systemCall(core, wanted, namespace, name);
  const kv = await read(core, call.resource, namespace, name);
  try {
    if (!kv) {
      const { object } = call.resource.engine.normalize(deepCopy(wanted.object));
      await createObject(core, call, object);
    } else if (wanted.how === 'reconcile') {
      const have = viewOf(call.resource, kv);
      if (lacking(have, wanted.object))
        await updateObject(core, call, {
          make: (old) => completed(old as KubeObject, wanted.object),
        });
    }
  } catch (error) {
    // Another server of the cluster may have been faster.
    if (
      !(error instanceof ApiError) ||
      (error.reason !== 'AlreadyExists' && error.reason !== 'Conflict')
    )
      throw error;
  }
}

const listFields = ['rules', 'subjects'] as const;

/** Default roles that an operator has taken out of automatic updates are left alone. */
function lacking(have: KubeObject, want: KubeObject): boolean {
  if (have.metadata.annotations?.['rbac.authorization.kubernetes.io/autoupdate'] !== 'true')
    return false;
  if ((want as { aggregationRule?: unknown }).aggregationRule) return false;
  return listFields.some((field) => missingItems(have, want, field).length > 0);
}

function missingItems(have: KubeObject, want: KubeObject, field: string): unknown[] {
  const present = new Set(((fieldsOf(have)[field] as unknown[] | undefined) ?? []).map(stable));
  return ((fieldsOf(want)[field] as unknown[] | undefined) ?? []).filter(
    (item) => !present.has(stable(item)),
  );
}

function stable(value: unknown): string {
  return JSON.stringify(value, Object.keys(value as object).sort());
}

function completed(old: KubeObject, want: KubeObject): KubeObject {
  const object = deepCopy(old);
  for (const field of listFields) {
    const missing = missingItems(old, want, field);
    if (missing.length)
      fieldsOf(object)[field] = [
        ...((fieldsOf(object)[field] as unknown[] | undefined) ?? []),
        ...missing,
      ];
  }
  return object;
}
