import type { PodRuntime, RuntimeContainer, RuntimeSandbox } from './model.ts';

/**
 * Ended instances of a container that are kept beside the newest one, for `logs --previous`
 * (kubelet maxPerPodContainer).
 */
const keptDead = 1;

/**
 * What the runtime holds of a living pod and nobody can ask for any more: older instances,
 * instances that were made and never started, and lost sandboxes that hold nothing of what is kept.
 */
export function surplusOf(runtime: PodRuntime): {
  containers: RuntimeContainer[];
  sandboxes: RuntimeSandbox[];
} {
  const seen = new Map<string, number>();
  const containers: RuntimeContainer[] = [];
  for (const container of runtime.containers) {
    const kept = seen.get(container.name);
    if (kept === undefined) seen.set(container.name, 0);
    else if (container.state === 'exited' && kept < keptDead) seen.set(container.name, kept + 1);
    else if (container.state !== 'running') containers.push(container);
  }
  const holding = new Set(
    runtime.containers.filter((c) => !containers.includes(c)).map((c) => c.sandboxId),
  );
  const sandboxes = runtime.sandboxes.slice(1).filter((s) => !s.ready && !holding.has(s.id));
  return { containers, sandboxes };
}
