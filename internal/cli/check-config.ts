import { ConfigError } from '../base/errors.ts';
import { realDisk } from '../io/disk.ts';
import { realHost } from '../io/host.ts';
import { realSpawn } from '../io/spawn.ts';
import { needs } from '../supervisor/doctor/needs.ts';
import { patient, report } from './doctor.ts';
import { checkMachine } from './machine-checks.ts';
import { agentConfig } from './node-config.ts';
import { serverConfig } from './server-config.ts';
import { gatherSettings } from './settings.ts';

/**
 * What a node needs of a machine, each with what to do when it is missing; with a command and its
 * flags, first whether those are right.
 */
export async function checkConfig(words: string[]): Promise<void> {
  const [command, ...argv] = words;
  if (command === undefined) return await checkNeeds();
  if (command !== 'server' && command !== 'agent')
    throw new ConfigError(`check-config: there is no command "${command}" to check`, {
      op: 'config',
      hint: 'server or agent is meant',
    });
  await checkCommand(command, argv);
}

/**
 * All that a start would say of its flags, its environment and its files, without a start. Throws
 * what would end it.
 */
async function checkCommand(command: 'server' | 'agent', argv: string[]): Promise<void> {
  const warn = (line: string): void => void process.stdout.write(`note    ${line}\n`);
  const settings = await gatherSettings({ command, argv, env: process.env, disk: realDisk, warn });
  if (command === 'server')
    await checkMachine(serverConfig(settings, warn), {
      disk: realDisk,
      host: realHost,
      spawn: realSpawn,
      warn,
    });
  else agentConfig(settings, warn);
  process.stdout.write(`ok      the configuration of skiff ${command}\n`);
}

async function checkNeeds(): Promise<void> {
  if (!realHost.isRoot())
    process.stdout.write('note    only root can see all of this: sudo skiff check-config\n');
  report(await needs(patient(process.env['SKIFF_DATA_DIR'] ?? '/var/lib/skiff')));
}
