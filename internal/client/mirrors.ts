import type { ResourceRef } from '../api/object.ts';
import type { Clock } from '../io/clock.ts';
import type { Log } from '../io/log.ts';
import type { Client, Mirror, MirrorOptions } from './client.ts';
import { WatchingMirror } from './mirror.ts';

/**
 * Mirrors by kind: everyone in the process who asks for the same kind (and selectors) reads the
 * same one.
 */
export interface Mirrors {
  /**
   * The shared mirror of a kind. Indexes asked for are added to it: an index name must mean the
   * same thing for all users. `stop` of the returned mirror gives back this use; the watch ends
   * with the last one.
   */
  of<T extends object>(ref: ResourceRef, options?: MirrorOptions<T>): Mirror<T>;
  /** Ends all watches. */
  stop(): void;
}

interface Shared {
  mirror: WatchingMirror<object>;
  users: number;
}

export function mirrorFactory(client: Client, clock: Clock, log: Log): Mirrors {
  const shared = new Map<string, Shared>();
  return {
    of<T extends object>(ref: ResourceRef, options: MirrorOptions<T> = {}): Mirror<T> {
      const key = [
        ref.group,
        ref.version,
        ref.resource,
        options.namespace ?? '',
        options.labelSelector ?? '',
        options.fieldSelector ?? '',
      ].join('|');
      let entry = shared.get(key);
      if (!entry) {
        const { indexes: _later, ...selectors } = options;
        entry = {
          mirror: new WatchingMirror<object>(client, ref, selectors, clock, log),
          users: 0,
        };
        shared.set(key, entry);
      }
      entry.users += 1;
      const mirror = entry.mirror as unknown as WatchingMirror<T>;
      for (const name in options.indexes) mirror.addIndex(name, options.indexes[name]!);
      return use(mirror, () => {
        entry.users -= 1;
        if (entry.users > 0) return;
        shared.delete(key);
        mirror.stop();
      });
    },
    stop() {
      for (const { mirror } of shared.values()) mirror.stop();
      shared.clear();
    },
  };
}

/** One user's view of a shared mirror: it can be stopped without ending the others. */
function use<T extends object>(mirror: WatchingMirror<T>, release: () => void): Mirror<T> {
  const handlers = new Set<() => void>();
  let released = false;
  return {
    synced: mirror.synced,
    served: mirror.served,
    get: (key) => mirror.get(key),
    list: (namespace) => mirror.list(namespace),
    byIndex: (name, value) => mirror.byIndex(name, value),
    onChange: (handler) => {
      const stop = mirror.onChange(handler);
      handlers.add(stop);
      return () => {
        handlers.delete(stop);
        stop();
      };
    },
    get resourceVersion() {
      return mirror.resourceVersion;
    },
    stop: () => {
      if (released) return;
      released = true;
      for (const stop of handlers) stop();
      release();
    },
  };
}
