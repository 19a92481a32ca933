import type { PersistentVolumeClaim, Pod } from '../../api/generated/types/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { claimNameOf, claimsHeldBy } from '../../api/storage/claims.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { say, type Plan, type Step } from '../kit/write.ts';
import { controllerRef, isControlledBy } from '../owners.ts';

interface View {
  pod: Pod;
  /** By name: those of the names that the pod's volumes would have. */
  claims: Map<string, PersistentVolumeClaim>;
}

/** One claim for each volume that asks for its own; it goes with the pod (KEP-1698). */
function planEphemeral({ pod, claims }: View): Plan {
  const steps: Step[] = [];
  for (const volume of pod.spec.volumes ?? []) {
    const template = volume.ephemeral?.volumeClaimTemplate;
    if (!template) continue;
    const name = claimNameOf(pod, volume)!;
    const tell = (why: string) =>
      say(pod, 'Warning', 'FailedBinding', `ephemeral volume ${volume.name}: ${why}`);
    const there = claims.get(name);
    if (there) {
      if (isControlledBy(there, pod)) continue;
      const { namespace, name: podName } = pod.metadata;
      const why =
        `PVC ${namespace}/${name} was not created for pod ${namespace}/${podName} ` +
        '(pod is not owner)';
      return { steps: [...steps, tell(why)], failure: why };
    }
    steps.push({
      verb: 'create',
      ref: refs.persistentVolumeClaims,
      object: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {
          name,
          namespace: pod.metadata.namespace,
          labels: template.metadata?.labels,
          annotations: template.metadata?.annotations,
          ownerReferences: [controllerRef(refs.pods, pod)],
        },
        spec: template.spec,
      },
      failed: (error) => tell(`create PVC ${name}: ${error}`),
    });
  }
  return { steps };
}

const asks = (pod: Pod): boolean => (pod.spec.volumes ?? []).some((v) => v.ephemeral);

export function startEphemeralVolumeController(ctx: ControllerContext): Controller {
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes: { claim: claimsHeldBy } });
  const claims = ctx.mirrors.of<PersistentVolumeClaim>(refs.persistentVolumeClaims);
  return startPlanned<View>(
    ctx,
    {
      name: 'ephemeral-volume-controller',
      title: 'ephemeral-volume',
      component: 'ephemeral_volume',
      mirrors: [
        { ref: refs.pods, mirror: pods },
        { ref: refs.persistentVolumeClaims, mirror: claims },
      ],
      view: (key) => {
        const pod = pods.get(key);
        if (!pod || pod.metadata.deletionTimestamp) return undefined;
        const found = (pod.spec.volumes ?? []).flatMap((volume) => {
          const name = claimNameOf(pod, volume);
          const claim = name && claims.get(`${pod.metadata.namespace}/${name}`);
          return claim ? [[name, claim] as const] : [];
        });
        return { pod, claims: new Map(found) };
      },
      plan: planEphemeral,
    },
    (queue) => {
      pods.onChange(({ type, key, object }) => {
        if (type === 'ADDED' && asks(object)) queue.add(key);
      });
      claims.onChange(({ type, key }) => {
        if (type !== 'DELETED') return;
        for (const pod of pods.byIndex('claim', key)) if (asks(pod)) queue.add(keyOf(pod));
      });
    },
  );
}
