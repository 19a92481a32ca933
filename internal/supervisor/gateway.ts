import type { ApiServer } from '../apiserver/api-server.ts';
import { gatewayController, gatewayRefs, type GatewayClass } from '../api/gateway/types.ts';
import type { Client } from '../client/client.ts';
import type { Controller, ControllerContext } from '../controllers/context.ts';
import { startGatewayController } from '../controllers/gateway/gateway.ts';
import type { Doors } from './doors.ts';
import { makeMissing, orUndefined, type OwnObject } from './own-objects.ts';
import type { Part } from './running.ts';
import { ensureDefinitions, untilWritten } from './shipped-definitions.ts';
import { whenServed } from './when-served.ts';

const name = 'skiff';

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
  const persist = (what: string, work: () => Promise<void>): Promise<void> =>
    untilWritten({ what, work, clock, log, signal: end.signal });
  let making = on
    ? persist('definitions', () =>
        ensureDefinitions(client, 'gateway-kinds.json.gz', Object.values(gatewayRefs)),
      )
    : Promise.resolve();
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
