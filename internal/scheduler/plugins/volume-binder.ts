import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/generated/types/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { matchesNodeSelector } from '../../api/scheduling/node-affinity.ts';
import { own } from '../../base/own.ts';
import { refs } from '../../client/refs.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import type { Handle } from '../framework/handle.ts';
import { isBound } from './volume-matching.ts';

export const selectedNode = 'volume.kubernetes.io/selected-node';

/** What a pod's unbound claims come to on one node. */
export interface PodVolumes {
  bindings: { claim: PersistentVolumeClaim; volume: PersistentVolume }[];
  /** Claims whose volumes are to be made for the node. */
  provisions: PersistentVolumeClaim[];
}

interface Waiting extends PodVolumes {
  nodeName: string;
  signal: AbortSignal;
}

/** kube-scheduler's volumeBinder: promises volumes to claims, and waits until they stand. */
export class VolumeBinder {
  readonly #h: Handle;
  readonly #timeoutMs: number;
  /** Volume -> the claim (`namespace/name`) it is promised to before the API server says so. */
  readonly #volumes: Map<string, string>;
  /** Claim -> the node that was chosen for it. */
  readonly #claims: Map<string, string>;
  readonly #ofPod = new Map<string, { volumes: string[]; claims: string[] }>();

  constructor(handle: Handle, timeoutMs: number) {
    this.#h = handle;
    this.#timeoutMs = timeoutMs;
    this.#volumes = handle.promised.volumes;
    this.#claims = handle.promised.claims;
  }

  /** Whether a volume is promised to another claim. */
  isTaken(volume: string, claim: PersistentVolumeClaim): boolean {
    const holder = this.#volumes.get(volume);
    return holder !== undefined && holder !== keyOf(claim);
  }

  /** The node that another pod of the same claim is being bound to. */
  selectedNode(claim: PersistentVolumeClaim): string | undefined {
    return this.#claims.get(keyOf(claim));
  }

  /** Keeps the volumes for the pod, so that the next pod does not choose them. */
  assume(pod: PodInfo, { bindings, provisions }: PodVolumes, nodeName: string): void {
    const kept = { volumes: [] as string[], claims: [] as string[] };
    for (const { claim, volume } of bindings) {
      const name = volume.metadata.name ?? '';
      this.#volumes.set(name, keyOf(claim));
      kept.volumes.push(name);
    }
    for (const claim of provisions) {
      this.#claims.set(keyOf(claim), nodeName);
      kept.claims.push(keyOf(claim));
    }
    this.#ofPod.set(pod.uid, kept);
  }

  forget(pod: PodInfo): void {
    const kept = this.#ofPod.get(pod.uid);
    if (!kept) return;
    this.#ofPod.delete(pod.uid);
    for (const name of kept.volumes) this.#volumes.delete(name);
    for (const key of kept.claims) this.#claims.delete(key);
  }

  /**
   * Asks for the volumes of a pod on a node and resolves when all stand. Throws when one cannot
   * come, or when the signal aborts.
   */
  async bind(pod: PodInfo, waiting: Waiting): Promise<void> {
    for (const { claim, volume } of waiting.bindings)
      if (!volume.spec.claimRef?.uid) await this.#promise(volume, claim);
    const since = new Map<string, string>();
    for (const claim of waiting.provisions)
      since.set(keyOf(claim), await this.#ask(claim, waiting.nodeName));
    await this.#standing(pod, waiting, since);
  }

  /** The provisioner reads the node in the claim. Returns the claim's version afterwards. */
  async #ask(claim: PersistentVolumeClaim, nodeName: string): Promise<string> {
    const { name = '', namespace = '', resourceVersion } = claim.metadata;
    if (own(claim.metadata.annotations, selectedNode) === nodeName) return resourceVersion ?? '';
    const body = { metadata: { resourceVersion, annotations: { [selectedNode]: nodeName } } };
    const written = await this.#h.client.patch<PersistentVolumeClaim>(
      refs.persistentVolumeClaims,
      { namespace, name },
      { type: 'merge', body },
    );
    return written.metadata.resourceVersion ?? '';
  }

  /** The volume names the claim; the volume controller does the rest. */
  async #promise(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
    const { name = '', resourceVersion } = volume.metadata;
    const { namespace, name: claimName, uid, resourceVersion: version } = claim.metadata;
    const claimRef = {
      kind: 'PersistentVolumeClaim',
      apiVersion: 'v1',
      namespace,
      name: claimName,
      uid,
      resourceVersion: version,
    };
    const body = {
      metadata: { resourceVersion, annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes' } },
      spec: { claimRef },
    };
    await this.#h.client.patch(refs.persistentVolumes, { name }, { type: 'merge', body });
  }

  #standing(pod: PodInfo, waiting: Waiting, since: Map<string, string>): Promise<void> {
    const { listers, clock } = this.#h;
    const stops: (() => void)[] = [];
    /** Claims whose node the mirror has shown: only then its absence means it was taken out. */
    const seen = new Set<string>();
    const done = new Promise<void>((resolve, reject) => {
      const look = (): void => {
        try {
          if (this.#stand(pod, waiting, { since, seen })) resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      const end = (why: string) => (): void => reject(new Error(why));
      const timer = clock.after(
        'scheduler.volumes',
        this.#timeoutMs,
        end('binding volumes: timed out waiting for the condition'),
      );
      const gone = (): void => {
        const { reason } = waiting.signal;
        reject(reason instanceof Error ? reason : new Error('binding volumes: context canceled'));
      };
      waiting.signal.addEventListener('abort', gone, { once: true });
      stops.push(
        listers.claims.onChange(look),
        listers.volumes.onChange(look),
        () => timer.cancel(),
        () => waiting.signal.removeEventListener('abort', gone),
      );
      if (waiting.signal.aborted) gone();
      look();
    });
    return done.finally(() => stops.forEach((stop) => stop()));
  }

  /** Whether all claims are bound to volumes that the node reaches. Throws when that cannot be. */
  #stand(
    pod: PodInfo,
    { nodeName, provisions }: Waiting,
    { since, seen }: { since: Map<string, string>; seen: Set<string> },
  ): boolean {
    const { listers, cache } = this.#h;
    const node = cache.node(nodeName)?.node;
    if (!node) throw new Error(`binding volumes: failed to get node "${nodeName}"`);
    const provisioned = new Set(provisions.map((c) => keyOf(c)));
    let all = true;
    for (const { name } of pod.claims) {
      const key = `${pod.namespace}/${name}`;
      const claim = listers.claims.get(key);
      if (!claim || claim.metadata.deletionTimestamp)
        throw new Error(`binding volumes: persistentvolumeclaim "${name}" not found`);
      const volume = claim.spec.volumeName ? listers.volumes.get(claim.spec.volumeName) : undefined;
      if (volume) checkReach(volume, node);
      else if (provisioned.has(key)) {
        const chosen = own(claim.metadata.annotations, selectedNode);
        if (chosen === nodeName || claim.metadata.resourceVersion === since.get(key)) seen.add(key);
        // A provisioner that cannot do it here takes the node out of the claim: another's turn.
        if (chosen !== nodeName && seen.has(key))
          throw new Error(`binding volumes: provisioning failed for PVC "${name}"`);
      }
      if (!volume || !isBound(claim)) all = false;
    }
    return all;
  }
}

function checkReach({ metadata, spec }: PersistentVolume, node: Node): void {
  const required = spec.nodeAffinity?.required;
  if (required && !matchesNodeSelector(required, node))
    throw new Error(
      `binding volumes: pv "${metadata.name}" node affinity doesn't match node ` +
        `"${node.metadata.name}"`,
    );
}
