import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import type { ApiServer } from '../apiserver/api-server.ts';
import { gatewayController, gatewayRefs, type GatewayClass } from '../api/gateway/types.ts';
import type { KubeObject } from '../api/object.ts';
import { messageOf } from '../base/errors.ts';
import { own } from '../base/own.ts';
import type { Client } from '../client/client.ts';
import type { Controller, ControllerContext } from '../controllers/context.ts';
import { startGatewayController } from '../controllers/gateway/gateway.ts';
import { assetBytes } from '../io/assets.ts';
import { definitions } from './custom-kinds.ts';
import type { Doors } from './doors.ts';
import { makeMissing, orUndefined, type OwnObject } from './own-objects.ts';
import type { Part } from './running.ts';
import { whenServed } from './when-served.ts';

const name = 'skiff';
/** On definitions that we made: these follow us, all others are their administrator's. */
const shipped = 'skiff/shipped';

const firstRetryMs = 1_000;
const longestRetryMs = 64_000;

/**
 * Makes the definitions of the Gateway API and our class, again and again where the
 * datastore takes no writes; switched off, it takes the class away.
 */
export function startGatewayKinds(options: {
  client: Client;
  api: ApiServer;
  doors: Pick<Doors, 'clock' | 'log'>;
  on: boolean;
}): Part {
  const { client, api, on } = options;
  const { clock } = options.doors;
  const log = options.doors.log.named('gateway');
  const end = new AbortController();
  const persist = async (what: string, work: () => Promise<void>): Promise<void> => {
    for (let delayMs = firstRetryMs; !end.signal.aborted;)
      try {
        return await work();
      } catch (error) {
        log.warn(`${what} cannot be written`, { error: messageOf(error), inMs: delayMs });
        await clock.sleep('gateway.kinds', delayMs, end.signal);
        delayMs = Math.min(delayMs * 2, longestRetryMs);
      }
  };
  let making = on ? persist('definitions', () => ensureDefinitions(client)) : Promise.resolve();
  const unfollow = whenServed(api, [gatewayRefs.classes], () => {
    making = making.then(() =>
      persist('the GatewayClass', () => (on ? ensureClass(client) : removeClass(client))),
    );
  });
  return {
    name: 'gateway kinds',
    stop: async () => {
      end.abort();
      unfollow();
      await making;
    },
  };
}

/** One after the other: each is large, and nobody waits for them. */
async function ensureDefinitions(client: Client): Promise<void> {
  const bytes = await assetBytes('gateway-kinds.json.gz');
  const mark = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  const there = await Promise.all(
    Object.values(gatewayRefs).map(({ resource, group }) =>
      orUndefined(client.get<KubeObject>(definitions, { name: `${resource}.${group}` })),
    ),
  );
  const isDone = (one: KubeObject | undefined): boolean =>
    one !== undefined && [undefined, mark].includes(own(one.metadata.annotations, shipped));
  if (there.every(isDone)) return;
  for (const definition of JSON.parse(gunzipSync(bytes).toString()) as OwnObject[]) {
    const { metadata } = definition;
    const annotations = { ...(metadata['annotations'] as object), [shipped]: mark };
    const object = { ...definition, metadata: { ...metadata, annotations } };
    const before = await orUndefined(client.get<KubeObject>(definitions, metadata));
    if (!before) await makeMissing(client, definitions, object);
    else if (!isDone(before))
      await client.patch(definitions, metadata, { type: 'merge', body: object });
  }
}

async function ensureClass(client: Client): Promise<void> {
  const { group, version, kind } = gatewayRefs.classes;
  await makeMissing(client, gatewayRefs.classes, {
    apiVersion: `${group}/${version}`,
    kind,
    metadata: { name },
    spec: { controllerName: gatewayController, description: 'HAProxy on every node' },
  } as OwnObject);
}

async function removeClass(client: Client): Promise<void> {
  const there = await orUndefined(client.get<GatewayClass>(gatewayRefs.classes, { name }));
  if (there?.spec.controllerName === gatewayController)
    await orUndefined(client.delete(gatewayRefs.classes, { name }));
}

/** The controller of Gateways, once its kinds are served: they may be made a moment later. */
export function gatewaysWhenServed(
  api: ApiServer,
  context: ControllerContext,
): Pick<Controller, 'stop'> {
  let running: Controller | undefined;
  const unfollow = whenServed(api, Object.values(gatewayRefs), () => {
    running = startGatewayController(context);
  });
  return {
    stop: () => {
      unfollow();
      running?.stop();
    },
  };
}
