import type {
  ConfigMap,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/generated/types/core-v1.ts';
import type { StorageClass } from '../../api/generated/types/storage-v1.ts';
import { keyOf } from '../../api/object.ts';
import { quantityOf } from '../../api/quantity.ts';
import {
  annotationOf,
  annotations,
  askedSize,
  classOfClaim,
  sizeOfVolume,
} from '../../api/storage/claims.ts';
import { own } from '../../base/own.ts';
import { eventRecorder } from '../../client/events.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext, NodeCall } from '../context.ts';
import { isApiError } from '../owners.ts';
import { startLoop } from '../run.ts';
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

export const account = 'local-path-provisioner-service-account';
const configKey = { namespace: 'kube-system', name: 'local-path-config' };
/** Keys of the one queue. */
const ofClaim = 'claim:';
const ofVolume = 'volume:';

const isOurs = (volume: PersistentVolume): boolean =>
  annotationOf(volume, annotations.provisionedBy) === provisioner;
const isReleased = ({ status }: PersistentVolume): boolean =>
  status?.phase === 'Released' || status?.phase === 'Failed';

/** A refusal that the claim or volume is told of. */
class Refused extends Error {
  /** Another node may be able to: the scheduler is asked for one. */
  readonly elsewhere: boolean;

  constructor(message: string, elsewhere = false) {
    super(message);
    this.elsewhere = elsewhere;
  }
}

/**
 * The local-path provisioner, without pods: a claim's folder is made on the node that the scheduler
 * chose, and removed there when the claim is gone. The node does both when it is asked
 * (`NodeCall`); one that is away is asked again until it is back.
 */
export function startLocalPath(ctx: ControllerContext, call: NodeCall): Controller {
  const client = ctx.clientFor(account);
  const claims = ctx.mirrors.of<PersistentVolumeClaim>(refs.persistentVolumeClaims);
  const volumes = ctx.mirrors.of<PersistentVolume>(refs.persistentVolumes);
  const classes = ctx.mirrors.of<StorageClass>(refs.storageClasses);
  const nodes = ctx.mirrors.of<Node>(refs.nodes);
  const configs = ctx.mirrors.of<ConfigMap>(refs.configMaps, {
    namespace: configKey.namespace,
    fieldSelector: `metadata.name=${configKey.name}`,
  });
  const events = eventRecorder({ client, clock: ctx.clock, log: ctx.log, component: provisioner });

  const roots = (node: string): readonly string[] => {
    const config = configs.get(`${configKey.namespace}/${configKey.name}`);
    try {
      const found = rootsOf(parsePathConfig(own(config?.data, 'config.json')), node);
      if (found.length > 0) return found;
    } catch (error) {
      if (!(error instanceof PathConfigError)) throw error;
      throw new Refused(`ConfigMap kube-system/local-path-config: ${error.message}`);
    }
    throw new Refused(`local-path-config has no path for node ${node}`, true);
  };

  /** Asks the node. A refusal is its own; one that cannot be asked is an error to try again. */
  const ask = async (
    node: string,
    method: 'POST' | 'PUT' | 'DELETE',
    { root, path }: Place,
    bytes?: bigint,
  ): Promise<Buffer> => {
    const query = new URLSearchParams({ root, path });
    if (bytes !== undefined) query.set('bytes', String(bytes));
    const { status, body } = await call(node, method, `/localvolumes?${query.toString()}`);
    if (status === 200) return body;
    const text = body.toString().trim().slice(0, 500);
    if (status === 409 || status === 422 || status === 507)
      throw new Refused(`node ${node}: ${text}`, status === 507);
    throw new Error(`node ${node} cannot be asked: ${status} ${text}`);
  };

  const sizeOf = (claim: PersistentVolumeClaim): string => askedSize(claim).toString();

  const provision = async (claim: PersistentVolumeClaim): Promise<void> => {
    const storageClass = classes.get(classOfClaim(claim));
    if (storageClass?.provisioner !== provisioner) return;
    const name = volumeNameFor(claim);
    if (volumes.get(name)) return; // the binder's turn
    const why = unsupported(claim, storageClass);
    if (why !== undefined) throw new Refused(why);
    const nodeName = annotationOf(claim, annotations.selectedNode);
    if (nodeName === undefined)
      throw new Refused(
        'configuration error, no node was specified: the class needs the volumeBindingMode ' +
          'WaitForFirstConsumer',
      );
    const node = nodes.get(nodeName);
    if (!node) throw new Refused(`node ${nodeName} is not there`, true);
    const place = chosenPlace(claim, storageClass, roots(nodeName));
    const body = await ask(nodeName, 'POST', place, askedSize(claim).value());
    const path = `${place.root}/${place.path}`;
    const hostname = own(node.metadata.labels, 'kubernetes.io/hostname') ?? nodeName;
    const volume = volumeOf({ claim, storageClass, node: { name: nodeName, hostname }, path });
    await client.create(refs.persistentVolumes, volume).catch((error: unknown) => {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    });
    events.normal(claim, 'ProvisioningSucceeded', `Successfully provisioned volume ${name}`);
    const { enforced, why: unlimited } = enforcedOf(body);
    if (!enforced)
      events.normal(
        claim,
        'SizeNotEnforced',
        `Nothing keeps the volume to its ${sizeOf(claim)}: ${unlimited}`,
      );
  };

  const chosenPlace = (
    claim: PersistentVolumeClaim,
    { parameters }: StorageClass,
    allowed: readonly string[],
  ): Place => {
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
  };

  /** The scheduler chooses again: with the node in the claim nobody would. */
  const reschedule = async (claim: PersistentVolumeClaim): Promise<void> => {
    const { [annotations.selectedNode]: _node, ...others } = claim.metadata.annotations ?? {};
    const metadata = { ...claim.metadata, annotations: others };
    await client.update(refs.persistentVolumeClaims, { ...claim, metadata });
  };

  const placeOfVolume = (volume: PersistentVolume, node: string): Place => {
    const path = pathOf(volume) ?? '';
    const place = placeOf(path, roots(node));
    if (!place) throw new Refused(`${path} lies in no path of local-path-config for node ${node}`);
    return place;
  };

  const remove = async (volume: PersistentVolume): Promise<void> => {
    const node = nodeOf(volume);
    if (node === undefined) throw new Refused('the volume does not say which node has it');
    // A node that was taken out of the cluster took its disk along.
    if (nodes.get(node)) await ask(node, 'DELETE', placeOfVolume(volume, node));
    const finalizers = (volume.metadata.finalizers ?? []).filter((f) => f !== finalizer);
    if (finalizers.length !== (volume.metadata.finalizers ?? []).length)
      await client.update(refs.persistentVolumes, {
        ...volume,
        metadata: { ...volume.metadata, finalizers },
      });
    await client
      .delete(refs.persistentVolumes, { name: volume.metadata.name ?? '' })
      .catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      });
  };

  /** The claim asks for more than the volume has. */
  const expand = async (claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> => {
    const asked = askedSize(claim);
    if (asked.cmp(sizeOfVolume(volume)) > 0) {
      const node = nodeOf(volume) ?? '';
      await ask(node, 'PUT', placeOfVolume(volume, node), asked.value());
      const spec = {
        ...volume.spec,
        capacity: { ...volume.spec.capacity, storage: sizeOf(claim) },
      };
      await client.update(refs.persistentVolumes, { ...volume, spec });
    }
    const capacity = { ...claim.status?.capacity, storage: sizeOf(claim) };
    await client.update(
      refs.persistentVolumeClaims,
      { ...claim, status: { ...claim.status, capacity } },
      { subresource: 'status' },
    );
    events.normal(claim, 'VolumeResizeSuccessful', 'Resize volume succeeded');
  };

  const ofOneClaim = async (key: string): Promise<void> => {
    const claim = claims.get(key);
    if (!claim || claim.metadata.deletionTimestamp) return;
    try {
      if (!claim.spec.volumeName) {
        if (annotationOf(claim, annotations.provisioner) === provisioner) await provision(claim);
        return;
      }
      const volume = volumes.get(claim.spec.volumeName);
      if (volume && grows(claim, volume)) await expand(claim, volume);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const reason = claim.spec.volumeName ? 'VolumeResizeFailed' : 'ProvisioningFailed';
      events.warning(claim, reason, error.message);
      if (error.elsewhere && !claim.spec.volumeName) await reschedule(claim);
      else throw error; // what is in the way may go: tried again after a back-off
    }
  };

  const ofOneVolume = async (key: string): Promise<void> => {
    const volume = volumes.get(key);
    const policy = volume?.spec.persistentVolumeReclaimPolicy;
    if (!volume || !isOurs(volume) || !isReleased(volume) || policy !== 'Delete') return;
    try {
      await remove(volume);
    } catch (error) {
      const { message } = error as Error;
      events.warning(volume, 'VolumeFailedDelete', message);
      throw error;
    }
  };

  return startLoop(
    ctx,
    {
      name: 'local-path',
      mirrors: [claims, volumes, classes, nodes, configs],
      reconcile: (key) =>
        key.startsWith(ofClaim)
          ? ofOneClaim(key.slice(ofClaim.length))
          : ofOneVolume(key.slice(ofVolume.length)),
    },
    (queue) => {
      const again = (): void => {
        for (const claim of claims.list())
          if (!claim.spec.volumeName) queue.add(`${ofClaim}${keyOf(claim)}`);
        for (const volume of volumes.list())
          if (isReleased(volume)) queue.add(`${ofVolume}${keyOf(volume)}`);
      };
      claims.onChange(({ type, key }) => type !== 'DELETED' && queue.add(`${ofClaim}${key}`));
      volumes.onChange(({ type, key, object }) => {
        if (type === 'DELETED' || !isOurs(object)) return;
        queue.add(`${ofVolume}${key}`);
        const ref = object.spec.claimRef;
        if (ref) queue.add(`${ofClaim}${ref.namespace}/${ref.name}`);
      });
      configs.onChange(again);
      classes.onChange(again);
      // A node that is back can be asked.
      nodes.onChange(({ object, old, type }) => {
        if (type === 'DELETED' || isReady(object) !== (old !== undefined && isReady(old))) again();
      });
    },
  );
}

const isReady = (node: Node): boolean =>
  (node.status?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True');

/** A bound claim that asks for more than it has, of a volume that we made. */
const grows = (claim: PersistentVolumeClaim, volume: PersistentVolume): boolean =>
  isOurs(volume) &&
  claim.status?.phase === 'Bound' &&
  claim.status.capacity?.['storage'] !== undefined &&
  volume.spec.claimRef?.uid === claim.metadata.uid &&
  askedSize(claim).cmp(quantityOf(claim.status.capacity['storage'])) > 0;
