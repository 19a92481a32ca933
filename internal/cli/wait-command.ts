import { ConfigError } from '../base/errors.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { realHost } from '../io/host.ts';
import { gatherSettings } from './settings.ts';
import { waitReady } from './wait-ready.ts';

const op = 'wait';

/**
 * `skiff wait-ready`: where the server keeps its things is taken from where the server takes it.
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
  if (command !== 'server')
    throw new ConfigError(`wait-ready: "${command}" is not a command that it can wait for`, {
      op,
      hint: 'server is meant',
    });
  const settings = await gatherSettings({
    command,
    argv,
    env: process.env,
    disk: realDisk,
    warn: () => undefined,
  });
  const started = realClock.monotonicMs();
  await waitReady({
    config: { dataDir: String(settings.get('data-dir')), runDir: String(settings.get('run-dir')) },
    timeoutMs: Number(options.timeout) * 1000,
    kubeconfig: options.kubeconfig,
    say: (text) =>
      void process.stdout.write(
        `[skiff] ${((realClock.monotonicMs() - started) / 1000).toFixed(1).padStart(5)} s  ` +
          `${text}\n`,
      ),
  });
}
