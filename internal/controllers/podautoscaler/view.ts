import type { Scale } from '../../api/generated/types/autoscaling-v1.ts';
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
} from '../../api/generated/types/autoscaling-v2.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { ResourceRef } from '../../api/object.ts';
import { parseLabelSelector, type LabelSelector } from '../../api/selectors.ts';
import { messageOf } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import { Metrics } from './metrics.ts';
import type { AutoscalerView, Refusal, Target } from './plan.ts';
import { MetricFailed, propose, type Asking, type Proposed } from './proposals.ts';

export interface Sources {
  client: Client;
  pods(namespace: string): Iterable<Pod>;
  resources(): ResourceRef[];
  /** By key: which pods an autoscaler counts. Two for one pod would work against each other. */
  selectors: Map<string, LabelSelector>;
}

/** The target's scale and, when it is between its bounds, what each metric asks for. */
export async function viewOf(
  from: Sources,
  key: string,
  common: Pick<AutoscalerView, 'hpa' | 'history' | 'nowMs'>,
): Promise<AutoscalerView> {
  const { hpa } = common;
  const target = await targetOf(from, hpa);
  if ('error' in target) return { ...common, target, proposals: [] };
  const current = target.scale.spec?.replicas ?? 0;
  const { minReplicas: least = 1, maxReplicas: most } = hpa.spec;
  if (current === 0 || current < least || current > most)
    return { ...common, target, proposals: [] };
  const selected = podsOf(from, key, hpa, target.scale);
  if ('reason' in selected) return { ...common, target, refusal: selected, proposals: [] };
  const asking: Asking = {
    hpa,
    metrics: new Metrics(from.client),
    pods: selected.pods,
    selector: selected.text,
    replicas: { spec: current, status: target.scale.status?.replicas ?? 0 },
    refOf: (of) => refOf(from, of),
    nowMs: common.nowMs,
  };
  const proposals: (Proposed | MetricFailed)[] = [];
  for (const spec of hpa.spec.metrics ?? [])
    proposals.push(
      await propose(asking, spec).catch((error: unknown) => {
        if (error instanceof MetricFailed) return error;
        throw error;
      }),
    );
  return { ...common, target, proposals };
}

function refOf(
  { resources }: Sources,
  { apiVersion = '', kind }: CrossVersionObjectReference,
): ResourceRef | undefined {
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
  return resources().find((ref) => ref.group === group && ref.kind === kind);
}

async function targetOf(
  from: Sources,
  { metadata, spec }: HorizontalPodAutoscaler,
): Promise<Target | { error: string }> {
  const { kind, name } = spec.scaleTargetRef;
  const ref = refOf(from, spec.scaleTargetRef);
  if (!ref) return { error: `no matches for kind ${JSON.stringify(kind)} in group` };
  const { namespace = '' } = metadata;
  try {
    const of = { namespace, name, subresource: 'scale' };
    return { ref, scale: await from.client.get<Scale>(ref, of) };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

/** The target's pods. They must not be another autoscaler's as well. */
function podsOf(
  from: Sources,
  key: string,
  { metadata: { namespace = '' } }: HorizontalPodAutoscaler,
  { status }: Scale,
): { pods: Pod[]; text: string } | Refusal {
  const text = status?.selector ?? '';
  if (text === '')
    return {
      reason: 'SelectorRequired',
      message: 'selector is required',
      condition: {
        reason: 'InvalidSelector',
        message: "the HPA target's scale is missing a selector",
      },
    };
  let selector: LabelSelector;
  try {
    selector = parseLabelSelector(text);
  } catch (error) {
    const why = "couldn't convert selector into a corresponding internal selector object: ";
    const [reason, message] = ['InvalidSelector', `${why}${messageOf(error)}`];
    return { reason, message, condition: { reason, message } };
  }
  from.selectors.set(key, selector);
  const pods = [...from.pods(namespace)].filter((p) => selector.matches(p.metadata.labels));
  const rivals = [...from.selectors].filter(
    ([other, theirs]) =>
      other.startsWith(`${namespace}/`) && pods.some((pod) => theirs.matches(pod.metadata.labels)),
  );
  if (rivals.length <= 1) return { pods, text };
  const shown = rivals.map(([other]) => `{${other.slice(namespace.length + 1)} ${namespace}}`);
  const reason = 'AmbiguousSelector';
  const message = `pods by selector ${text} are controlled by multiple HPAs: [${shown.join(' ')}]`;
  return { reason, message, condition: { reason, message } };
}
