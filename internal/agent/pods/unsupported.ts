import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { Refusal } from './admission.ts';

/**
 * What no node of ours can do. The pod waits and says so, as with a kubelet whose runtime or
 * plug-ins lack it.
 */
export function unsupported(pod: Pod): Refusal | undefined {
  const { spec, status } = pod;
  if (spec.hostUsers === false) {
    const message =
      'Failed to create pod sandbox: runtime handler ' +
      `${JSON.stringify(spec.runtimeClassName ?? '')} does not support user namespaces`;
    return { reason: 'FailedCreatePodSandBox', message };
  }
  const claim = (spec.resourceClaims ?? []).find(({ name }) => {
    const told = status?.resourceClaimStatuses?.find((s) => s.name === name);
    // A template may have decided that no claim is needed; then the status names the entry and no
    // claim.
    return !told || told.resourceClaimName !== undefined;
  });
  if (claim)
    return {
      reason: 'FailedPrepareDynamicResources',
      message:
        'Failed to prepare dynamic resources: no DRA driver is registered on this node for ' +
        `claim ${JSON.stringify(claim.name)}`,
    };
  const all = [...spec.containers, ...(spec.initContainers ?? [])].find((c) =>
    c.restartPolicyRules?.some((r) => r.action === 'RestartAllContainers'),
  );
  if (all)
    return {
      reason: 'FailedCreatePodContainer',
      message:
        `container ${JSON.stringify(all.name)}: the restart rule action RestartAllContainers ` +
        'is not supported on this node',
    };
  return undefined;
}
