import type { Pod } from '../../api/generated/types/core-v1.ts';
import type {
  ResourceClaim,
  ResourceClaimConsumerReference,
  ResourceClaimTemplate,
} from '../../api/generated/types/resource-v1.ts';
import { keyOf } from '../../api/object.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned, type Reading } from '../kit/planned.ts';
import { isApiError } from '../owners.ts';
import { claimNamesOf, isDone, owningPod } from './names.ts';
import { conclude, plan, type ClaimView, type PodView, type View } from './plan.ts';

const name = 'resource-claim-controller';
/** Keys of the one queue: a pod that may need claims, a claim that may be in no use. */
const ofPod = 'pod:';
const ofClaim = 'claim:';

const templateNamesOf = (pod: Pod): string[] =>
  (pod.spec.resourceClaims ?? []).flatMap((entry) => entry.resourceClaimTemplateName ?? []);

const usesClaims = (pod: Pod): boolean =>
  (pod.spec.resourceClaims ?? []).length > 0 ||
  pod.status?.extendedResourceClaimStatus !== undefined;

const indexes = {
  resourceClaim: (pod: Pod) => claimNamesOf(pod).map((n) => `${pod.metadata.namespace}/${n}`),
  resourceClaimTemplate: (pod: Pod) =>
    templateNamesOf(pod).map((n) => `${pod.metadata.namespace}/${n}`),
};

/**
 * Makes ResourceClaims from the templates that pods name, and takes claims back from consumers that
 * are gone (pkg/controller/resourceclaim, without PodGroups, which are off in 1.36).
 */
export function startResourceClaimController(ctx: ControllerContext): Controller {
  const pods = ctx.mirrors.of<Pod>(refs.pods, { indexes });
  const claims = ctx.mirrors.of<ResourceClaim>(refs.resourceClaims, {
    indexes: { madeForPod: (claim) => [owningPod(claim)?.uid ?? ''].filter(Boolean) },
  });
  const templates = ctx.mirrors.of<ResourceClaimTemplate>(refs.resourceClaimTemplates);

  const viewOfPod = (key: string): PodView | undefined => {
    const pod = pods.get(key);
    if (!pod) return undefined;
    const at = (n: string): string => `${pod.metadata.namespace}/${n}`;
    const found = <T>(names: string[], get: (key: string) => T | undefined): Map<string, T> =>
      new Map(
        names.flatMap((n) => {
          const object = get(at(n));
          return object === undefined ? [] : [[n, object] as const];
        }),
      );
    return {
      what: 'pod',
      pod,
      claims: found(claimNamesOf(pod), (k) => claims.get(k)),
      ownedClaims: [...claims.byIndex('madeForPod', pod.metadata.uid!)],
      templates: found(templateNamesOf(pod), (k) => templates.get(k)),
    };
  };

  const viewOfClaim = async (key: string, read: Reading): Promise<ClaimView | undefined> => {
    const claim = claims.get(key);
    if (!claim) return undefined;
    const lives = async (reference: ResourceClaimConsumerReference): Promise<boolean> => {
      // Who else may hold a reservation, we do not know: it is left alone.
      if (reference.apiGroup || reference.resource !== 'pods') return true;
      const target = { namespace: claim.metadata.namespace, name: reference.name };
      const seen = pods.get(`${target.namespace}/${target.name}`);
      if (seen) return seen.metadata.uid === reference.uid && !isDone(seen);
      // A mirror that is as new as the claim would hold the pod. Else the server must be asked:
      // the scheduler may be placing the pod just now.
      if (Number(pods.resourceVersion) >= Number(claim.metadata.resourceVersion)) return false;
      const fresh = await read.client.get<Pod>(refs.pods, target).catch((error: unknown) => {
        if (isApiError(error, 'NotFound')) return undefined;
        throw error;
      });
      return fresh?.metadata.uid === reference.uid;
    };
    const consumers = [];
    for (const reference of claim.status?.reservedFor ?? [])
      consumers.push({ reference, lives: await lives(reference) });
    const owner = owningPod(claim);
    const ownerNow = owner && pods.get(`${claim.metadata.namespace}/${owner.name}`);
    return { what: 'claim', claim, consumers, ownerNow };
  };

  return startPlanned<View>(
    ctx,
    {
      name,
      title: 'resource-claim',
      component: 'resource_claim',
      mirrors: [
        { ref: refs.pods, mirror: pods },
        { ref: refs.resourceClaims, mirror: claims },
        { ref: refs.resourceClaimTemplates, mirror: templates },
      ],
      view: (key, read) =>
        key.startsWith(ofPod)
          ? viewOfPod(key.slice(ofPod.length))
          : viewOfClaim(key.slice(ofClaim.length), read),
      plan,
      conclude,
    },
    (queue) => {
      const addPod = (pod: Pod): void => queue.add(`${ofPod}${keyOf(pod)}`);
      pods.onChange(({ type, object: pod, old }) => {
        if (!usesClaims(pod)) return;
        if (type === 'DELETED' || isDone(pod))
          for (const n of new Set([...claimNamesOf(pod), ...(old ? claimNamesOf(old) : [])]))
            queue.add(`${ofClaim}${pod.metadata.namespace}/${n}`);
        if (type !== 'DELETED' && !pod.metadata.deletionTimestamp) addPod(pod);
      });
      claims.onChange(({ type, key, object }) => {
        if (type !== 'DELETED') queue.add(`${ofClaim}${key}`);
        for (const pod of pods.byIndex('resourceClaim', key)) addPod(pod);
        const owner = owningPod(object);
        const pod = owner && pods.get(`${object.metadata.namespace}/${owner.name}`);
        if (pod && type === 'DELETED') addPod(pod);
      });
      templates.onChange(({ type, key }) => {
        if (type === 'DELETED') return;
        for (const pod of pods.byIndex('resourceClaimTemplate', key)) addPod(pod);
      });
    },
  );
}
