import type { ConfigMap, Secret } from '../api/generated/types/core-v1.ts';
import type { Mirror } from './client.ts';

/** Follows Secrets or ConfigMaps that are named, one by one, and no others. */
export class NamedSecrets<T extends Secret | ConfigMap = Secret> {
  readonly #open: (namespace: string, name: string) => Mirror<T>;
  readonly #changed: () => void;
  readonly #mirrors = new Map<string, Mirror<T>>();

  constructor(open: (namespace: string, name: string) => Mirror<T>, changed: () => void) {
    this.#open = open;
    this.#changed = changed;
  }

  /** `namespace/name` of all that are to be followed. Returns what is waited for of new ones. */
  follow(wanted: ReadonlySet<string>): Promise<void>[] {
    const made: Promise<void>[] = [];
    for (const [key, mirror] of this.#mirrors) {
      if (wanted.has(key)) continue;
      mirror.stop();
      this.#mirrors.delete(key);
    }
    for (const key of wanted) {
      if (this.#mirrors.has(key)) continue;
      const slash = key.indexOf('/');
      const mirror = this.#open(key.slice(0, slash), key.slice(slash + 1));
      mirror.onChange(() => this.#changed());
      this.#mirrors.set(key, mirror);
      void mirror.synced.then(() => this.#changed());
      made.push(mirror.synced);
    }
    return made;
  }

  /** Undefined when it is not there, or is not followed. */
  get(namespace: string, name: string): T | undefined {
    const key = `${namespace}/${name}`;
    return this.#mirrors.get(key)?.get(key);
  }

  stop(): void {
    for (const mirror of this.#mirrors.values()) mirror.stop();
    this.#mirrors.clear();
  }
}
