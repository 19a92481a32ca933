import { dirname, join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { realDisk } from '../io/disk.ts';
import { realRandom } from '../io/random.ts';
import { realSpawn } from '../io/spawn.ts';
import {
  bringRelease,
  checkMirror,
  isVersion,
  type Mirror,
} from '../supervisor/upgrade/release-source.ts';

const op = 'upgrade';
/** install.sh leaves there what it was told. */
const confDir = '/etc/skiff';

export interface SourceArguments {
  program: string;
  mirror?: string;
  channel?: string;
}

/** Runs `use` with the executable that is meant: a file, or one of a release, which then goes. */
export async function withExecutable(
  what: string | undefined,
  options: SourceArguments,
  use: (file: string) => Promise<void>,
): Promise<void> {
  if (what !== undefined && (await realDisk.stat(op, what))) return await use(what);
  if (what !== undefined && !isVersion(what))
    throw new ConfigError(`"${what}" is neither a file nor a version such as v1.2.3`, { op });
  const arch = ({ x64: 'amd64', arm64: 'arm64' } as const)[process.arch as 'x64' | 'arm64'];
  // Beside the program: programs can be started from there.
  const dir = join(dirname(options.program), `.skiff-release-${realRandom.uuid()}`);
  await realDisk.makeDir(op, dir, 0o700);
  try {
    const { file, version } = await bringRelease(
      { disk: realDisk, spawn: realSpawn },
      {
        mirror: await mirrorOf(options),
        version: what === undefined || what.startsWith('v') ? what : `v${what}`,
        channel: options.channel ?? process.env['INSTALL_SKIFF_CHANNEL'] ?? 'stable',
        arch,
        dir,
      },
    );
    process.stdout.write(`${version} has come, and is as it was signed\n`);
    await use(file);
  } finally {
    await realDisk.remove(op, dir);
  }
}

async function mirrorOf(options: SourceArguments): Promise<Mirror> {
  const kept = async (name: string): Promise<string | undefined> =>
    (await realDisk.readIfThere(op, join(confDir, name)))?.toString().trim() || undefined;
  const { env } = process;
  const url = options.mirror ?? env['INSTALL_SKIFF_MIRROR'] ?? (await kept('install.mirror'));
  const key = env['INSTALL_SKIFF_PUBLIC_KEY'] ?? (await kept('install.key'));
  if (!url)
    throw new ConfigError('nobody has said where releases are', {
      op,
      hint: 'name an address or folder: --mirror',
    });
  if (!key)
    throw new ConfigError('there is no key to check a release with', {
      op,
      hint: "INSTALL_SKIFF_PUBLIC_KEY takes the line of the releases' minisign key",
    });
  checkMirror(url);
  return { url, key, channelUrl: env['INSTALL_SKIFF_CHANNEL_URL'] };
}
