import { refs } from '../../api/generated/refs.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import type { PersistentVolume, Pod } from '../../api/generated/types/core-v1.ts';
import { fieldsOf, type KubeObject } from '../../api/object.ts';
import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { KeyValue, Store } from '../../store/store.ts';
import { follow, type Change, type Followed } from '../follow.ts';
import { referencesOf, volumeSecrets } from './pod-references.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** What one record says: which node it belongs to and what that node may read because of it. */
interface Entry {
  node: string;
  /** Tells a pod whose spec is as it was: most of its writes are status. */
  stamp: string;
  names: string[];
}

/** Kinds that bind something to a node. */
const folders = {
  pods: refs.pods,
  persistentvolumes: refs.persistentVolumes,
  volumeattachments: refs.volumeAttachments,
  resourceslices: refs.resourceSlices,
};
type Folder = keyof typeof folders;

export interface NodeGraphOptions {
  store: Store;
  clock: Clock;
  log: Log;
  /** The registry's shared parser. */
  objectOf(kv: KeyValue): KubeObject;
}

/**
 * Which objects have to do with which node: through its pods, their claims and the volumes of
 * these, and by naming it.
 */
export class NodeGraph {
  readonly #o: NodeGraphOptions;
  readonly #entries = new Map<string, Entry>();
  /** How many records of a node name a thing: `node|resource/namespace/name`. */
  readonly #counts = new Map<string, number>();
  /** The claim of each volume, and the volumes that need each Secret. */
  readonly #claimOf = new Map<string, string>();
  readonly #volumesOfSecret = new Map<string, Set<string>>();
  readonly #followed: Followed[] = [];

  constructor(options: NodeGraphOptions) {
    this.#o = options;
  }

  async start(): Promise<void> {
    await Promise.all((Object.keys(folders) as Folder[]).map((folder) => this.#follow(folder)));
  }

  stop(): void {
    for (const one of this.#followed) one.stop();
  }

  /** Whether a node may read an object because it has to do with it. */
  related(node: string, resource: string, namespace: string, name: string): boolean {
    if (this.#counted(node, `${resource}/${namespace}/${name}`)) return true;
    if (resource === 'persistentvolumes') return this.#mounts(node, name);
    if (resource !== 'secrets') return false;
    return [...(this.#volumesOfSecret.get(`${namespace}/${name}`) ?? [])].some((volume) =>
      this.#mounts(node, volume),
    );
  }

  #mounts(node: string, volume: string): boolean {
    const claim = this.#claimOf.get(volume);
    return claim !== undefined && this.#counted(node, `persistentvolumeclaims/${claim}`);
  }

  #counted(node: string, thing: string): boolean {
    return (this.#counts.get(`${node}|${thing}`) ?? 0) > 0;
  }

  async #follow(folder: Folder): Promise<void> {
    const prefix = registryPrefix(folders[folder]);
    const change = (key: string, kv: KeyValue | undefined): void => {
      if (folder === 'persistentvolumes')
        return kv ? this.#setVolume(kv) : this.#dropVolume(key.slice(prefix.length));
      return kv ? this.#set(folder, kv) : this.#drop(key);
    };
    const { store, clock, log } = this.#o;
    const onChanges = (changes: Change[]): void => {
      for (const { key, kv } of changes) change(key, kv);
    };
    this.#followed.push(await follow({ store, clock, log, name: folder, prefix, onChanges }));
  }

  #set(folder: Exclude<Folder, 'persistentvolumes'>, kv: KeyValue): void {
    const object = this.#o.objectOf(kv);
    const spec = fieldsOf(object)['spec'] as { nodeName?: string } | undefined;
    const node = spec?.nodeName ?? '';
    const stamp = stampOf(object);
    const before = this.#entries.get(kv.key);
    if (stamp !== '' && before?.stamp === stamp && before.node === node) return;
    this.#drop(kv.key);
    if (!node) return;
    const names =
      folder === 'pods' ? namesOf(object as Pod) : [`${folder}//${object.metadata.name}`];
    this.#entries.set(kv.key, { node, stamp, names });
    for (const name of names)
      this.#counts.set(`${node}|${name}`, (this.#counts.get(`${node}|${name}`) ?? 0) + 1);
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    for (const name of entry.names) {
      const count = (this.#counts.get(`${entry.node}|${name}`) ?? 0) - 1;
      if (count > 0) this.#counts.set(`${entry.node}|${name}`, count);
      else this.#counts.delete(`${entry.node}|${name}`);
    }
  }

  #setVolume(kv: KeyValue): void {
    const volume = this.#o.objectOf(kv) as PersistentVolume;
    const { name = '' } = volume.metadata;
    this.#dropVolume(name);
    const claim = volume.spec?.claimRef;
    if (!claim?.name) return;
    this.#claimOf.set(name, `${claim.namespace ?? ''}/${claim.name}`);
    for (const secret of volumeSecrets(volume)) {
      const volumes = this.#volumesOfSecret.get(secret) ?? new Set();
      this.#volumesOfSecret.set(secret, volumes.add(name));
    }
  }

  #dropVolume(name: string): void {
    if (!this.#claimOf.delete(name)) return;
    for (const [secret, volumes] of this.#volumesOfSecret)
      if (volumes.delete(name) && volumes.size === 0) this.#volumesOfSecret.delete(secret);
  }
}

/** Which claims for devices a pod got is in its status, so such pods are read again each time. */
function stampOf(object: KubeObject): string {
  const { spec, status } = object as Partial<Pod>;
  const { uid, generation } = object.metadata;
  return !generation || spec?.resourceClaims?.length || status?.extendedResourceClaimStatus
    ? ''
    : `${uid}/${generation}`;
}

/** The pod itself and everything that it names, as `resource/namespace/name`. */
function namesOf(pod: Pod): string[] {
  const { namespace = '', name = '', annotations } = pod.metadata;
  const own = `pods/${namespace}/${name}`;
  // A node makes mirror pods itself: whatever one names, it gives its node no right.
  if (annotations?.[mirrorAnnotation] !== undefined) return [own];
  return [
    own,
    ...Object.entries(referencesOf(pod)).flatMap(([resource, names]) =>
      [...(names as Set<string>)].map((one) => `${resource}/${namespace}/${one}`),
    ),
  ];
}
