import type { Scale } from '../../api/generated/types/autoscaling-v1.ts';
import { deepCopy, type KubeObject } from '../../api/object.ts';
import { toScale, validateScale, withScale, type ScalePaths } from '../../api/strategy/scale.ts';
import { badRequest, conflict, invalid, modifiedConflict } from '../../api/status.ts';
import { header, readBody, type Exchange } from '../http/exchange.ts';
import { methodNotAllowed } from '../http/method-table.ts';
import { callFor } from '../http/resource-handler.ts';
import { normalized, parsePatch, patchTypeOf, type PatchRequest } from '../registry/patch.ts';
import { applyJsonPatch } from '../../api/patch/json.ts';
import { applyMergePatch } from '../../api/patch/merge.ts';
import { getRecord } from '../registry/list.ts';
import { whatOf, type ServedResource } from '../registry/resource.ts';
import { viewOf } from '../registry/stored.ts';
import { updateObject } from '../registry/update.ts';
import type { Call } from '../registry/call.ts';
import type { Server } from '../server.ts';
import { readSpoken, sendObject } from './answer.ts';

const scaleKind = { group: 'autoscaling', version: 'v1', kind: 'Scale' };

/** Scale of a custom resource, by the paths of its definition. */
export function addCustomScale(
  server: Server,
  resource: ServedResource,
  paths: ScalePaths | undefined,
): void {
  if (!paths) return;
  server.subresources.add(resource.group, resource.resource, 'scale', (s, exchange, served) =>
    serveScale(s, exchange, served, paths),
  );
}

export function addScale(server: Server): void {
  for (const [group, resource] of [
    ['apps', 'deployments'],
    ['apps', 'replicasets'],
    ['apps', 'statefulsets'],
    ['', 'replicationcontrollers'],
  ] as const) {
    server.subresources.add(group, resource, 'scale', (s, exchange, served) =>
      serveScale(s, exchange, served),
    );
  }
}

async function serveScale(
  server: Server,
  exchange: Exchange,
  resource: ServedResource,
  paths?: ScalePaths,
): Promise<void> {
  const call = callFor(server, exchange, resource);
  switch (exchange.info.verb) {
    case 'get':
      return sendObject(
        server,
        exchange,
        200,
        toScale(viewOf(resource, await getRecord(server.core, call)), paths),
      );
    case 'update': {
      const scale = await readSpoken<Scale>(server, exchange, scaleKind);
      return write(server, exchange, call, () => scale, paths);
    }
    case 'patch': {
      const type = patchTypeOf(call, header(exchange.request, 'content-type'));
      const patch = parsePatch(type, (await readBody(exchange.request)).toString());
      return write(
        server,
        exchange,
        call,
        (now) => patchedScale(server, call, now, { type, body: patch }),
        paths,
      );
    }
    default:
      throw methodNotAllowed();
  }
}

function patchedScale(
  { spoken }: Server,
  call: Call,
  now: Scale,
  patch: Pick<PatchRequest, 'type' | 'body'>,
): Scale {
  const apply = patch.type === 'json' ? applyJsonPatch : applyMergePatch;
  return normalized(call, apply(deepCopy(now), patch.body), patch, (value) =>
    spoken.normalize(scaleKind, value),
  ) as Scale;
}

async function write(
  server: Server,
  exchange: Exchange,
  call: Call,
  make: (now: Scale) => Scale,
  paths?: ScalePaths,
): Promise<void> {
  const done = await updateObject(server.core, call, {
    make: (old) => {
      const current = toScale(old as KubeObject, paths);
      const scale = make(current);
      checkScale(call, scale, current);
      return deepCopy(withScale(old as KubeObject, scale as KubeObject, paths));
    },
  });
  sendObject(server, exchange, 200, toScale(done.object, paths));
}

function checkScale(call: Call, scale: Scale, current: Scale): void {
  if (scale.metadata?.name && scale.metadata.name !== call.name)
    throw badRequest(
      `the name of the object (${scale.metadata.name}) does not match the name on the URL ` +
        `(${call.name})`,
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
