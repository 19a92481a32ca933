import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { askSecret } from '../io/ask-secret.ts';
import { setUnpackDir } from '../io/assets.ts';
import { realDisk } from '../io/disk.ts';
import { realHost } from '../io/host.ts';
import type { Key, Seal } from '../io/sealed-archive.ts';
import type { ServerConfig } from '../supervisor/config.ts';
import { realDoors } from '../supervisor/doors.ts';
import { askOperator } from '../supervisor/operator-socket.ts';
import { snapshotInto } from './etcd-snapshot.ts';
import { serverConfig } from './server-config.ts';
import { gatherSettings } from './settings.ts';

const op = 'capsule';
const say = (text: string): void => void process.stdout.write(`${text}\n`);
/** As age-keygen and its users would have it; a machine guesses what is shorter. */
const shortest = 12;

interface Places {
  config?: string;
  dataDir?: string;
  passphraseFile?: string;
}
export interface SaveArguments extends Places {
  volumes?: boolean;
  recipient: string[];
}
export interface LoadArguments extends Places {
  identity?: string;
  runDir: string;
}

/** `skiff capsule save FILE`. */
export async function saveCapsuleTo(file: string, options: SaveArguments): Promise<void> {
  onlyRoot();
  const { saveCapsule } = await import('../supervisor/capsule/save.ts');
  const config = await configOf(options);
  if (config.datastore)
    throw new ConfigError('the datastore is kept elsewhere, and so are its backups', {
      op,
      hint: 'use the tools of that datastore',
    });
  setUnpackDir(`${config.dataDir}/data`);
  const seal: Seal =
    options.recipient.length > 0
      ? { recipients: options.recipient }
      : { passphrase: await passphraseOf(options, { twice: true }) };
  const about = await askOperator(config.dataDir, 'GET /about', undefined);
  const manifest = await saveCapsule({
    config: about === undefined ? config : { ...config, nodeName: about.node },
    doors: realDoors(false),
    file,
    seal,
    volumes: options.volumes === true,
    pid: about?.pid,
    snapshot: (dir) => snapshotInto(config, { dir, prefix: op }),
  });
  const size = (await realDisk.stat(op, file))?.size ?? 0;
  say(
    `${file}: ${(size / 1048576).toFixed(1)} MiB, the server of node ${manifest.node}` +
      (manifest.volumes === undefined ? '; local volumes are not in it (--volumes)' : ''),
  );
  say('whoever opens it is the master of this cluster: keep it and what opens it apart');
}

/** `skiff capsule load FILE`. */
export async function loadCapsuleFrom(file: string, options: LoadArguments): Promise<void> {
  onlyRoot();
  const { loadCapsule } = await import('../supervisor/capsule/load.ts');
  if ((await realDisk.stat(op, file))?.kind !== 'file')
    throw new ConfigError(`${file}: no such file`, { op });
  const config = await configOf(options);
  setUnpackDir(`${config.dataDir}/data`);
  const key: Key =
    options.identity === undefined
      ? { passphrase: await passphraseOf(options, { twice: false }) }
      : { identities: await identitiesIn(options.identity) };
  const { dataDir, configDir } = config;
  const lines = await loadCapsule({
    dataDir,
    configDir,
    runDir: options.runDir,
    doors: realDoors(false),
    file,
    key,
    configOf: async (folder, data) => {
      const path = join(folder, 'config.yaml');
      const there = (await realDisk.stat(op, path)) !== undefined;
      return { ...(await configOf({ dataDir: data, ...(there && { config: path }) })) };
    },
  });
  for (const line of lines) say(line);
}

function onlyRoot(): void {
  if (!realHost.isRoot())
    throw new ConfigError('only root can do this', { op, hint: 'run it with sudo' });
}

async function configOf({ config, dataDir }: Places): Promise<ServerConfig> {
  const argv = [
    ...(config === undefined ? [] : [`--config=${config}`]),
    ...(dataDir === undefined ? [] : [`--data-dir=${dataDir}`]),
  ];
  const warn = (): void => undefined;
  return serverConfig(
    await gatherSettings({ command: 'server', argv, env: process.env, disk: realDisk, warn }),
  );
}

async function identitiesIn(file: string): Promise<string[]> {
  const keys = (await realDisk.read(op, file))
    .toString()
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (keys.length === 0) throw new ConfigError(`${file} holds no key`, { op });
  return keys;
}

async function passphraseOf(
  { passphraseFile }: Places,
  { twice }: { twice: boolean },
): Promise<string> {
  const hint = 'give --passphrase-file, or SKIFF_CAPSULE_PASSPHRASE';
  const given =
    passphraseFile === undefined
      ? (process.env['SKIFF_CAPSULE_PASSPHRASE'] ?? (await askSecret('Passphrase: ')))
      : (await realDisk.read(op, passphraseFile)).toString().replace(/\r?\n$/, '');
  if (given === undefined || given === '')
    throw new ConfigError('a passphrase is needed, and there is no terminal to ask at', {
      op,
      hint,
    });
  if (!twice) return given;
  if (given.length < shortest)
    throw new ConfigError(`the passphrase is shorter than ${shortest} characters`, {
      op,
      hint: 'some words that nobody would put together',
    });
  const asked = passphraseFile === undefined && !process.env['SKIFF_CAPSULE_PASSPHRASE'];
  if (asked && (await askSecret('Once more: ')) !== given)
    throw new ConfigError('these were two different passphrases', { op });
  return given;
}
