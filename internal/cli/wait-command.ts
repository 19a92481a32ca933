import { ConfigError } from '../base/errors.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { realHost } from '../io/host.ts';
import { gatherSettings } from './settings.ts';
import { lookAtAgent } from './wait-agent.ts';
import { waitReady } from './wait-ready.ts';

const op = 'wait';

/**
 * `skiff wait-ready`: where it keeps its things is taken from where the server or agent takes it.
 */
export async function runWaitReady(
  words: string[],
  options: { timeout: string; kubeconfig?: string },
): Promise<void> {
  if (!/^\d+$/.test(options.timeout))
    throw new ConfigError(`--timeout: "${options.timeout}" is not a number of seconds`, { op });
  if (!realHost.isRoot())
    throw new ConfigError('only root can ask the server of this machine', {
      op,
      hint: 'run it with sudo',
    });
  const [command = 'server', ...argv] = words;
  if (command !== 'server' && command !== 'agent')
    throw new ConfigError(`wait-ready: "${command}" is not a command that it can wait for`, {
      op,
      hint: 'server or agent is meant',
    });
  const settings = await gatherSettings({
    command,
    argv,
    env: process.env,
    disk: realDisk,
    warn: () => undefined,
  });
  const started = realClock.monotonicMs();
  const config = {
    dataDir: String(settings.get('data-dir')),
    runDir: String(settings.get('run-dir')),
  };
  const lbServerPort = Number(settings.get('lb-server-port') ?? 0);
  await waitReady({
    config,
    what: command,
    ...(command === 'agent' && { look: (once) => lookAtAgent({ ...config, lbServerPort }, once) }),
    timeoutMs: Number(options.timeout) * 1000,
    kubeconfig: options.kubeconfig,
    say: (text) =>
      void process.stdout.write(
        `[skiff] ${((realClock.monotonicMs() - started) / 1000).toFixed(1).padStart(5)} s  ` +
          `${text}\n`,
      ),
  });
}
