import { dirname, isAbsolute, join } from 'node:path';
import { ConfigError } from '../../base/errors.ts';
import { renamePath } from '../../io/file-writer.ts';
import { openSealed, type Key } from '../../io/sealed-archive.ts';
import { runOk } from '../../io/spawn.ts';
import type { ServerConfig } from '../config.ts';
import type { Doors } from '../doors.ts';
import { Ledger, ledgerPath } from '../ledger.ts';
import { resetServer } from '../reset.ts';
import { claimPidFile } from '../running.ts';
import {
  attributeFlags,
  configFolder,
  loadingDir,
  marker,
  nodeFiles,
  readManifest,
  snapshotFile,
  volumesFolder,
  type Manifest,
} from './contents.ts';

const op = 'capsule';

export interface LoadOptions {
  dataDir: string;
  runDir: string;
  configDir: string;
  doors: Doors;
  file: string;
  key: Key;
  /**
   * The settings of the server whose configuration lies in `configDir`, with another data
   * directory.
   */
  configOf(configDir: string, dataDir: string): Promise<ServerConfig>;
}

/** Makes this machine the server of a capsule. Returns lines for the operator. */
export async function loadCapsule(options: LoadOptions): Promise<string[]> {
  const { dataDir, runDir, doors } = options;
  const { disk } = doors;
  const staging = loadingDir(dataDir);
  if ((await disk.list(op, join(dataDir, 'server'))).length > 0)
    throw new ConfigError(`there is a server in ${dataDir} already`, {
      op,
      hint: 'give an empty --data-dir, or take it away with "skiff uninstall"',
    });
  await disk.makeDir(op, dataDir, 0o755);
  await disk.makeDir(op, runDir, 0o711);
  const pidFile = join(runDir, 'skiff.pid');
  await claimPidFile(doors, pidFile);
  try {
    const resumed = (await disk.stat(op, join(staging, marker))) !== undefined;
    const done = resumed ? ['a load that was cut is finished'] : [await unpack(options, staging)];
    const manifest = await readManifest(disk, staging);
    const kept = await place(options, staging, manifest);
    return [...done, ...kept, ...(await nextSteps(options, manifest))];
  } finally {
    await disk.remove(op, pidFile);
  }
}

/** Everything up to the mark: a machine that stops here is as it was. */
async function unpack(options: LoadOptions, staging: string): Promise<string> {
  const { doors, file, key, configOf } = options;
  const { disk } = doors;
  await disk.remove(op, staging);
  await disk.makeDir(op, staging, 0o700);
  let whole = false;
  try {
    await openSealed(op, { file, into: staging, key, tar: await attributeFlags(doors) });
    const manifest = await readManifest(disk, staging);
    await checkVolumes(options, manifest);
    const config = await configOf(join(staging, configFolder), staging);
    const snapshot = join(staging, snapshotFile);
    const said = await resetServer(
      { ...config, clusterReset: true, clusterResetRestorePath: snapshot },
      doors,
    );
    await disk.remove(op, snapshot);
    await disk.writeAtomic(op, join(staging, marker), '', { mode: 0o600, durable: true });
    whole = true;
    const revision = /to revision (\d+)/.exec(said)?.[1];
    return (
      `the server of node ${manifest.node} as of ${new Date(manifest.savedMs).toISOString()}, ` +
      `revision ${revision}, is on this machine`
    );
  } finally {
    if (!whole) await disk.remove(op, staging);
  }
}

async function checkVolumes({ doors }: LoadOptions, { volumes }: Manifest): Promise<void> {
  if (volumes === undefined) return;
  if (!isAbsolute(volumes))
    throw new ConfigError(`the capsule's volumes have no place: ${volumes}`, { op });
  if ((await doors.disk.list(op, volumes)).length > 0)
    throw new ConfigError(`the volumes belong to ${volumes}, and something is there`, {
      op,
      hint: 'move it away; nothing was changed',
    });
}

/** From the mark on: what is still in `staging` goes to its place, the server last. */
async function place(options: LoadOptions, staging: string, manifest: Manifest): Promise<string[]> {
  const { dataDir, configDir, doors } = options;
  const { disk } = doors;
  const said: string[] = [];
  if (manifest.volumes !== undefined && (await disk.stat(op, join(staging, volumesFolder)))) {
    await disk.makeDir(op, dirname(manifest.volumes), 0o755);
    // An empty folder may be there.
    await doors.spawn.run(op, ['rmdir', '--', manifest.volumes]);
    const from = join(staging, volumesFolder);
    await runOk(doors.spawn, op, ['mv', '-T', '--', from, manifest.volumes]);
    said.push(`local volumes are in ${manifest.volumes}`);
  }
  const ledger = await Ledger.open(disk, ledgerPath(dataDir));
  await disk.makeDir(op, configDir, 0o755);
  for (const name of await disk.list(op, join(staging, configFolder))) {
    const target = join(configDir, name);
    if (await disk.stat(op, target)) {
      await renamePath(op, target, `${target}.before-capsule`);
      said.push(`what was ${target} is ${name}.before-capsule now`);
    }
    await ledger.record('file', target);
    await runOk(doors.spawn, op, ['mv', '-T', '--', join(staging, configFolder, name), target]);
  }
  for (const path of nodeFiles) {
    const from = join(staging, path);
    if (!(await disk.stat(op, from))) continue;
    await disk.makeDir(op, dirname(join(dataDir, path)), 0o711);
    await disk.remove(op, join(dataDir, path));
    await renamePath(op, from, join(dataDir, path));
  }
  if (await disk.stat(op, join(staging, 'server'))) {
    await doors.spawn.run(op, ['rmdir', '--', join(dataDir, 'server')]);
    await renamePath(op, join(staging, 'server'), join(dataDir, 'server'));
  }
  await disk.remove(op, staging);
  return said;
}

const secretFlag = /^--?(t|token|agent-token|cluster-secret|datastore-endpoint)(=|$)/;

/** What a server was started with, for people to read. */
function shown(args: string[]): string {
  return args
    .map((word, i) => {
      if (!word.startsWith('-') && secretFlag.test(args[i - 1] ?? '')) return '...';
      return secretFlag.test(word) ? word.replace(/=.*/s, '=...') : word;
    })
    .join(' ');
}

async function nextSteps(
  { dataDir, configDir, doors, configOf }: LoadOptions,
  { node, addresses, args, volumes }: Manifest,
): Promise<string[]> {
  const here = new Set(doors.host.addresses().map((one) => one.address));
  const config = await configOf(configDir, dataDir);
  const told = [...config.nodeIps, config.advertiseAddress ?? []].flat();
  const foreign = told.filter((one) => !here.has(one));
  return [
    ...(args.length > 0 ? [`it was started with: server ${shown(args)}`] : []),
    ...(foreign.length > 0
      ? [`${configDir}/config.yaml names ${foreign.join(', ')}, which this machine does not have`]
      : []),
    ...(addresses.some((one) => here.has(one))
      ? []
      : [
          `its address was ${addresses.join(', ')}: agents that were not told a name look there, ` +
            'so give this machine that address, or start them with --server',
        ]),
    ...(volumes === undefined ? ['local volumes were not in it'] : []),
    `the node keeps the name ${node}`,
    'done. Next: see to it that the old machine never starts again (they are one server), then ' +
      'start this one (./install.sh, or skiff server)',
  ];
}
