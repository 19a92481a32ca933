import type { ControllerRevision } from '../api/generated/types/apps-v1.ts';
import type { PodTemplateSpec } from '../api/generated/types/core-v1.ts';
import type { ObjectMeta } from '../api/generated/types/meta-v1.ts';
import type { ResourceRef } from '../api/object.ts';
import { selectorFromObject } from '../api/selectors.ts';
import type { LabelSelector as LabelSelectorObject } from '../api/generated/types/meta-v1.ts';
import type { Client, Mirror } from '../client/client.ts';
import { refs } from '../client/refs.ts';
import { msOf } from '../api/times.ts';
import type { LastWrite } from './last-write.ts';
import { claim, controllerOf, controllerRef, isApiError, orphansIn } from './owners.ts';
import { same } from './same.ts';
import { templateHash } from './template-hash.ts';

type Owner = {
  metadata: ObjectMeta;
  spec: { selector?: LabelSelectorObject; template: PodTemplateSpec };
};

/**
 * Old templates of a StatefulSet or DaemonSet, kept as ControllerRevisions (k/k
 * pkg/controller/history).
 */
export class History {
  readonly #o: {
    client: Client;
    ref: ResourceRef;
    hashLabel: string;
    revisions: Mirror<ControllerRevision>;
    written: LastWrite;
  };

  constructor(options: {
    client: Client;
    ref: ResourceRef;
    hashLabel: string;
    revisions: Mirror<ControllerRevision>;
    written: LastWrite;
  }) {
    this.#o = options;
  }

  /** The owner's revisions, oldest first; orphans that match are adopted. */
  async list(owner: Owner): Promise<ControllerRevision[]> {
    const { client, ref, revisions } = this.#o;
    const candidates = [
      ...revisions.byIndex('controller', owner.metadata.uid!),
      ...revisions.byIndex('controller', orphansIn(owner.metadata.namespace)),
    ];
    const selector = selectorFromObject(owner.spec.selector);
    const claimed = await claim({
      client,
      owner,
      ownerRef: ref,
      ref: refs.controllerRevisions,
      selector,
      candidates,
    });
    return claimed.sort(byRevision);
  }

  /**
   * The revision of the present template, made or moved to the top when needed. `collided` tells
   * that a stranger has the name: the owner's collision count must go up.
   */
  async current(
    owner: Owner,
    key: string,
    list: ControllerRevision[],
    collisionCount: number,
  ): Promise<{ revision: ControllerRevision; list: ControllerRevision[]; collisionCount: number }> {
    const data = revisionData(owner.spec.template);
    const equal = list.filter((r) => same(r.data, data));
    const next = (list.at(-1)?.revision ?? 0) + 1;
    const found = equal.at(-1);
    if (found && found === list.at(-1)) return { revision: found, list, collisionCount };
    if (found) {
      const moved = await this.#o.client.update<ControllerRevision>(refs.controllerRevisions, {
        ...found,
        revision: next,
      });
      this.#o.written.note(key, moved);
      return { revision: moved, list: [...list.filter((r) => r !== found), moved], collisionCount };
    }
    const made = await this.#create(owner, data, next, collisionCount);
    this.#o.written.note(key, made.revision);
    return {
      revision: made.revision,
      list: [...list, made.revision],
      collisionCount: made.collisionCount,
    };
  }

  async #create(
    owner: Owner,
    data: object,
    revision: number,
    collisions: number,
  ): Promise<{ revision: ControllerRevision; collisionCount: number }> {
    const { client, ref, hashLabel } = this.#o;
    for (let collisionCount = collisions; ; collisionCount += 1) {
      const hash = templateHash(data, collisionCount);
      const labels = { ...owner.spec.template.metadata?.labels, [hashLabel]: hash };
      const { namespace, annotations } = owner.metadata;
      const name = `${owner.metadata.name!.slice(0, 223)}-${hash}`;
      const metadata = {
        name,
        namespace,
        labels,
        ...(annotations ? { annotations } : {}),
        ownerReferences: [controllerRef(ref, owner)],
      };
      try {
        return {
          revision: await client.create<ControllerRevision>(refs.controllerRevisions, {
            metadata,
            data,
            revision,
          }),
          collisionCount,
        };
      } catch (error) {
        if (!isApiError(error, 'AlreadyExists')) throw error;
        const present = await client.get<ControllerRevision>(refs.controllerRevisions, {
          namespace,
          name,
        });
        if (controllerOf(present)?.uid === owner.metadata.uid && same(present.data, data))
          return { revision: present, collisionCount };
      }
    }
  }

  /** Deletes the oldest revisions that are not in use, beyond `limit`. */
  async truncate(list: ControllerRevision[], live: Set<string>, limit: number): Promise<void> {
    const unused = list.filter((r) => !live.has(r.metadata.name!));
    for (const r of unused.slice(0, Math.max(0, unused.length - limit))) {
      await this.#o.client
        .delete(refs.controllerRevisions, {
          namespace: r.metadata.namespace,
          name: r.metadata.name!,
        })
        .catch((error: unknown) => {
          if (!isApiError(error, 'NotFound')) throw error;
        });
    }
  }
}

function byRevision(a: ControllerRevision, b: ControllerRevision): number {
  return (
    a.revision - b.revision ||
    msOf(a.metadata.creationTimestamp) - msOf(b.metadata.creationTimestamp) ||
    (a.metadata.name! < b.metadata.name! ? -1 : 1)
  );
}

/**
 * The form kubectl rollout undo expects: a strategic merge patch that replaces the template. The
 * keys are sorted, because Go's tools compare the text with one that they encode from maps.
 */
export function revisionData(template: PodTemplateSpec): object {
  return sorted({ spec: { template: { ...template, $patch: 'replace' } } }) as object;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const { $patch: _patch, ...template } = (
    revision.data as { spec: { template: PodTemplateSpec & { $patch?: string } } }
  ).spec.template;
  return template as PodTemplateSpec;
}
