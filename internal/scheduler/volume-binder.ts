import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../api/generated/types/core-v1.ts';
import { matchesNodeSelector } from '../api/scheduling/node-affinity.ts';
import type { Client, Mirror } from '../client/client.ts';
import { refs } from '../client/refs.ts';
import type { Clock } from '../io/clock.ts';
import { claimsOf, isBound, volumeFor } from './filters/claims.ts';
import { namespaceOf } from './plugin.ts';

export interface VolumeBinderOptions {
  client: Client;
  claims: Mirror<PersistentVolumeClaim>;
  volumes: Mirror<PersistentVolume>;
  clock: Clock;
}

const selectedNode = 'volume.kubernetes.io/selected-node';
/** kube-scheduler's bindTimeoutSeconds of VolumeBinding. */
const bindTimeoutMs = 600_000;

/**
 * kube-scheduler's BindPodVolumes: a pod gets its node only when its claims have their volumes
 * there.
 */
export class VolumeBinder {
  readonly #o: VolumeBinderOptions;
  /**
   * Claims whose node we have seen in the mirror: only then its absence means that it was taken
   * out.
   */
  readonly #asked = new Set<string>();

  constructor(options: VolumeBinderOptions) {
    this.#o = options;
  }

  /**
   * Asks for the volumes of a pod on a node and resolves when all stand. Throws when one cannot
   * come, or when `signal` aborts.
   */
  async bind(pod: Pod, node: Node, signal: AbortSignal): Promise<void> {
    const waiting = this.#claims(pod).filter((claim) => !isBound(claim));
    if (waiting.length === 0) return;
    const taken = new Set<string>();
    const provisioned: string[] = [];
    for (const claim of waiting) {
      const volume = volumeFor(claim, node, this.#o.volumes.list(), taken);
      if (!volume) {
        provisioned.push(claim.metadata.name ?? '');
        await this.#ask(claim, node);
      } else if (!volume.spec.claimRef?.uid) await this.#promise(volume, claim);
      taken.add(volume?.metadata.name ?? '');
    }
    await this.#standing(pod, { node, provisioned, signal });
  }

  #claims(pod: Pod): PersistentVolumeClaim[] {
    return claimsOf(pod).flatMap(
      ({ name }) => this.#o.claims.get(`${namespaceOf(pod)}/${name}`) ?? [],
    );
  }

  /** The provisioner reads the node in the claim. */
  async #ask(claim: PersistentVolumeClaim, node: Node): Promise<void> {
    const { name = '', namespace = '', annotations, resourceVersion } = claim.metadata;
    if (annotations?.[selectedNode] === node.metadata.name) return;
    const body = {
      metadata: { resourceVersion, annotations: { [selectedNode]: node.metadata.name } },
    };
    await this.#o.client.patch(
      refs.persistentVolumeClaims,
      { namespace, name },
      { type: 'merge', body },
    );
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
    await this.#o.client.patch(refs.persistentVolumes, { name }, { type: 'merge', body });
  }

  #standing(
    pod: Pod,
    how: { node: Node; provisioned: string[]; signal: AbortSignal },
  ): Promise<void> {
    const { claims, volumes, clock } = this.#o;
    const stops: (() => void)[] = [];
    const done = new Promise<void>((resolve, reject) => {
      const look = (): void => {
        try {
          if (this.#stand(pod, how)) resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      const end = (why: string) => (): void => reject(new Error(why));
      const timer = clock.after(
        'scheduler.volumes',
        bindTimeoutMs,
        end('binding volumes: timed out waiting for the condition'),
      );
      const gone = end('the pod is gone');
      how.signal.addEventListener('abort', gone, { once: true });
      stops.push(
        claims.onChange(look),
        volumes.onChange(look),
        () => timer.cancel(),
        () => how.signal.removeEventListener('abort', gone),
      );
      if (how.signal.aborted) gone();
      look();
    });
    return done.finally(() => stops.forEach((stop) => stop()));
  }

  /**
   * Whether all claims have volumes that the node reaches. Throws when that will not come about on
   * this node.
   */
  #stand(pod: Pod, { node, provisioned }: { node: Node; provisioned: string[] }): boolean {
    let all = true;
    for (const { name } of claimsOf(pod)) {
      const claim = this.#o.claims.get(`${namespaceOf(pod)}/${name}`);
      if (!claim || claim.metadata.deletionTimestamp)
        throw new Error(`binding volumes: persistentvolumeclaim "${name}" not found`);
      const volume = claim.spec.volumeName ? this.#o.volumes.get(claim.spec.volumeName) : undefined;
      if (!volume) {
        all = false;
        // A provisioner that cannot do it here takes the node out of the claim: another node's
        // turn.
        const chosen = claim.metadata.annotations?.[selectedNode];
        if (
          provisioned.includes(name) &&
          this.#asked.has(claim.metadata.uid ?? '') &&
          chosen !== node.metadata.name
        )
          throw new Error(`binding volumes: selectedNode annotation reset for PVC "${name}"`);
        if (chosen === node.metadata.name) this.#asked.add(claim.metadata.uid ?? '');
        continue;
      }
      this.#asked.delete(claim.metadata.uid ?? '');
      const required = volume.spec.nodeAffinity?.required;
      if (required && !matchesNodeSelector(required, node))
        throw new Error(
          `binding volumes: pv "${volume.metadata.name}" node affinity doesn't match node ` +
            `"${node.metadata.name}"`,
        );
    }
    return all;
  }
}
