import { applyPatch } from '../../api/apply/apply.ts';
import { timeOf } from '../../api/times.ts';
import { objectManagers, scaleManagers } from '../../api/apply/scale-fields.ts';
import type { ManagedFieldsEntry } from '../../api/generated/types/meta-v1.ts';
import type { Scale } from '../../api/generated/types/autoscaling-v1.ts';
import type { KindInfo } from '../../api/kind-info.ts';
import { deepCopy, type KubeObject } from '../../api/object.ts';
import { applyJsonPatch } from '../../api/patch/json.ts';
import { applyMergePatch } from '../../api/patch/merge.ts';
import { applyStrategicPatch } from '../../api/patch/strategic.ts';
import { replicasPathOf, toScale, validateScale, withScale } from '../../api/strategy/scale.ts';
import { badRequest, conflict, invalid, modifiedConflict } from '../../api/status.ts';
import { unstored as answered, type ApiCall, type Operation } from '../operations/operation.ts';
import type { Core } from '../registry/core.ts';
import { getRecord } from '../registry/list.ts';
import { methodNotAllowed } from '../registry/no-route.ts';
import { appliedBody, normalized, type PatchRequest } from '../registry/patch.ts';
import { apiVersion, whatOf } from '../registry/resource.ts';
import type { UnstoredKinds } from '../registry/unstored-kinds.ts';
import { viewOf } from '../registry/stored.ts';
import { updateObject } from '../registry/update.ts';

const scaleKind = { group: 'autoscaling', version: 'v1', kind: 'Scale' };

/**
 * /scale of whatever has one: the four kinds of workload, and custom resources by the paths of
 * their definition.
 */
export function scaleOperation(unstored: UnstoredKinds): Operation {
  return async (core, call, input) => {
    const paths = call.resource.scale;
    switch (call.verb) {
      case 'get': {
        const kv = await getRecord(core, call, input.query().resourceVersion);
        return answered(200, toScale(viewOf(call.resource, kv), paths));
      }
      case 'update': {
        const scale = await input.unstored<Scale>(scaleKind);
        return answered(200, await write(core, call, { make: () => scale }));
      }
      case 'patch': {
        const patch = await input.patch();
        return answered(200, await write(core, call, patching(unstored, core, call, patch)));
      }
      default:
        throw methodNotAllowed();
    }
  };
}

interface Change {
  /** The Scale to be, out of the present one, which has its managedFields. */
  make(now: Scale): Scale;
  /** make() has set the managedFields of the Scale. */
  tracked?: boolean;
}

function patching(unstored: UnstoredKinds, core: Core, call: ApiCall, patch: PatchRequest): Change {
  const kind = unstored.kind(scaleKind);
  if (patch.type !== 'apply')
    return { make: (now) => patchedScale({ unstored, kind }, call, now, patch) };
  const body = appliedBody(call, patch.body);
  return {
    tracked: true,
    make: (now) => {
      const applied = applyPatch(kind, now as KubeObject, deepCopy(body), {
        manager: call.fieldManager,
        force: patch.force,
        subresource: call.subresource,
        now: timeOf(core.clock.now()),
      });
      const { object } = unstored.normalize(scaleKind, applied);
      object.metadata.managedFields = applied.metadata.managedFields;
      return object as Scale;
    },
  };
}

function patchedScale(
  { unstored, kind }: { unstored: UnstoredKinds; kind: KindInfo },
  call: ApiCall,
  now: Scale,
  patch: PatchRequest,
): Scale {
  const base: unknown = deepCopy(now);
  const value =
    patch.type === 'json'
      ? applyJsonPatch(base, patch.body)
      : patch.type === 'strategic'
        ? applyStrategicPatch(base, patch.body, kind.type)
        : applyMergePatch(base, patch.body);
  return normalized(call, value, patch, (it) => unstored.normalize(scaleKind, it)) as Scale;
}

/** Writes what a Scale says into its object; returns the Scale that there is then. */
async function write(core: Core, call: ApiCall, change: Change): Promise<object> {
  const paths = call.resource.scale;
  const done = await updateObject(core, call, {
    tracked: change.tracked,
    make: (old) => {
      const object = old as KubeObject;
      const current = toScale(object, paths) as Scale;
      if (change.tracked)
        current.metadata.managedFields = scaleManagers(
          object.metadata.managedFields,
          replicasPathOf(paths),
        );
      const scale = change.make(current);
      checkScale(call, scale, current);
      const next = deepCopy(withScale(object, scale as KubeObject, paths));
      if (change.tracked) next.metadata.managedFields = ownersOf(call, object, current, scale);
      return next;
    },
  });
  return toScale(done.object, paths);
}

function ownersOf(
  { resource }: ApiCall,
  object: KubeObject,
  before: Scale,
  after: Scale,
): ManagedFieldsEntry[] | undefined {
  const { managedFields } = object.metadata;
  // Nobody owns more or less than before: no entry gets a new time.
  if (after.metadata.managedFields === before.metadata.managedFields) return managedFields;
  return objectManagers(managedFields, after.metadata.managedFields, {
    replicasPath: replicasPathOf(resource.scale),
    apiVersion: apiVersion(resource),
  });
}

function checkScale(call: ApiCall, scale: Scale, current: Scale): void {
  if (scale.metadata?.name && scale.metadata.name !== call.name)
    throw badRequest(
      `the name of the object (${scale.metadata.name}) does not match the name on the URL ` +
        `(${call.name})`,
    );
  const { uid } = scale.metadata ?? {};
  if (uid && uid !== current.metadata.uid)
    throw conflict(
      { ...whatOf(call.resource), resource: `${call.resource.resource}/scale` },
      call.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ` +
        `${current.metadata.uid}`,
    );
  const version = scale.metadata?.resourceVersion;
  if (version && version !== current.metadata.resourceVersion)
    throw conflict(whatOf(call.resource), call.name, modifiedConflict);
  const replicas = scale.spec?.replicas ?? 0;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas))
    throw badRequest('spec.replicas: expected an integer');
  const errors = validateScale(scale as KubeObject);
  if (errors.length > 0) throw invalid({ group: 'autoscaling', kind: 'Scale' }, call.name, errors);
}
