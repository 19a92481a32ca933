import type {
  ConfigMap,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/generated/types/core-v1.ts';
import type { StorageClass } from '../../api/generated/types/storage-v1.ts';
import { quantityOf } from '../../api/quantity.ts';
import { annotationOf, annotations, askedSize, sizeOfVolume } from '../../api/storage/claims.ts';
import { messageOf } from '../../base/errors.ts';
import { own } from '../../base/own.ts';
import { refs } from '../../client/refs.ts';
import { NodeRefused } from '../kit/ask-node.ts';
import type { Outcome } from '../kit/carry-out.ts';
import { nothing, say, type NodeRequest, type Plan, type Step, type Write } from '../kit/write.ts';
import {
  enforcedOf,
  folderFor,
  parsePathConfig,
  PathConfigError,
  placeOf,
  rootsOf,
} from './paths.ts';
import type { Place } from './paths.ts';
import {
  finalizer,
  nodeOf,
  pathOf,
  provisioner,
  unsupported,
  volumeNameFor,
  volumeOf,
} from './volume.ts';

interface Shared {
  /** The node that the claim was given, or that has the volume; undefined when it is not there. */
  node: Node | undefined;
  config: ConfigMap | undefined;
}

export interface ClaimView extends Shared {
  what: 'claim';
  claim: PersistentVolumeClaim;
  storageClass: StorageClass | undefined;
  /** The one it is bound to, or has been made for it. */
  volume: PersistentVolume | undefined;
}

export interface VolumeView extends Shared {
  what: 'volume';
  volume: PersistentVolume;
}

export type LocalPathView = ClaimView | VolumeView;

/** A refusal that becomes an event of the claim or volume. */
class Refused extends Error {
  /** Another node may be able to: the scheduler is asked for one. */
  readonly elsewhere: boolean;

  constructor(message: string, elsewhere = false) {
    super(message);
    this.elsewhere = elsewhere;
  }
}

/** Folders are made, grown and removed by their node; the objects follow when it has done it. */
export function planLocalPath(view: LocalPathView): Plan {
  try {
    if (view.what === 'volume') return { steps: removal(view) };
    return { steps: view.claim.spec.volumeName ? growth(view) : provisioning(view) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return refusal(view, error);
  }
}

/** Events about what a node refused or could not promise. */
export function concludeLocalPath(view: LocalPathView, outcome: Outcome, plan: Plan): Plan {
  const { failure } = outcome;
  if (failure === undefined)
    return { steps: view.what === 'claim' ? limits(view, outcome, plan) : [] };
  if (view.what === 'volume') return { steps: [told(view, messageOf(failure))] };
  if (!(failure instanceof NodeRefused) || ![409, 422, 507].includes(failure.status))
    return nothing;
  const { steps } = refusal(view, new Refused(failure.message, failure.status === 507));
  return { steps };
}

export const isOurs = (volume: PersistentVolume): boolean =>
  annotationOf(volume, annotations.provisionedBy) === provisioner;
export const isReleased = ({ status }: PersistentVolume): boolean =>
  status?.phase === 'Released' || status?.phase === 'Failed';

function provisioning({ claim, storageClass, volume, node, config }: ClaimView): Step[] {
  if (annotationOf(claim, annotations.provisioner) !== provisioner) return [];
  if (storageClass?.provisioner !== provisioner) return [];
  if (volume) return []; // the binder's turn
  const why = unsupported(claim, storageClass);
  if (why !== undefined) throw new Refused(why);
  const name = annotationOf(claim, annotations.selectedNode);
  if (name === undefined) {
    // The scheduler's turn.
    if (storageClass.volumeBindingMode === 'WaitForFirstConsumer') return [];
    throw new Refused(
      'configuration error, no node was specified: the class needs the volumeBindingMode ' +
        'WaitForFirstConsumer',
    );
  }
  if (!node) throw new Refused(`node ${name} was not found`, true);
  const place = placeForClaim(claim, storageClass, rootsOn(name, config));
  const path = `${place.root}/${place.path}`;
  const hostname = own(node.metadata.labels, 'kubernetes.io/hostname') ?? name;
  const made = `Successfully provisioned volume ${volumeNameFor(claim)}`;
  return [
    request(name, 'POST', place, askedSize(claim).value()),
    {
      verb: 'create',
      ref: refs.persistentVolumes,
      object: volumeOf({ claim, storageClass, node: { name, hostname }, path }),
      forgives: ['AlreadyExists'],
    },
    say(claim, 'Normal', 'ProvisioningSucceeded', made),
  ];
}

/** The claim asks for more than the volume has. */
function growth({ claim, volume, config }: ClaimView): Step[] {
  if (!volume || !grows(claim, volume)) return [];
  const asked = askedSize(claim);
  const storage = asked.toString();
  const steps: Step[] = [];
  if (asked.cmp(sizeOfVolume(volume)) > 0) {
    const node = nodeOf(volume) ?? '';
    const capacity = { ...volume.spec.capacity, storage };
    steps.push(request(node, 'PUT', placeOfVolume(volume, node, config), asked.value()), {
      verb: 'update',
      ref: refs.persistentVolumes,
      object: { ...volume, spec: { ...volume.spec, capacity } },
    } as Write);
  }
  const status = { ...claim.status, capacity: { ...claim.status?.capacity, storage } };
  steps.push(
    {
      verb: 'update',
      ref: refs.persistentVolumeClaims,
      object: { ...claim, status } as PersistentVolumeClaim,
      subresource: 'status',
    },
    say(claim, 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded'),
  );
  return steps;
}

function removal({ volume, node, config }: VolumeView): Step[] {
  if (volume.spec.persistentVolumeReclaimPolicy !== 'Delete') return [];
  if (!isOurs(volume) || !isReleased(volume)) return [];
  const name = nodeOf(volume);
  if (name === undefined) throw new Refused('the volume does not say which node has it');
  const steps: Step[] = [];
  // A node that was taken out of the cluster took its disk along.
  if (node) steps.push(request(name, 'DELETE', placeOfVolume(volume, name, config)));
  const finalizers = (volume.metadata.finalizers ?? []).filter((f) => f !== finalizer);
  const metadata = { ...volume.metadata, finalizers };
  const ref = refs.persistentVolumes;
  if (finalizers.length !== (volume.metadata.finalizers ?? []).length)
    steps.push({ verb: 'update', ref, object: { ...volume, metadata } as PersistentVolume });
  steps.push({ verb: 'delete', ref, object: volume });
  return steps;
}

/** A bound claim that asks for more than it has, of a volume that we made. */
const grows = (claim: PersistentVolumeClaim, volume: PersistentVolume): boolean =>
  isOurs(volume) &&
  claim.status?.phase === 'Bound' &&
  claim.status.capacity?.['storage'] !== undefined &&
  volume.spec.claimRef?.uid === claim.metadata.uid &&
  askedSize(claim).cmp(quantityOf(claim.status.capacity['storage'])) > 0;

function told(view: LocalPathView, message: string): Step {
  if (view.what === 'volume') return say(view.volume, 'Warning', 'VolumeFailedDelete', message);
  const { claim } = view;
  const reason = claim.spec.volumeName ? 'VolumeResizeFailed' : 'ProvisioningFailed';
  return say(claim, 'Warning', reason, message);
}

function refusal(view: LocalPathView, { message, elsewhere }: Refused): Plan {
  const event = told(view, message);
  if (elsewhere && view.what === 'claim' && !view.claim.spec.volumeName)
    return { steps: [event, withoutNode(view.claim)] };
  // What is in the way may go: tried again after a back-off.
  return { steps: [event], failure: message };
}

/** The scheduler chooses again: with the node in the claim nobody would. */
function withoutNode(claim: PersistentVolumeClaim): Write {
  const { [annotations.selectedNode]: _node, ...others } = claim.metadata.annotations ?? {};
  const object = { ...claim, metadata: { ...claim.metadata, annotations: others } };
  return { verb: 'update', ref: refs.persistentVolumeClaims, object };
}

/** The event about a size that nothing enforces, after the node has said so. */
function limits({ claim }: ClaimView, outcome: Outcome, plan: Plan): Step[] {
  const made = plan.steps.find(
    (s): s is NodeRequest => 'verb' in s && s.verb === 'ask node' && s.method === 'POST',
  );
  const answer = made && outcome.answerTo(made);
  if (!answer) return [];
  const { enforced, why } = enforcedOf(answer);
  if (enforced) return [];
  const message = `Nothing keeps the volume to its ${askedSize(claim).toString()}: ${why}`;
  return [say(claim, 'Normal', 'SizeNotEnforced', message)];
}

function request(
  node: string,
  method: NodeRequest['method'],
  { root, path }: Place,
  bytes?: bigint,
): NodeRequest {
  const query = new URLSearchParams({ root, path });
  if (bytes !== undefined) query.set('bytes', String(bytes));
  return { verb: 'ask node', node, method, path: `/localvolumes?${query.toString()}` };
}

function rootsOn(node: string, config: ConfigMap | undefined): readonly string[] {
  try {
    const found = rootsOf(parsePathConfig(own(config?.data, 'config.json')), node);
    if (found.length > 0) return found;
  } catch (error) {
    if (!(error instanceof PathConfigError)) throw error;
    throw new Refused(`ConfigMap kube-system/local-path-config: ${error.message}`);
  }
  throw new Refused(`local-path-config has no path for node ${node}`, true);
}

function placeForClaim(
  claim: PersistentVolumeClaim,
  { parameters }: StorageClass,
  allowed: readonly string[],
): Place {
  const wanted = own(parameters, 'nodePath');
  const root = wanted === undefined ? allowed[0] : allowed.find((one) => one === wanted);
  if (root === undefined) throw new Refused(`the node has no path ${wanted}`, true);
  const { namespace = '', name = '', annotations: notes = {} } = claim.metadata;
  const of = { volume: volumeNameFor(claim), namespace, claim: name, annotations: notes };
  try {
    return { root, path: folderFor(of, own(parameters, 'pathPattern')) };
  } catch (error) {
    if (error instanceof PathConfigError) throw new Refused(error.message);
    throw error;
  }
}

function placeOfVolume(
  volume: PersistentVolume,
  node: string,
  config: ConfigMap | undefined,
): Place {
  const path = pathOf(volume) ?? '';
  const place = placeOf(path, rootsOn(node, config));
  if (!place) throw new Refused(`${path} lies in no path of local-path-config for node ${node}`);
  return place;
}
