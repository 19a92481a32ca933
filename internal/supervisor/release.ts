/** The level of the Kubernetes API that is served. */
export const kubernetesVersion = 'v1.36.3';

/** What `/version` and node status say: the API level, and that it is skiff that speaks it. */
export function gitVersion(version: string): string {
  return `${kubernetesVersion}+skiff.${version}`;
}
