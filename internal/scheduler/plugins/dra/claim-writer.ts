import type { AllocationResult, ResourceClaim } from '../../../api/generated/types/resource-v1.ts';
import { deepCopy } from '../../../api/object.ts';
import { ApiError } from '../../../api/status.ts';
import type { Client } from '../../../client/client.ts';
import { refs } from '../../../client/refs.ts';
import type { PodInfo } from '../../cache/pod-info.ts';
import { isReservedFor } from './pod-claims.ts';
import { keyOfClaim } from './requests.ts';

const finalizer = 'resource.kubernetes.io/delete-protection';
/** Others write to the claim too (its driver, its controller); a few tries are enough. */
const mostTries = 5;

type Edit = (claim: ResourceClaim) => ResourceClaim | undefined;

/** Writes what was decided about a ResourceClaim, reading it again when somebody was faster. */
export class ClaimWriter {
  readonly #client: Client;
  readonly #time: () => string;

  constructor(client: Client, time: () => string) {
    this.#client = client;
    this.#time = time;
  }

  /** Writes the allocation (if it has none yet) and that the pod uses it. */
  async bind(
    claim: ResourceClaim,
    pod: PodInfo,
    allocation: AllocationResult | undefined,
  ): Promise<ResourceClaim> {
    const protectedClaim = allocation ? await this.#protect(claim) : claim;
    return await this.#status(protectedClaim, (now) => {
      if (now.metadata.deletionTimestamp)
        throw new Error(`claim ${keyOfClaim(now)} got deleted in the meantime`);
      const { status = {} } = now;
      if (allocation && status.allocation)
        throw new Error(`claim ${keyOfClaim(now)} got allocated elsewhere in the meantime`);
      const given = allocation ?? status.allocation;
      if (!given)
        throw new Error(`claim ${keyOfClaim(now)} got deallocated elsewhere in the meantime`);
      const user = { resource: 'pods', name: pod.name, uid: pod.uid };
      const users = isReservedFor(now, pod.uid) ? [] : [user];
      return {
        ...now,
        status: {
          ...status,
          allocation: { ...given, allocationTimestamp: given.allocationTimestamp ?? this.#time() },
          reservedFor: [...(status.reservedFor ?? []), ...users],
        },
      };
    });
  }

  /** The pod does not use the claim after all. */
  async release(claim: ResourceClaim, pod: PodInfo): Promise<void> {
    await this.#status(claim, (now) =>
      isReservedFor(now, pod.uid)
        ? {
            ...now,
            status: {
              ...now.status,
              reservedFor: (now.status.reservedFor ?? []).filter((u) => u.uid !== pod.uid),
            },
          }
        : undefined,
    );
  }

  /** Gives the devices of a claim back that nobody but this pod uses. */
  async deallocate(claim: ResourceClaim, pod: PodInfo): Promise<void> {
    await this.#status(claim, (now) =>
      (now.status?.reservedFor ?? []).every((u) => u.uid === pod.uid)
        ? { ...now, status: {} }
        : undefined,
    );
  }

  async #protect(claim: ResourceClaim): Promise<ResourceClaim> {
    return await this.#retry(claim, async (now) => {
      const { finalizers = [] } = now.metadata;
      if (finalizers.includes(finalizer)) return now;
      const edited = deepCopy(now);
      edited.metadata.finalizers = [...finalizers, finalizer];
      return await this.#client.update<ResourceClaim>(refs.resourceClaims, edited);
    });
  }

  async #status(claim: ResourceClaim, edit: Edit): Promise<ResourceClaim> {
    return await this.#retry(claim, async (now) => {
      const edited = edit(now);
      return edited
        ? await this.#client.update<ResourceClaim>(refs.resourceClaims, edited, {
            subresource: 'status',
          })
        : now;
    });
  }

  async #retry(
    claim: ResourceClaim,
    write: (now: ResourceClaim) => Promise<ResourceClaim>,
  ): Promise<ResourceClaim> {
    let now = claim;
    for (let tries = 1; ; tries++) {
      try {
        return await write(now);
      } catch (error) {
        if (!(error instanceof ApiError && error.reason === 'Conflict') || tries >= mostTries)
          throw error;
        const { namespace = '', name = '' } = claim.metadata;
        now = await this.#client.get<ResourceClaim>(refs.resourceClaims, { namespace, name });
      }
    }
  }
}
