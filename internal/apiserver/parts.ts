import { addDefaultPlugins } from './admission/default-plugins.ts';
import { Definitions } from './crd/definitions.ts';
import type { StartedPart } from './lifecycle.ts';
import type { Server } from './server.ts';

export type Stop = () => Promise<void> | void;

/** Something of a server that has to be started, and stopped again. */
export interface Part {
  name: StartedPart;
  start(server: Server): Promise<Stop>;
}

/** What stands before the port is opened, in the order of its start. */
export const partsBeforePort: readonly Part[] = [
  {
    name: 'caches',
    async start({ rbac, nodes, flowControl }) {
      await rbac.start();
      await nodes.start();
      await flowControl.start();
      return () => {
        rbac.stop();
        nodes.stop();
        flowControl.stop();
      };
    },
  },
  { name: 'admission', start: (server) => addDefaultPlugins(server) },
  {
    name: 'definitions',
    async start(server) {
      const definitions = new Definitions(server);
      await definitions.start();
      return () => definitions.stop();
    },
  },
  {
    name: 'aggregation',
    async start({ aggregator }) {
      await aggregator.start();
      return () => aggregator.stop();
    },
  },
];

/** Starts parts one after the other. One that fails takes those before it along. */
export async function startParts(server: Server, parts: readonly Part[]): Promise<Stop[]> {
  const stops: Stop[] = [];
  try {
    for (const part of parts) {
      stops.push(await part.start(server));
      server.life.started(part.name);
    }
  } catch (error) {
    await stopAll(stops);
    throw error;
  }
  return stops;
}

/** In the order of their start: a late request meets parts that run or parts that ended. */
export async function stopAll(stops: readonly Stop[]): Promise<void> {
  for (const stop of stops) await stop();
}
