import { own } from '../../base/own.ts';
import type {
  ContainerStatus,
  NodeSelectorTerm,
  Pod,
  PodSpec,
  PodStatus,
  Toleration,
} from '../generated/types/core-v1.ts';
import { semanticEqual } from '../loose.ts';
import { dns1123Subdomain, qualifiedName } from '../names.ts';
import { checkIp, isDualStackAtMost } from './addresses.ts';
import { checkTolerations } from './affinity.ts';
import { checkImageSpaces } from './containers.ts';
import { checkMetadata, checkMetadataUpdate } from './metadata.ts';
import { goDiff } from './pod-diff.ts';
import { shown, shownPodSpec } from './shapes.ts';
import { checkPodSpec } from './pod-spec.ts';
import { Problems } from './problems.ts';

const mirror = 'kubernetes.io/config.mirror';
const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/';
const deletionCost = 'controller.kubernetes.io/pod-deletion-cost';
const greatestInt32 = 2 ** 31 - 1;
const updatable = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
];

const specOf = (pod: Pod): PodSpec => pod.spec ?? ({ containers: [] } as PodSpec);

export function checkPod(problems: Problems, pod: Pod): void {
  const spec = specOf(pod);
  checkMetadata(problems, pod.metadata ?? {}, { namespaced: true, name: dns1123Subdomain });
  checkPodAnnotations(problems, pod, 'metadata.annotations');
  checkPodSpec(problems, spec, pod.metadata, 'spec', true);
  if (!spec.serviceAccountName) {
    (spec.volumes ?? []).forEach((volume, i) =>
      (volume.projected?.sources ?? []).forEach((source, j) => {
        if (source.serviceAccountToken)
          problems.forbidden(
            `spec.volumes[${i}].projected.sources[${j}].serviceAccountToken`,
            'must not be specified when serviceAccountName is not set',
          );
      }),
    );
  }
  (spec.containers ?? []).forEach((c, i) => checkImageSpaces(problems, c, `spec.containers[${i}]`));
  (spec.initContainers ?? []).forEach((c, i) =>
    checkImageSpaces(problems, c, `spec.initContainers[${i}]`),
  );
}

function checkPodAnnotations(problems: Problems, pod: Pod, path: string): void {
  const annotations = pod.metadata?.annotations ?? {};
  if (annotations[mirror] !== undefined && !specOf(pod).nodeName)
    problems.invalid(
      `${path}[${mirror}]`,
      annotations[mirror],
      'must set spec.nodeName if mirror pod annotation is set',
    );
  const cost = annotations[deletionCost];
  if (
    cost !== undefined &&
    !(/^(0|-?[1-9][0-9]*)$/.test(cost) && Math.abs(Number(cost)) <= greatestInt32)
  )
    problems.invalid(`${path}[${deletionCost}]`, cost, 'must be a 32bit integer');
  checkAppArmorAnnotations(problems, pod, path);
}

const appArmorProfiles = ['', 'runtime/default', 'unconfined'];

function checkAppArmorAnnotations(problems: Problems, pod: Pod, path: string): void {
  const spec = specOf(pod);
  const names = new Set(
    [
      ...(spec.initContainers ?? []),
      ...(spec.containers ?? []),
      ...(spec.ephemeralContainers ?? []),
    ].map((c) => c.name),
  );
  for (const [key, profile] of Object.entries(pod.metadata?.annotations ?? {})) {
    if (!key.startsWith(appArmorPrefix)) continue;
    const name = key.slice(appArmorPrefix.length);
    if (!names.has(name)) problems.invalid(`${path}[${key}]`, name, 'container not found');
    if (!appArmorProfiles.includes(profile) && !profile.startsWith('localhost/'))
      problems.invalid(
        `${path}[${key}]`,
        profile,
        `invalid AppArmor profile name: ${JSON.stringify(profile)}`,
      );
  }
}

export function createPod(problems: Problems, pod: Pod): void {
  checkPod(problems, pod);
  const spec = specOf(pod);
  if (spec.ephemeralContainers?.length)
    problems.forbidden('spec.ephemeralContainers', 'cannot be set on create');
  if (spec.nodeName && spec.schedulingGates?.length)
    problems.forbidden(
      'spec.nodeName',
      'cannot be set until all schedulingGates have been cleared',
    );
}

export function updatePod(problems: Problems, pod: Pod, old: Pod): void {
  checkMetadataUpdate(problems, pod.metadata ?? {}, old.metadata ?? {});
  checkPod(problems, pod);
  checkAnnotationUpdates(problems, pod, old);
  const [spec, was] = [specOf(pod), specOf(old)];
  for (const list of ['containers', 'initContainers'] as const) {
    const [now, before] = [spec[list] ?? [], was[list] ?? []];
    if (now.length !== before.length)
      return problems.forbidden(`spec.${list}`, 'pod updates may not add or remove containers');
    now.forEach((container, i) => {
      if (!container.image) problems.required(`spec.${list}[${i}].image`);
      checkImageSpaces(problems, container, `spec.${list}[${i}]`);
    });
  }
  if (!checkDeadline(problems, spec, was)) return;
  checkOnlyAddedTolerations(
    problems,
    spec.tolerations ?? [],
    was.tolerations ?? [],
    'spec.tolerations',
  );
  const gates = new Set(was.schedulingGates?.map((g) => g.name));
  (spec.schedulingGates ?? []).forEach(({ name }, i) => {
    if (!gates.has(name))
      problems.forbidden(
        `spec.schedulingGates[${i}].name`,
        `only deletion is allowed, but found new scheduling gate '${name}'`,
      );
  });
  if (semanticEqual(spec, was)) return;
  const munged = withoutUpdatable(problems, spec, was);
  if (!semanticEqual(munged, was))
    problems.forbidden(
      'spec',
      `pod updates may not change fields other than ${updatable.join(',')}\n` +
        `${goDiff(shownPodSpec(was), shownPodSpec(munged))}`,
    );
}

function checkDeadline(problems: Problems, spec: PodSpec, was: PodSpec): boolean {
  const [now, before] = [spec.activeDeadlineSeconds, was.activeDeadlineSeconds];
  if (now === undefined) {
    if (before !== undefined)
      problems.invalid(
        'spec.activeDeadlineSeconds',
        null,
        'must not update from a positive integer to nil value',
      );
    return true;
  }
  if (now < 0 || now > greatestInt32)
    problems.range('spec.activeDeadlineSeconds', now, 0, greatestInt32);
  else if (before !== undefined && before < now)
    problems.invalid(
      'spec.activeDeadlineSeconds',
      now,
      'must be less than or equal to previous value',
    );
  else return true;
  return false;
}

function checkOnlyAddedTolerations(
  problems: Problems,
  now: readonly Toleration[],
  before: readonly Toleration[],
  path: string,
): void {
  const text = ({ key, operator, value, effect }: Toleration): string =>
    JSON.stringify([key, operator, value, effect].map((part) => part ?? ''));
  const there = new Set(now.map(text));
  if (before.some((old) => !there.has(text(old))))
    return problems.forbidden(
      path,
      'existing toleration can not be modified except its tolerationSeconds',
    );
  checkTolerations(problems, now, path);
}

/** The new spec with everything that may change put back: what still differs may not. */
function withoutUpdatable(problems: Problems, spec: PodSpec, was: PodSpec): PodSpec {
  const munged: PodSpec = { ...spec };
  for (const list of ['containers', 'initContainers'] as const) {
    const own = spec[list];
    if (own)
      munged[list] = own.map((container, i) => ({
        ...container,
        image: was[list]?.[i]?.image ?? '',
      }));
  }
  for (const field of ['activeDeadlineSeconds', 'schedulingGates', 'tolerations'] as const)
    putBack(munged, was, field);
  if ((was.terminationGracePeriodSeconds ?? 0) < 0 && munged.terminationGracePeriodSeconds === 1)
    putBack(munged, was, 'terminationGracePeriodSeconds');
  if (was.schedulingGates?.length) putBackGated(problems, munged, was);
  return munged;
}

function putBack(munged: PodSpec, was: PodSpec, field: keyof PodSpec): void {
  if (was[field] === undefined) delete munged[field];
  else Object.assign(munged, { [field]: was[field] });
}

/** A gated pod may still be narrowed: more node selectors, more required terms. */
function putBackGated(problems: Problems, munged: PodSpec, was: PodSpec): void {
  if (!semanticEqual(munged.nodeSelector, was.nodeSelector)) {
    if (
      Object.entries(was.nodeSelector ?? {}).some(
        ([key, value]) => own(munged.nodeSelector, key) !== value,
      )
    ) {
      problems.invalid(
        'spec.nodeSelector',
        munged.nodeSelector,
        'only additions to spec.nodeSelector are allowed (no mutations or deletions)',
      );
    }
    putBack(munged, was, 'nodeSelector');
  }
  const [now, before] = [munged.affinity?.nodeAffinity, was.affinity?.nodeAffinity];
  if (semanticEqual(now, before)) return;
  checkNodeAffinityMutation(
    problems,
    now?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [],
    before?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [],
  );
  const affinity = { ...munged.affinity };
  if (before) affinity.nodeAffinity = before;
  else delete affinity.nodeAffinity;
  if (Object.keys(affinity).length === 0 && !was.affinity) delete munged.affinity;
  else munged.affinity = affinity;
}

function checkNodeAffinityMutation(
  problems: Problems,
  now: readonly NodeSelectorTerm[],
  before: readonly NodeSelectorTerm[],
): void {
  const path =
    'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
  if (before.length > 0 && before.length !== now.length)
    return problems.invalid(
      path,
      now,
      'no additions/deletions to non-empty NodeSelectorTerms list are allowed',
    );
  before.forEach((term, i) => {
    if (!onlyAdds(now[i] ?? {}, term))
      problems.invalid(
        `${path}[${i}]`,
        now[i],
        'only additions are allowed (no mutations or deletions)',
      );
  });
}

function onlyAdds(now: NodeSelectorTerm, before: NodeSelectorTerm): boolean {
  const starts = (a: readonly unknown[] = [], b: readonly unknown[] = []): boolean =>
    semanticEqual(a.slice(0, b.length), b);
  const wasEmpty = !before.matchExpressions?.length && !before.matchFields?.length;
  if (wasEmpty && (now.matchExpressions?.length || now.matchFields?.length)) return false;
  return (
    starts(now.matchExpressions, before.matchExpressions) &&
    starts(now.matchFields, before.matchFields)
  );
}

function checkAnnotationUpdates(problems: Problems, pod: Pod, old: Pod): void {
  const [now, before] = [pod.metadata?.annotations ?? {}, old.metadata?.annotations ?? {}];
  for (const [key, value] of Object.entries(before)) {
    if (own(now, key) === value) continue;
    if (key.startsWith(appArmorPrefix))
      problems.forbidden(
        `metadata.annotations[${key}]`,
        'may not remove or update AppArmor annotations',
      );
    if (key === mirror)
      problems.forbidden(
        `metadata.annotations[${key}]`,
        'may not remove or update mirror pod annotation',
      );
  }
  for (const key of Object.keys(now)) {
    if (Object.hasOwn(before, key)) continue;
    if (key.startsWith(appArmorPrefix))
      problems.forbidden(`metadata.annotations[${key}]`, 'may not add AppArmor annotations');
    if (key === mirror)
      problems.forbidden(`metadata.annotations[${key}]`, 'may not add mirror pod annotation');
  }
  checkPodAnnotations(problems, pod, 'metadata.annotations');
}

const systemConditions = new Set(['PodScheduled', 'Ready', 'Initialized']);

export function updatePodStatus(problems: Problems, pod: Pod, old: Pod): void {
  checkMetadataUpdate(problems, pod.metadata ?? {}, old.metadata ?? {});
  checkAnnotationUpdates(problems, pod, old);
  const [status, was]: [PodStatus, PodStatus] = [pod.status ?? {}, old.status ?? {}];
  (status.conditions ?? []).forEach((condition, i) => {
    if ((condition.observedGeneration ?? 0) < 0)
      problems.invalid(
        `status.conditions[${i}].observedGeneration`,
        condition.observedGeneration,
        'must be a non-negative integer',
      );
    if (!systemConditions.has(condition.type))
      problems.check(`status.conditions[${i}].Type`, condition.type, qualifiedName);
  });
  const nominated = status.nominatedNodeName;
  if (nominated && nominated !== was.nominatedNodeName) {
    problems.check('status.nominatedNodeName', nominated, dns1123Subdomain);
    if (specOf(old).nodeName)
      problems.forbidden(
        'status.nominatedNodeName',
        'may not be set on pods that are already bound to a node',
      );
  }
  if ((status.observedGeneration ?? 0) < 0)
    problems.invalid(
      'status.observedGeneration',
      status.observedGeneration,
      'must be a non-negative integer',
    );
  problems.immutable('status.qosClass', status.qosClass ?? '', was.qosClass ?? '');
  checkTransitions(
    problems,
    status.containerStatuses ?? [],
    was.containerStatuses ?? [],
    'status.containerStatuses',
    specOf(old),
    'containers',
  );
  checkTransitions(
    problems,
    status.initContainerStatuses ?? [],
    was.initContainerStatuses ?? [],
    'status.initContainerStatuses',
    specOf(old),
    'initContainers',
  );
  checkStatusIps(
    problems,
    'podIPs',
    (status.podIPs ?? []).map((p) => p.ip ?? ''),
    (was.podIPs ?? []).map((p) => p.ip ?? ''),
    shown('PodIP', status.podIPs),
  );
  const hosts = (status.hostIPs ?? []).map((p) => p.ip ?? '');
  if (hosts.length > 0 && hosts[0] !== status.hostIP)
    problems.invalid('status.hostIPs[0].ip', hosts[0], 'must be equal to `hostIP`');
  checkStatusIps(
    problems,
    'hostIPs',
    hosts,
    (was.hostIPs ?? []).map((p) => p.ip ?? ''),
    shown('HostIP', status.hostIPs),
  );
}

function checkStatusIps(
  problems: Problems,
  field: string,
  ips: readonly string[],
  old: readonly string[],
  shown: unknown,
): void {
  ips.forEach((ip, i) => checkIp(problems, `status.${field}[${i}]`, ip, old));
  if (!isDualStackAtMost(ips))
    problems.invalid(
      `status.${field}`,
      shown,
      'may specify no more than one IP for each IP family',
    );
}

/** The first of each name. */
function byName<T extends { name: string }>(items: readonly T[]): Map<string, T> {
  return new Map(items.toReversed().map((item) => [item.name, item]));
}

/** A container that has ended stays so, unless the policy restarts it. */
function checkTransitions(
  problems: Problems,
  now: readonly ContainerStatus[],
  before: readonly ContainerStatus[],
  path: string,
  spec: PodSpec,
  list: 'containers' | 'initContainers',
): void {
  const all = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  if (all.some((c) => c.restartPolicyRules?.some((r) => r.action === 'RestartAllContainers')))
    return;
  const [states, containers] = [byName(now), byName(spec[list] ?? [])];
  before.forEach((old, i) => {
    const ended = old.state?.terminated;
    const next = states.get(old.name);
    if (!ended || !next || next.state?.terminated) return;
    const container = containers.get(old.name);
    if (
      !container ||
      !restarts(
        container.restartPolicy ?? spec.restartPolicy ?? 'Always',
        container.restartPolicyRules ?? [],
        ended.exitCode ?? 0,
      )
    ) {
      problems.forbidden(`${path}[${i}].state`, 'may not be transitioned to non-terminated state');
    }
  });
}

function restarts(
  policy: string,
  rules: NonNullable<PodSpec['containers'][number]['restartPolicyRules']>,
  exitCode: number,
): boolean {
  for (const { action, exitCodes } of rules) {
    if (
      action === 'Restart' &&
      exitCodes &&
      (exitCodes.values ?? []).includes(exitCode) === (exitCodes.operator === 'In')
    )
      return true;
  }
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

export function updateEphemeralContainers(problems: Problems, pod: Pod, old: Pod): void {
  if (old.metadata?.annotations?.[mirror] !== undefined)
    return problems.forbidden('', 'static pods do not support ephemeral containers');
  checkMetadataUpdate(problems, pod.metadata ?? {}, old.metadata ?? {});
  checkPod(problems, pod);
  checkAnnotationUpdates(problems, pod, old);
  const byNow = byName(specOf(pod).ephemeralContainers ?? []);
  for (const before of specOf(old).ephemeralContainers ?? []) {
    const now = byNow.get(before.name);
    if (!now)
      problems.forbidden(
        'spec.ephemeralContainers',
        `existing ephemeral containers ${JSON.stringify(before.name)} may not be removed\n`,
      );
    else if (!semanticEqual(now, before))
      problems.forbidden(
        'spec.ephemeralContainers',
        `existing ephemeral containers ${JSON.stringify(before.name)} may not be changed\n` +
          `${goDiff(shown('EphemeralContainer', before), shown('EphemeralContainer', now))}`,
      );
  }
}
