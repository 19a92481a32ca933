import { createHash } from 'node:crypto';
import { at, textOf } from '../../api/loose.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { messageOf } from '../../base/errors.ts';
import { planNamespace, type ContainerSpec, type UpgradePlan } from './plan-types.ts';
import { windowFault } from './window.ts';

/** Images that stand for what is done in process: k3s' own, as Plans of k3s name it, and ours. */
const ownImages = /(?:^|\/)(?:k3s|skiff)-upgrade(?::[\w.-]+)?$/;
/** Of a label or an annotation, behind its prefix (Kubernetes: 63). */
const longestName = 63;

export interface Fault {
  reason: 'Error' | 'Unsupported';
  message: string;
}

/** Why this plan is not carried out; undefined when it is. */
export function faultOf({ metadata, spec = {} }: UpgradePlan): Fault | undefined {
  const wrong = (message: string): Fault => ({ reason: 'Error', message });
  const cannot = (message: string): Fault => ({ reason: 'Unsupported', message });
  if (metadata.namespace !== planNamespace)
    return cannot(`plans are carried out in the namespace ${planNamespace} alone`);
  if ((metadata.name ?? '').length > longestName)
    return wrong(`the name becomes a label, which may have ${longestName} letters`);
  const { drain, window, upgrade = {}, prepare, postCompleteDelay } = spec;
  if (!ownImages.test(upgrade.image ?? ''))
    return cannot(
      `spec.upgrade.image "${upgrade.image ?? ''}" is not run: skiff upgrades itself here, from ` +
        'its own releases (name skiff-upgrade, or k3s-upgrade)',
    );
  const more = containerFields(upgrade);
  if (more.length > 0) return cannot(`spec.upgrade: no container is run, so ${more} cannot be`);
  if (prepare && prepareOf(prepare) === undefined)
    return cannot(
      'spec.prepare: no container is run; only k3s-upgrade with the args ["prepare", PLAN], ' +
        'which waits for another plan, can be done without one',
    );
  if ((spec.secrets ?? []).length > 0)
    return cannot('spec.secrets: no container is run that could read them');
  if (drain?.deleteEmptydirData !== undefined && drain.deleteLocalData !== undefined)
    return wrong('spec.drain cannot specify both deleteEmptydirData and deleteLocalData');
  if (drain?.timeout !== undefined && durationMs(drain.timeout) === undefined)
    return wrong(`spec.drain.timeout "${drain.timeout}" is no time such as 5m`);
  try {
    selectorFromObject(spec.nodeSelector);
    if (drain?.podSelector) selectorFromObject(drain.podSelector);
  } catch (error) {
    return wrong(messageOf(error));
  }
  const outside = window && windowFault(window);
  if (outside !== undefined) return wrong(`spec.window is invalid: ${outside}`);
  if (postCompleteDelay !== undefined && (durationMs(postCompleteDelay) ?? -1) < 0)
    return wrong('spec.postCompleteDelay is negative, or no time such as 30s');
  return undefined;
}

/** Fields of a container that would need one. */
function containerFields(container: ContainerSpec): string {
  return (['command', 'args', 'envs', 'envFrom', 'volumes', 'securityContext'] as const)
    .filter((field) => {
      const value = container[field];
      return Array.isArray(value) ? value.length > 0 : value !== undefined;
    })
    .join(', ');
}

/** The plan that is to be complete before a node's turn, as k3s-upgrade takes it. */
export function prepareOf(prepare: ContainerSpec): string | undefined {
  const { args = [], command, ...others } = prepare;
  const [word, plan] = args;
  const plain = ownImages.test(prepare.image ?? '') && command === undefined;
  const known = plain && containerFields({ ...others, image: '' }) === '';
  return known && args.length === 2 && word === 'prepare' && plan ? plan : undefined;
}

/** What has no effect without pods; said once. */
export function idleFields({ spec = {} }: UpgradePlan): string[] {
  return (['tolerations', 'imagePullSecrets', 'priorityClassName'] as const).filter((field) => {
    const value = spec[field];
    return value !== undefined && value.length > 0;
  });
}

export const isVersion = (text: string): boolean => /^v?\d+\.\d+\.\d+[\w.+-]*$/.test(text);

/** A version as a label may have it. */
export const munged = (version: string): string => version.replaceAll('+', '-');

/** Whether an executable that calls itself `v1.2.3 (build)` is of the version. */
export function isOf(said: string, version: string): boolean {
  const own = munged(said.split(' ')[0] ?? '').replace(/^v/, '');
  return own !== '' && own === munged(version).replace(/^v/, '');
}

/** The hash that a node's label has when the plan was applied to it; as upstream computes it. */
export function hashOf(plan: UpgradePlan, latestVersion: string): string {
  const hash = createHash('sha224').update(latestVersion);
  hash.update(plan.spec?.serviceAccountName ?? '');
  const digest = plan.metadata.annotations?.['upgrade.cattle.io/digest'] ?? '';
  for (const path of digest.split(',').filter(Boolean)) {
    const value = at(plan, path);
    const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : undefined;
    hash.update(text ?? (textOf(value) || String(value ?? '')));
  }
  return hash.digest('hex');
}

const units = new Map([
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
]);

/** Go's duration (`1h30m`), or a number of nanoseconds; undefined when it is neither. */
export function durationMs(value: number | string): number | undefined {
  if (typeof value === 'number') return value / 1e6;
  if (value === '0') return 0;
  const [, minus, parts = ''] = /^(-?)((?:\d+(?:\.\d+)?(?:h|ms|m|s))+)$/.exec(value) ?? [];
  if (parts === '') return undefined;
  let sum = 0;
  for (const [, amount, unit = ''] of parts.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g))
    sum += Number(amount) * (units.get(unit) ?? 0);
  return minus ? -sum : sum;
}
