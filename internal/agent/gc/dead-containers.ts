/** The part of a container that matters here. */
export interface InstanceFacts {
  id: string;
  name: string;
  exited: boolean;
  createdAt: bigint;
}

/** Exited instances kept for each container of a pod: `kubectl logs --previous` reads it (kubelet maxPerPodContainer). */
const keptDead = 1;

/** The ids of exited instances of one pod that nothing refers to any more. */
export function surplusContainers(instances: readonly InstanceFacts[]): string[] {
  const byName = new Map<string, InstanceFacts[]>();
  for (const instance of instances) {
    if (!instance.exited) continue;
    const list = byName.get(instance.name);
    if (list) list.push(instance);
    else byName.set(instance.name, [instance]);
  }
  return [...byName.values()].flatMap((list) => list.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1)).slice(keptDead).map((instance) => instance.id));
}
