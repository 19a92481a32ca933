import type { Mirror } from '../client/client.ts';

/**
 * Remembers the newest resourceVersion a controller wrote for a key. Until its mirror has got that
 * far, what it shows is older than our own work, and acting on it would do the work twice.
 * (Resource versions grow over all kinds.)
 */
export class LastWrite {
  readonly #versions = new Map<string, number>();

  note(key: string, written: { metadata: { resourceVersion?: string } }): void {
    const version = Number(written.metadata.resourceVersion);
    if (version > (this.#versions.get(key) ?? 0)) this.#versions.set(key, version);
  }

  /** False: the mirror is behind; the change it is about to tell comes with the next event. */
  caughtUp(key: string, mirror: Mirror<object>): boolean {
    const version = this.#versions.get(key);
    if (version === undefined) return true;
    if (Number(mirror.resourceVersion) < version) return false;
    this.#versions.delete(key);
    return true;
  }

  forget(key: string): void {
    this.#versions.delete(key);
  }
}
