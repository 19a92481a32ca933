import type { Pod, PodResourceClaim } from '../../api/generated/types/core-v1.ts';
import type {
  ResourceClaim,
  ResourceClaimConsumerReference,
  ResourceClaimTemplate,
} from '../../api/generated/types/resource-v1.ts';
import { own } from '../../base/own.ts';
import { refs } from '../../client/refs.ts';
import type { Outcome } from '../kit/carry-out.ts';
import { nothing, say, type Plan, type Step, type Write } from '../kit/write.ts';
import {
  claimFinalizer,
  claimOfPod,
  isDone,
  isForPod,
  isReservedFor,
  owningPod,
  podClaimAnnotation,
} from './names.ts';

const fieldManager = 'ResourceClaimController';
/** How many may use one claim at a time (resource/v1 ResourceClaimReservedForMaxSize). */
const mostConsumers = 256;
/** So that a hyphen and five random letters fit into a name of 63. */
const longestNameBase = 57;

export interface PodView {
  what: 'pod';
  pod: Pod;
  /** Claims of the pod's namespace by name, those that the pod speaks of. */
  claims: Map<string, ResourceClaim>;
  /** Claims that the pod is the controller of. */
  ownedClaims: ResourceClaim[];
  /** Templates by name, those that the pod speaks of. */
  templates: Map<string, ResourceClaimTemplate>;
}

/** A consumer of a claim, and whether it may still use it. */
export interface Consumer {
  reference: ResourceClaimConsumerReference;
  lives: boolean;
}

export interface ClaimView {
  what: 'claim';
  claim: ResourceClaim;
  consumers: Consumer[];
  /** The pod that holds the name of the one the claim was made for. */
  ownerNow: Pod | undefined;
}

export type View = PodView | ClaimView;

export function plan(v: View): Plan {
  return v.what === 'pod' ? planPod(v) : planClaim(v);
}

/** What needs the answers to the first writes: names that the server gave, new versions. */
export function conclude(v: View, outcome: Outcome): Plan {
  if (outcome.failure !== undefined || outcome.stopped) return nothing;
  return v.what === 'pod' ? concludePod(v, outcome) : concludeClaim(v, outcome);
}

/** What an entry of the pod's spec needs. */
type Need =
  | { is: 'nothing' }
  /** A claim made in an earlier pass that did not get to say so in the pod's status. */
  | { is: 'tell'; name: string }
  | { is: 'make'; template: ResourceClaimTemplate }
  | { is: 'fault'; message: string };

function needOf(v: PodView, entry: PodResourceClaim): Need {
  const behind = claimOfPod(v.pod, entry);
  if (behind.is === 'none' || behind.is === 'named') return { is: 'nothing' };
  const present = behind.is === 'generated' ? v.claims.get(behind.name) : undefined;
  if (present && isForPod(present, v.pod)) return { is: 'nothing' };
  if (entry.resourceClaimTemplateName === undefined) return { is: 'nothing' };
  const made = v.ownedClaims.find(
    (c) => own(c.metadata.annotations, podClaimAnnotation) === entry.name,
  );
  if (made) return { is: 'tell', name: made.metadata.name! };
  const template = v.templates.get(entry.resourceClaimTemplateName);
  return template
    ? { is: 'make', template }
    : {
        is: 'fault',
        message:
          `resource claim template ${JSON.stringify(entry.resourceClaimTemplateName)}: ` +
          `resourceclaimtemplate.resource.k8s.io ` +
          `${JSON.stringify(entry.resourceClaimTemplateName)} not found`,
      };
}

function planPod(v: PodView): Plan {
  const { pod } = v;
  // A claim made for a pod that has ended would be taken away and made again forever.
  if (pod.metadata.deletionTimestamp || isDone(pod)) return nothing;
  const steps: Step[] = [];
  for (const entry of pod.spec.resourceClaims ?? []) {
    const need = needOf(v, entry);
    if (need.is === 'fault') return { steps: [...steps, refused(pod, entry, need.message)] };
    if (need.is === 'make') steps.push(creation(pod, entry, need.template));
  }
  return { steps: [...steps, ...reservations(v)] };
}

function refused(pod: Pod, entry: PodResourceClaim, message: string): Step {
  const text = `PodResourceClaim ${entry.name}: ${message}`;
  return say(pod, 'Warning', 'FailedResourceClaimCreation', text);
}

function creation(pod: Pod, entry: PodResourceClaim, template: ResourceClaimTemplate): Write {
  const { labels, annotations } = template.spec.metadata ?? {};
  const owner = {
    apiVersion: 'v1',
    kind: 'Pod',
    name: pod.metadata.name!,
    uid: pod.metadata.uid!,
    controller: true,
  };
  return {
    verb: 'create',
    ref: refs.resourceClaims,
    object: {
      metadata: {
        generateName: generateName(pod.metadata.name!, entry.name),
        namespace: pod.metadata.namespace,
        ownerReferences: [owner],
        annotations: { ...annotations, [podClaimAnnotation]: entry.name },
        ...(labels ? { labels } : {}),
      },
      spec: template.spec.spec,
    },
    failed: (error) =>
      say(
        pod,
        'Warning',
        'FailedResourceClaimCreation',
        `PodResourceClaim ${entry.name}: create ResourceClaim : ${error}`,
      ),
  };
}

/** Pod and entry are shortened alike, so that something of both is left. */
function generateName(pod: string, entry: string): string {
  const whole = `${pod}-${entry}-`;
  if (whole.length <= longestNameBase) return whole;
  const part = (text: string): string =>
    text.slice(0, Math.floor((text.length * longestNameBase) / whole.length));
  return `${part(pod)}-${part(entry)}`;
}

/** A pod that was bound without the scheduler's help has its allocated claims reserved here. */
function reservations({ pod, claims }: PodView): Write[] {
  if (!pod.spec.nodeName) return [];
  const writes: Write[] = [];
  for (const entry of pod.spec.resourceClaims ?? []) {
    const behind = claimOfPod(pod, entry);
    const claim = 'name' in behind ? claims.get(behind.name) : undefined;
    if (!claim || (behind.is === 'generated' && !isForPod(claim, pod))) continue;
    const reservedFor = claim.status?.reservedFor ?? [];
    if (!claim.status?.allocation || isReservedFor(claim, pod)) continue;
    if (reservedFor.length >= mostConsumers) continue;
    if (writes.some((w) => 'object' in w && w.object === claim)) continue;
    const consumer = { resource: 'pods', name: pod.metadata.name!, uid: pod.metadata.uid! };
    writes.push(statusOf(claim, { ...claim.status, reservedFor: [...reservedFor, consumer] }));
  }
  return writes;
}

/** Tells in the pod's status which claims were made for it; all are named: they are one list. */
function concludePod(v: PodView, outcome: Outcome): Plan {
  const { pod } = v;
  if (pod.metadata.deletionTimestamp || isDone(pod)) return nothing;
  const fresh = new Map<string, string>();
  for (const entry of pod.spec.resourceClaims ?? []) {
    const need = needOf(v, entry);
    if (need.is === 'tell') fresh.set(entry.name, need.name);
  }
  for (const claim of outcome.created())
    fresh.set(own(claim.metadata.annotations, podClaimAnnotation) ?? '', claim.metadata.name!);
  if (fresh.size === 0) return nothing;
  const before = (pod.status?.resourceClaimStatuses ?? []).filter((s) => !fresh.has(s.name));
  const resourceClaimStatuses = [
    ...before,
    ...[...fresh].map(([name, resourceClaimName]) => ({ name, resourceClaimName })),
  ];
  const { namespace, name, uid } = pod.metadata;
  const body = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, uid },
    status: { resourceClaimStatuses },
  };
  return {
    steps: [
      {
        verb: 'patch',
        ref: refs.pods,
        object: pod,
        subresource: 'status',
        patch: { type: 'apply', body },
        options: { fieldManager, force: true },
      },
    ],
  };
}

function statusOf(claim: ResourceClaim, status: ResourceClaim['status']): Write {
  const object = { ...claim, status };
  return { verb: 'update', ref: refs.resourceClaims, object, subresource: 'status' };
}

const hasFinalizer = (claim: ResourceClaim): boolean =>
  claim.metadata.finalizers?.includes(claimFinalizer) ?? false;

/** What remains of a claim's consumers, and whether it goes on being allocated. */
function claimAfter({ claim, consumers }: ClaimView): {
  status: ResourceClaim['status'];
  changed: boolean;
  release: boolean;
} {
  const remaining = consumers.filter((c) => c.lives).map((c) => c.reference);
  const shrunk = remaining.length < consumers.length;
  const unused = remaining.length === 0;
  const { allocation, reservedFor: _before, ...rest } = claim.status ?? {};
  // Only the end of use takes the devices back: a driver may allocate before anybody uses a claim.
  const ends =
    unused && hasFinalizer(claim) && (shrunk || Boolean(claim.metadata.deletionTimestamp));
  const keeps = ends ? undefined : allocation;
  return {
    status: {
      ...rest,
      ...(keeps ? { allocation: keeps } : {}),
      ...(unused ? {} : { reservedFor: remaining }),
    },
    changed: shrunk || (allocation !== undefined && keeps === undefined),
    release:
      hasFinalizer(claim) &&
      keeps === undefined &&
      (shrunk || (unused && Boolean(claim.metadata.deletionTimestamp))),
  };
}

function planClaim(v: ClaimView): Plan {
  const after = claimAfter(v);
  return { steps: after.changed ? [statusOf(v.claim, after.status)] : [] };
}

function concludeClaim(v: ClaimView, outcome: Outcome): Plan {
  const after = claimAfter(v);
  const latest = (outcome.updated()[0] as ResourceClaim | undefined) ?? v.claim;
  const steps: Step[] = [];
  if (after.release && hasFinalizer(latest)) {
    const finalizers = latest.metadata.finalizers!.filter((f) => f !== claimFinalizer);
    const metadata = { ...latest.metadata, finalizers };
    steps.push({ verb: 'update', ref: refs.resourceClaims, object: { ...latest, metadata } });
  }
  const owner = owningPod(v.claim);
  const { ownerNow } = v;
  const unused = v.consumers.every((c) => !c.lives);
  // A pod that is not known is left to the garbage collector: it may only not have been seen yet.
  if (unused && owner && ownerNow && (ownerNow.metadata.uid !== owner.uid || isDone(ownerNow)))
    steps.push({
      verb: 'delete',
      ref: refs.resourceClaims,
      object: v.claim,
      options: { preconditions: { uid: v.claim.metadata.uid } },
    });
  return { steps };
}
