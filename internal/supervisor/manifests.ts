import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import type { KubeObject, ResourceRef } from '../api/object.ts';
import { messageOf } from '../base/errors.ts';
import type { Client } from '../client/client.ts';
import type { Addons } from './addons.ts';
import type { Doors } from './doors.ts';
import { findManifests } from './manifest-files.ts';
import { orUndefined } from './own-objects.ts';

export interface ManifestsOptions {
  /** server/manifests: each YAML or JSON file in it is applied, and again when it changes. */
  dir: string;
  /**
   * Names of components that are kept away: their files are removed, and what these made is
   * deleted.
   */
  disable?: readonly string[];
  /** What each file made is remembered here, so that an object taken out of a file is deleted. */
  statePath: string;
  client: Client;
  /** Where a kind is served; undefined when it is not (yet). */
  resolve(apiVersion: string, kind: string): ResourceRef | undefined;
  /** Called with each file. */
  addons?: Addons;
  doors: Doors;
}

interface FileState {
  checksum: string;
  objects: string[];
}

const manager = 'deploy@skiff';
/** An editor writes a file in several steps. */
const settleMs = 300;
/**
 * A file that could not be applied (a definition it needs may be on its way) is tried again, and
 * ever more seldom.
 */
const retryMs = 1000;
const longestRetryMs = 64_000;

/**
 * Applies the files of a folder and of those below it, as k3s does with its AddOns: hidden files
 * and `X.yaml` beside an `X.yaml.skip` are passed over; taking a file away leaves its objects. The
 * folders are watched, not polled.
 */
export async function startManifests(
  options: ManifestsOptions,
): Promise<{ stop(): Promise<void> }> {
  const { doors, dir } = options;
  await doors.disk.makeDir('manifests', dir, 0o700);
  let timer: { cancel(): void } | undefined;
  let busy = Promise.resolve();
  let delayMs = retryMs;
  let stopped = false;
  const soon = (afterMs: number): void => {
    timer?.cancel();
    if (stopped) return;
    timer = doors.clock.after('manifests', afterMs, () => {
      busy = busy.then(async () => {
        // A full disk today is none tomorrow.
        const complete = await applyFolder(options, watchThese).catch((error: unknown) =>
          doors.log.named('manifests').warn('could not look', { error: messageOf(error) }),
        );
        if (complete) return;
        soon(delayMs);
        delayMs = Math.min(delayMs * 2, longestRetryMs);
      });
    });
  };
  const watches = new Map<string, () => void>();
  const changed = (): void => {
    delayMs = retryMs;
    soon(settleMs);
  };
  const watchThese = (folders: string[]): void => {
    for (const [folder, unwatch] of watches) {
      if (folders.includes(folder)) continue;
      unwatch();
      watches.delete(folder);
    }
    const added = folders.filter((folder) => !watches.has(folder));
    for (const folder of added) watches.set(folder, doors.disk.watch('manifests', folder, changed));
    // What came into a folder between the look at it and the watch over it would not be told.
    if (watches.size > added.length && added.length > 0) changed();
  };
  watchThese([dir]);
  soon(0);
  return {
    stop: async () => {
      stopped = true;
      timer?.cancel();
      await busy;
      for (const unwatch of watches.values()) unwatch();
    },
  };
}

/** Brings every file into effect. False when something has to be tried again. */
export async function applyFolder(
  options: ManifestsOptions,
  seen: (folders: string[]) => void = () => undefined,
): Promise<boolean> {
  const { doors, dir, statePath } = options;
  const log = doors.log.named('manifests');
  const bytes = await doors.disk.readIfThere('manifest state', statePath);
  const state = (bytes ? JSON.parse(bytes.toString()) : {}) as Record<string, FileState>;
  const found = await findManifests(doors.disk, dir, options.disable);
  seen(found.folders);
  let complete = true;
  let changed = false;
  for (const name of found.disabled) {
    try {
      for (const key of state[name]?.objects ?? []) await remove(options, key);
      await options.addons?.deleted(join(dir, name));
      await doors.disk.remove('manifest', join(dir, name));
      changed ||= delete state[name];
      log.info('removed, because it is disabled', { file: name });
    } catch (error) {
      complete = false;
      log.warn('could not remove', { file: name, error: messageOf(error) });
    }
  }
  for (const name of found.files) {
    const text = (await doors.disk.readIfThere('manifest', join(dir, name)))?.toString();
    if (text === undefined) continue;
    const checksum = createHash('sha256').update(text).digest('hex');
    if (state[name]?.checksum === checksum) continue;
    try {
      await options.addons?.applying(join(dir, name));
      const objects = await applyFile(options, text, state[name]?.objects ?? []);
      await options.addons?.applied(join(dir, name), checksum, objects);
      state[name] = { checksum, objects };
      changed = true;
      log.info('applied', { file: name, objects: state[name].objects.length });
    } catch (error) {
      complete = false;
      log.warn('could not apply', { file: name, error: messageOf(error) });
      // What stands in the way of the file may stand in the way of its Addon.
      await options.addons?.failed(join(dir, name), messageOf(error)).catch(() => undefined);
    }
  }
  if (changed)
    await doors.disk.writeAtomic('manifest state', statePath, JSON.stringify(state), {
      mode: 0o600,
    });
  return complete;
}

async function applyFile(
  options: ManifestsOptions,
  text: string,
  before: string[],
): Promise<string[]> {
  const { client } = options;
  const objects = documents(text);
  const made: string[] = [];
  for (const object of objects) {
    const ref = options.resolve(object.apiVersion, object.kind);
    if (!ref) throw new Error(`no kind ${object.kind} in ${object.apiVersion} is served`);
    const namespace = ref.namespaced ? (object.metadata.namespace ?? 'default') : undefined;
    const body =
      namespace === undefined ? object : { ...object, metadata: { ...object.metadata, namespace } };
    await client.patch(
      ref,
      { namespace, name: object.metadata.name ?? '' },
      { type: 'apply', body },
      { fieldManager: manager, force: true },
    );
    made.push([object.apiVersion, object.kind, namespace ?? '', object.metadata.name].join('|'));
  }
  for (const gone of before.filter((key) => !made.includes(key))) await remove(options, gone);
  return made;
}

async function remove(options: ManifestsOptions, key: string): Promise<void> {
  const [apiVersion = '', kind = '', namespace = '', name = ''] = key.split('|');
  const ref = options.resolve(apiVersion, kind);
  if (!ref) return; // the kind is gone, and its objects with it
  await orUndefined(options.client.delete(ref, { ...(namespace && { namespace }), name }));
}

function documents(text: string): KubeObject[] {
  const found: KubeObject[] = [];
  for (const document of loadAll(text) as (KubeObject & { items?: KubeObject[] })[]) {
    if (document === null || typeof document !== 'object') continue;
    if (document.kind?.endsWith('List') && Array.isArray(document.items))
      found.push(...document.items);
    else if (typeof document.kind === 'string' && typeof document.apiVersion === 'string')
      found.push(document);
    else throw new Error('a document has no kind and apiVersion');
  }
  return found;
}
