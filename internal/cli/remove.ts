import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { makeLog } from '../io/log.ts';
import { realProcesses } from '../io/processes.ts';
import { realHost } from '../io/host.ts';
import { realSpawn } from '../io/spawn.ts';
import { ConfigError } from '../base/errors.ts';
import { killAll, type Machine } from '../supervisor/killall.ts';
import { ledgerPath, readLedger } from '../supervisor/ledger.ts';
import { findAirgapPrograms } from '../supervisor/airgap/programs.ts';
import { remains, uninstall } from '../supervisor/uninstall.ts';

const configDir = '/etc/skiff';
const netnsDir = '/run/netns';

function machine(): Machine {
  if (!realHost.isRoot())
    throw new ConfigError('only root can do this', { op: 'uninstall', hint: 'run it with sudo' });
  return {
    disk: realDisk,
    spawn: realSpawn,
    processes: realProcesses,
    clock: realClock,
    log: makeLog({ level: 'warn' }),
  };
}

export async function runKillall(options: { dataDir: string; runDir: string }): Promise<void> {
  findAirgapPrograms(options.dataDir);
  const { server, pods } = await killAll(machine(), {
    dataDir: options.dataDir,
    runDir: options.runDir,
    netnsDir,
  });
  process.stdout.write(
    `${server > 0 ? 'skiff is stopped' : 'skiff did not run'}; ` +
      `${pods === 1 ? '1 pod' : `${pods} pods`} ended; data stays in ${options.dataDir}\n`,
  );
}

export async function runUninstall(options: {
  dataDir: string;
  runDir: string;
  verify?: boolean;
}): Promise<void> {
  findAirgapPrograms(options.dataDir);
  const places = { dataDir: options.dataDir, runDir: options.runDir, configDir, netnsDir };
  const doors = machine();
  const entries = await readLedger(doors.disk, ledgerPath(options.dataDir));
  const { left, kept } = options.verify
    ? { left: await remains(doors, places), kept: [] }
    : await uninstall(doors, places);
  const packages = entries.filter((entry) => entry.kind === 'package').map((entry) => entry.name);
  for (const point of kept)
    process.stdout.write(`kept: ${point} is a mount point, which is not skiff's to take down\n`);
  for (const line of left) process.stdout.write(`left: ${line}\n`);
  if (left.length > 0) process.exitCode = 1;
  else process.stdout.write('nothing of skiff is left on this machine\n');
  if (packages.length > 0 && !options.verify)
    process.stdout.write(`packages that the installer brought stay: ${packages.join(' ')}\n`);
}
