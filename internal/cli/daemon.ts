import { messageOf, SkiffError } from '../base/errors.ts';
import { setUnpackDir } from '../io/assets.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { realHost } from '../io/host.ts';
import { writeLastWords } from '../io/last-words.ts';
import { makeLog } from '../io/log.ts';
import { realSpawn } from '../io/spawn.ts';
import { stayAlive } from '../io/stay-alive.ts';
import type { AgentConfig, ServerConfig } from '../supervisor/config.ts';
import { memoryLimitBytes } from '../io/memory-limit.ts';
import { findAirgapPrograms } from '../supervisor/airgap/programs.ts';
import { memoryNotice, restartWithLowMemory } from './low-memory.ts';
import { checkAgentMachine, checkMachine } from './machine-checks.ts';
import { agentConfig } from './node-config.ts';
import { gatherSettings } from './settings.ts';

/** `skiff server` and `skiff agent`: check everything that was said, then run until told to end. */
export async function runDaemon(command: 'server' | 'agent', argv: string[]): Promise<void> {
  // First of all: whatever is said before would be said twice.
  restartWithLowMemory();
  let runDir = process.env['SKIFF_RUN_DIR'] ?? '/run/skiff';
  dieWith(() => runDir);
  try {
    const settings = await gatherSettings({
      command,
      argv,
      env: process.env,
      disk: realDisk,
      warn,
    });
    runDir = String(settings.get('run-dir') ?? runDir);
    if (command === 'server') {
      // With what a server alone has: an agent loads none of it.
      const { serverConfig } = await import('./server-config.ts');
      await runServer(serverConfig(settings, warn));
    } else await runAgent(agentConfig(settings, warn));
  } catch (error) {
    // What had started is stopped; a connection that lingers must not keep a server alive that does
    // not serve.
    die(error, runDir);
  }
}

async function runServer(config: ServerConfig): Promise<void> {
  findAirgapPrograms(config.dataDir);
  setUnpackDir(`${config.dataDir}/data`);
  await checkMachine(config, { disk: realDisk, host: realHost, spawn: realSpawn, warn });
  const notice = memoryNotice(memoryLimitBytes());
  if (notice !== undefined) warn(notice);
  if (config.clusterReset) return await reset(config);
  const { startServer } = await import('../supervisor/server.ts');
  // While it waits for other servers there may be nothing else that keeps the process going.
  const release = stayAlive();
  await startServer(config);
  release();
}

async function runAgent(config: AgentConfig): Promise<void> {
  findAirgapPrograms(config.dataDir);
  setUnpackDir(`${config.dataDir}/data`);
  await checkAgentMachine(config, { disk: realDisk, host: realHost, spawn: realSpawn, warn });
  const notice = memoryNotice(memoryLimitBytes());
  if (notice !== undefined) warn(notice);
  const { startAgent } = await import('../supervisor/agent.ts');
  // While it waits for its servers there may be nothing else that keeps the process going.
  const release = stayAlive();
  await startAgent(config);
  release();
}

const log = makeLog({ level: 'info' });

/** Nothing that was said is passed over without a word. */
function warn(line: string): void {
  log.warn(line);
}

/**
 * What nobody caught ends the process as what somebody did: with time and level, and where others
 * look for it.
 */
function dieWith(runDir: () => string): void {
  process.on('uncaughtException', (error) => die(error, runDir()));
}

/** One line for what the operator did wrong, the whole story for what we did wrong. */
function die(error: unknown, runDir: string): never {
  const told = error instanceof SkiffError && error.code !== 'INVARIANT';
  const text =
    told && error.hint !== undefined ? `${error.message} (${error.hint})` : messageOf(error);
  log.error(text.replaceAll('\n', ' '));
  if (!told && error instanceof Error && error.stack !== undefined)
    process.stderr.write(`${error.stack}\n`);
  writeLastWords(runDir, text, realClock.now());
  process.exit(1);
}

/** Does what --cluster-reset asks for, and ends: the server is started again without it. */
async function reset(config: ServerConfig): Promise<void> {
  const [{ resetServer }, { realDoors }] = await Promise.all([
    import('../supervisor/reset.ts'),
    import('../supervisor/doors.ts'),
  ]);
  const release = stayAlive();
  const done = await resetServer(config, realDoors(config.debug)).finally(release);
  // Connections to the etcd that ended would hold the process for half a minute.
  process.stdout.write(`skiff: ${done}\n`, () => process.exit(0));
}
