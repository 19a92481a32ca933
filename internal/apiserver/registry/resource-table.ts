import type { ServedResource } from './resource.ts';

/**
 * All resources that are served now. CRDs come and go; a change bumps `generation`, by which
 * documents know they are stale.
 */
export class ResourceTable {
  readonly #byPath = new Map<string, ServedResource>();
  readonly #byKind = new Map<string, ServedResource>();
  readonly #listeners = new Set<() => void>();
  readonly #removals = new Map<ServedResource, Set<() => void>>();
  #generation = 1;
  #groups: { generation: number; names: Set<string> } = { generation: 0, names: new Set() };

  get generation(): number {
    return this.#generation;
  }

  add(resource: ServedResource): void {
    this.#byPath.set(pathKey(resource.group, resource.version, resource.resource), resource);
    this.#byKind.set(pathKey(resource.group, resource.version, resource.kind), resource);
    this.#changed();
  }

  remove(resource: ServedResource): void {
    this.#byPath.delete(pathKey(resource.group, resource.version, resource.resource));
    this.#byKind.delete(pathKey(resource.group, resource.version, resource.kind));
    const removals = this.#removals.get(resource);
    this.#removals.delete(resource);
    for (const removed of removals ?? []) removed();
    this.#changed();
  }

  /**
   * Calls `removed` once when this very resource is served no longer, or gives way to a changed
   * definition. Returns how to stop.
   */
  onRemove(resource: ServedResource, removed: () => void): () => void {
    let removals = this.#removals.get(resource);
    if (!removals) this.#removals.set(resource, (removals = new Set()));
    removals.add(removed);
    return () => {
      removals.delete(removed);
      if (removals.size === 0 && this.#removals.get(resource) === removals)
        this.#removals.delete(resource);
    };
  }

  touch(): void {
    this.#changed();
  }

  /** Calls `changed` after every change. Returns how to stop. */
  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => void this.#listeners.delete(changed);
  }

  find(group: string, version: string, resource: string): ServedResource | undefined {
    return this.#byPath.get(pathKey(group, version, resource));
  }

  ofKind(group: string, version: string, kind: string): ServedResource | undefined {
    return this.#byKind.get(pathKey(group, version, kind));
  }

  /** Some served version of a resource. */
  any(group: string, resource: string): ServedResource | undefined {
    for (const one of this.#byPath.values())
      if (one.group === group && one.resource === resource) return one;
    return undefined;
  }

  all(): Iterable<ServedResource> {
    return this.#byPath.values();
  }

  #changed(): void {
    this.#generation++;
    for (const changed of this.#listeners) changed();
  }

  servesGroup(group: string): boolean {
    if (this.#groups.generation !== this.#generation) {
      const names = new Set<string>();
      for (const one of this.#byPath.values()) names.add(one.group);
      this.#groups = { generation: this.#generation, names };
    }
    return this.#groups.names.has(group);
  }

  servesGroupVersion(group: string, version: string): boolean {
    for (const one of this.#byPath.values())
      if (one.group === group && one.version === version) return true;
    return false;
  }
}

const pathKey = (group: string, version: string, name: string): string =>
  `${group}/${version}/${name}`;
