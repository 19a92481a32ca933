import type { Command } from 'commander';
import type { BuildArguments } from './airgap.ts';

const dataDir = [
  '-d, --data-dir <dir>',
  'Folder that holds state',
  process.env['SKIFF_DATA_DIR'] ?? '/var/lib/skiff',
] as const;

/** Commands of a machine's life: what it is given before it has a network. */
export function upkeepCommands(skiff: Command): void {
  const airgap = skiff.command('airgap').description('Bundles for machines without a network');
  airgap
    .command('build')
    .description(
      'Make a bundle of the programs that a node calls (from Debian packages) and of images, on ' +
        'a machine that reaches both',
    )
    .option('--images <file>', 'A list of images, one a line')
    .option('--arch <arch>', 'amd64 or arm64 (default: as here)')
    .option('-o, --output <file>', 'Where it goes (default: skiff-airgap-ARCH.tar.zst)')
    .action(async (options: BuildArguments) => (await import('./airgap.ts')).buildAirgap(options));
  airgap
    .command('load')
    .description('Unpack a bundle for the node of this machine (install.sh does it, too)')
    .argument('<file>')
    .option(...dataDir)
    .action(async (file: string, options: { dataDir: string }) =>
      (await import('./airgap.ts')).loadAirgap(file, options),
    );
}
