import type { ApiServer } from '../apiserver/api-server.ts';
import { messageOf } from '../base/errors.ts';
import type { Controller, ControllerContext } from '../controllers/context.ts';
import { chartConfigs, charts } from '../controllers/helm/chart.ts';
import { startHelm } from '../controllers/helm/helm.ts';
import type { ServerIdentities } from '../pki/authorities.ts';
import type { ServerConfig } from './config.ts';
import { apiAddress } from './credentials.ts';
import type { Doors } from './doors.ts';
import { helmProgram } from './helm-program.ts';
import { whenServed } from './when-served.ts';

/** Starts the Helm controller once its kinds are served: they may be made a moment later. */
export function helmWhenServed(options: {
  config: ServerConfig;
  doors: Doors;
  api: ApiServer;
  identities: ServerIdentities;
  context: ControllerContext;
}): Pick<Controller, 'stop'> {
  const { config, doors, api, identities, context } = options;
  let running: Controller | undefined;
  let stopped = false;
  const begin = async (): Promise<void> => {
    const address = apiAddress(config, api.port);
    const program = await helmProgram({
      doors,
      dataDir: config.dataDir,
      runDir: config.runDir,
      address,
      serverCa: identities.serverCa.cert,
      clientCa: identities.clientCa,
      environment: process.env,
    });
    if (!stopped) running = startHelm(context, program, { address });
  };
  const unfollow = whenServed(api, [charts, chartConfigs], () => {
    begin().catch((error: unknown) =>
      doors.log.named('helm').error('charts are not installed', { error: messageOf(error) }),
    );
  });
  return {
    stop: () => {
      stopped = true;
      unfollow();
      running?.stop();
    },
  };
}
