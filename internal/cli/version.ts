import { buildInfo } from '../io/assets.ts';
import { kubernetesVersion } from '../supervisor/release.ts';

export function printVersion(): void {
  const { version, commit } = buildInfo();
  process.stdout.write(`skiff version v${version} (${commit})\nkubernetes ${kubernetesVersion}\nnode ${process.version}\n`);
}
