import { setUnpackDir } from '../io/assets.ts';
import { realDisk } from '../io/disk.ts';
import { stayAlive } from '../io/stay-alive.ts';
import type { ServerConfig } from '../supervisor/config.ts';
import { complain } from './main.ts';
import { memoryLimitBytes } from '../io/memory-limit.ts';
import { memoryNotice, restartWithLowMemory } from './low-memory.ts';
import { agentConfig, serverConfig } from './server-config.ts';
import { gatherSettings } from './settings.ts';

/** `skiff server` and `skiff agent`: check everything that was said, then run until told to end. */
export async function runDaemon(command: 'server' | 'agent', argv: string[]): Promise<void> {
  const settings = await gatherSettings({ command, argv, env: process.env, disk: realDisk, warn });
  if (command === 'server') {
    const config = serverConfig(settings, warn);
    restartWithLowMemory();
    setUnpackDir(`${config.dataDir}/data`);
    const notice = memoryNotice(memoryLimitBytes());
    if (notice !== undefined) warn(notice);
    if (config.clusterReset) return await reset(config);
    const { startServer } = await import('../supervisor/server.ts');
    // While it waits for other servers there may be nothing else that keeps the process going.
    const release = stayAlive();
    try {
      await startServer(config);
    } catch (error) {
      // What had started is stopped; a connection that lingers must not keep a server alive that does not serve.
      complain(error);
      process.exit();
    }
    release();
    return;
  }
  const config = agentConfig(settings, warn);
  restartWithLowMemory();
  setUnpackDir(`${config.dataDir}/data`);
  const { startAgent } = await import('../supervisor/agent.ts');
  await startAgent(config);
}

/** Nothing that was said is passed over without a word. */
function warn(line: string): void {
  process.stderr.write(`skiff: warning: ${line}\n`);
}

/** Does what --cluster-reset asks for, and ends: the server is started again without it. */
async function reset(config: ServerConfig): Promise<void> {
  const [{ resetServer }, { realDoors }] = await Promise.all([import('../supervisor/reset.ts'), import('../supervisor/doors.ts')]);
  const release = stayAlive();
  const done = await resetServer(config, realDoors(config.debug)).finally(release);
  // Connections to the etcd that ended would hold the process for half a minute.
  process.stdout.write(`skiff: ${done}\n`, () => process.exit(0));
}
