import { keyOf, type ResourceRef } from '../../api/object.ts';
import type { Mirror } from '../../client/client.ts';
import type { Written } from './write.ts';

interface Unseen {
  /** By resource: the newest resourceVersion written. */
  versions: Map<string, number>;
  /** By resource and key: the uid of what was deleted. */
  deleted: Map<string, { resource: string; key: string; uid: string | undefined }>;
}

const nameOf = (ref: ResourceRef): string => `${ref.group}/${ref.resource}`;

/**
 * The one guard against acting twice. It remembers what a controller wrote for a key; until the
 * mirrors show all of it, what they hold is older than the controller's own work, and acting on it
 * would do the work again. (Resource versions grow over all kinds.) Nothing here waits for a time:
 * a mirror that lost its watch starts over and catches up.
 */
export class OwnWrites {
  readonly #mirrors = new Map<string, Mirror<object>>();
  readonly #unseen = new Map<string, Unseen>();

  /** Writes of other resources are not waited for. */
  constructor(mirrors: { ref: ResourceRef; mirror: Mirror<object> }[]) {
    for (const { ref, mirror } of mirrors) this.#mirrors.set(nameOf(ref), mirror);
  }

  wrote(key: string, ref: ResourceRef, object: Written): void {
    const resource = nameOf(ref);
    const version = Number(object.metadata.resourceVersion);
    if (!this.#mirrors.has(resource) || !(version > 0)) return;
    const { versions } = this.#of(key);
    versions.set(resource, Math.max(version, versions.get(resource) ?? 0));
  }

  deleted(key: string, ref: ResourceRef, object: Written): void {
    const resource = nameOf(ref);
    if (!this.#mirrors.has(resource)) return;
    const at = keyOf(object);
    this.#of(key).deleted.set(`${resource} ${at}`, { resource, key: at, uid: object.metadata.uid });
  }

  /** Whether the mirrors show all that was written for `key`. */
  seen(key: string): boolean {
    const unseen = this.#unseen.get(key);
    if (!unseen) return true;
    for (const [resource, version] of unseen.versions)
      if (Number(this.#mirrors.get(resource)!.resourceVersion) < version) return false;
    for (const { resource, key: at, uid } of unseen.deleted.values()) {
      const present = this.#mirrors.get(resource)!.get(at) as Written | undefined;
      if (present?.metadata.uid === uid && present && !present.metadata.deletionTimestamp)
        return false;
    }
    this.#unseen.delete(key);
    return true;
  }

  forget(key: string): void {
    this.#unseen.delete(key);
  }

  #of(key: string): Unseen {
    let unseen = this.#unseen.get(key);
    if (!unseen) this.#unseen.set(key, (unseen = { versions: new Map(), deleted: new Map() }));
    return unseen;
  }
}
