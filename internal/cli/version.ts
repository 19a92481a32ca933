import { ConfigError } from '../base/errors.ts';
import { assetBytes, buildInfo, hasAsset } from '../io/assets.ts';
import { kubernetesVersion } from '../supervisor/release.ts';
import { printJson } from './output.ts';

export function printVersion({ output }: { output: string } = { output: 'text' }): void {
  const { version, build } = buildInfo();
  if (output === 'json')
    return printJson({
      version: `v${version}`,
      build,
      kubernetes: kubernetesVersion,
      node: process.version,
    });
  process.stdout.write(
    `skiff version v${version} (${build})\nkubernetes ${kubernetesVersion}\nnode ` +
      `${process.version}\n`,
  );
}

export async function printLicenses(): Promise<void> {
  if (!hasAsset('licenses.txt'))
    throw new ConfigError('the licences are gathered when the executable is built', {
      op: 'licenses',
      hint: 'see LICENSE, and node_modules/*/LICENSE',
    });
  process.stdout.write(await assetBytes('licenses.txt'));
}
