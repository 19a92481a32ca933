import { setUnpackDir } from '../io/assets.ts';
import { realDisk } from '../io/disk.ts';
import { restartWithLowMemory } from './low-memory.ts';
import { agentConfig, serverConfig } from './server-config.ts';
import { gatherSettings } from './settings.ts';

/** `skiff server` and `skiff agent`: check everything that was said, then run until told to end. */
export async function runDaemon(command: 'server' | 'agent', argv: string[]): Promise<void> {
  const settings = await gatherSettings({ command, argv, env: process.env, disk: realDisk });
  if (command === 'server') {
    const config = serverConfig(settings);
    restartWithLowMemory();
    setUnpackDir(`${config.dataDir}/data`);
    const { startServer } = await import('../supervisor/server.ts');
    await startServer(config);
    return;
  }
  const config = agentConfig(settings);
  restartWithLowMemory();
  setUnpackDir(`${config.dataDir}/data`);
  const { startAgent } = await import('../supervisor/agent.ts');
  await startAgent(config);
}
