import { ConfigError } from '../base/errors.ts';
import { realDisk } from '../io/disk.ts';
import { makeWorkDir } from '../io/work-dir.ts';
import { realSpawn } from '../io/spawn.ts';
import { arches, type Arch } from '../supervisor/airgap/contents.ts';

const op = 'airgap';
const ownArch = (): Arch => (process.arch === 'x64' ? 'amd64' : 'arm64');
const say = (text: string): void => void process.stdout.write(`${text}\n`);

function archOf(text: string | undefined): Arch {
  if (text === undefined) return ownArch();
  const named = { x86_64: 'amd64', x64: 'amd64', aarch64: 'arm64' }[text] ?? text;
  const arch = arches.find((one) => one === named);
  if (arch === undefined) throw new ConfigError(`--arch ${text}: amd64 or arm64 is meant`, { op });
  return arch;
}

export interface BuildArguments {
  images?: string;
  arch?: string;
  output?: string;
}

/** `skiff airgap build`: on a machine that reaches a mirror of Debian packages and registries. */
export async function buildAirgap(options: BuildArguments): Promise<void> {
  const { buildBundle } = await import('../supervisor/airgap/build.ts');
  const arch = archOf(options.arch);
  const output = options.output ?? `skiff-airgap-${arch}.tar.zst`;
  const images =
    options.images === undefined ? undefined : (await realDisk.read(op, options.images)).toString();
  const { dir, remove } = await makeWorkDir('skiff-airgap-');
  try {
    const doors = { disk: realDisk, spawn: realSpawn, say };
    const manifest = await buildBundle({ ...doors, arch, images, output, work: dir });
    const size = (await realDisk.stat(op, output))?.size ?? 0;
    say(
      `${output}: ${(size / 1048576).toFixed(1)} MiB, ${Object.keys(manifest.packages).length} ` +
        `packages of ${manifest.distribution}, ${manifest.images.length} images`,
    );
  } finally {
    await remove();
  }
}

/** `skiff airgap load FILE`: puts a bundle where this machine's node finds it. */
export async function loadAirgap(file: string, options: { dataDir: string }): Promise<void> {
  const { loadBundle } = await import('../supervisor/airgap/load.ts');
  const doors = { disk: realDisk, spawn: realSpawn };
  const manifest = await loadBundle({ ...doors, file, ...options, arch: ownArch() });
  say(
    `${Object.keys(manifest.packages).length} packages of ${manifest.distribution} and ` +
      `${manifest.images.length} images are in ${options.dataDir}`,
  );
}
