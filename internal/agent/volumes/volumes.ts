import type { Pod, Volume } from '../../api/generated/types/core-v1.ts';
import { ApiError } from '../../api/status.ts';
import { IoError, messageOf } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { DownwardFacts } from '../env/downward.ts';
import { hasPayload, writeAtomically } from './atomic-writer.ts';
import type { MountedVolume } from './container-mounts.ts';
import { checkHostPath, claimedPath, setUpEmptyDir, type DirectoryDoors } from './directories.ts';
import { giveToGroup } from './ownership.ts';
import { payloadOf, type PayloadSources } from './payload.ts';
import { referencesOf, type References } from './references.ts';
import { holdSubPath } from './safe-sub-path.ts';
import { TokenSource } from './token-source.ts';
import { trustBundle } from './trust-bundle.ts';

export interface VolumesOptions {
  /** `<data-dir>/agent/pods`. */
  podsDir: string;
  /** Where the one tmpfs for secrets and tokens is mounted. */
  secretsDir: string;
  client: Client;
  references: References;
  clock: Clock;
  log: Log;
  doors: DirectoryDoors;
  /** Addresses and allocatable resources, for the downward API. */
  facts(pod: Pod): DownwardFacts;
  /** Mounts an image's files and says where; volumes of type image fail without it. */
  imageVolume?(pod: Pod, volume: Volume): Promise<string>;
}

/** What failed, one entry a volume; `message` is the text of a FailedMount event. */
export class VolumesError extends Error {
  readonly failures: { volume: string; message: string }[];

  constructor(failures: { volume: string; message: string }[]) {
    super(failures.map((f) => f.message).join('; '));
    this.failures = failures;
  }
}

interface PodVolumes {
  pod: Pod;
  tokens: TokenSource;
  mounted: Map<string, MountedVolume>;
  standing: boolean;
  /** Something changed while the volumes were being made. */
  stale: boolean;
  renewal: Timer | undefined;
  /** Work on one pod is done one after the other. */
  queue: Promise<unknown>;
}

const op = 'volumes';
/** Wait at least this long between two tries to renew a token or to complete a volume. */
const leastRenewalMs = 30_000;
/** What a file of environment variables may hold (KEP-3721). */
const longestEnvFileBytes = 64 * 1024;
const payloadDirMode = 0o777;
const inMemory = new Set(['secret', 'projected', 'downward-api']);

/** The volumes of every pod on the node. */
export class Volumes {
  readonly #options: VolumesOptions;
  readonly #log: Log;
  readonly #pods = new Map<string, PodVolumes>();
  /** PersistentVolumes that one pod alone may use, and the pod that does. */
  readonly #alone = new Map<string, string>();
  readonly #stopListening: () => void;
  readonly #unfollowClock: () => void;

  constructor(options: VolumesOptions) {
    this.#options = options;
    this.#log = options.log.named('volumes');
    this.#unfollowClock = options.clock.onJump(() => this.#clockWasSet());
    this.#stopListening = options.references.onChange((_reference, holders, first) => {
      if (!first) for (const uid of holders) this.#changed(uid);
    });
  }

  /** Makes the memory for secrets stand. Once, before the first pod. */
  async start(): Promise<void> {
    const { secretsDir, doors } = this.#options;
    await doors.disk.makeDir(op, secretsDir, 0o700);
    if (!(await doors.mounts.below(op, secretsDir)).includes(secretsDir))
      await doors.mounts.create(op, 'tmpfs', secretsDir, [
        'mode=0700',
        'nosuid',
        'nodev',
        'noexec',
      ]);
    // An earlier version made it readable for everybody, and it may stand from then.
    await doors.tree.chmod(op, secretsDir, 0o700);
  }

  podDir(uid: string): string {
    return `${this.#options.podsDir}/${uid}`;
  }

  /**
   * Makes every volume of the pod stand; what stands already is left alone. Throws VolumesError,
   * and may be called again. With `offline`, what only an unreachable API server could tell stays
   * empty until it is back. With `adopted`, the pod's containers use the volumes already: those
   * that stand are followed, whatever becomes of the others.
   */
  mount(
    pod: Pod,
    options: { offline?: boolean; adopted?: boolean } = {},
  ): Promise<ReadonlyMap<string, MountedVolume>> {
    const state = this.#state(pod);
    state.pod = pod;
    this.#options.references.hold(pod.metadata.uid ?? '', referencesOf(pod));
    return this.#inTurn(state, async () => {
      await this.#options.doors.disk.makeDir(op, this.podDir(pod.metadata.uid ?? ''), 0o750);
      const failures: { volume: string; message: string }[] = [];
      await Promise.all(
        (pod.spec.volumes ?? []).map(async (volume) => {
          try {
            if (!state.mounted.has(volume.name))
              state.mounted.set(volume.name, await this.#setUp(state, volume, options));
          } catch (error) {
            failures.push({
              volume: volume.name,
              message:
                `MountVolume.SetUp failed for volume ${JSON.stringify(volume.name)} : ` +
                `${messageOf(error)}`,
            });
          }
        }),
      );
      if (failures.length === 0 || options.adopted) this.#stands(state);
      if (failures.length > 0) throw new VolumesError(failures);
      return state.mounted;
    });
  }

  #stands(state: PodVolumes): void {
    state.standing = true;
    this.#armRenewal(state);
    if (state.stale) this.#changed(state.pod.metadata.uid ?? '');
  }

  /** The volumes of a pod that stands; undefined before `mount` succeeded. */
  mounted(uid: string): ReadonlyMap<string, MountedVolume> | undefined {
    const state = this.#pods.get(uid);
    return state?.standing ? state.mounted : undefined;
  }

  /**
   * The text of a file in a standing volume, for fileKeyRef; links that lead outside are refused.
   */
  async readFile(uid: string, volume: string, path: string): Promise<string> {
    const mounted = this.mounted(uid)?.get(volume);
    if (!mounted)
      throw new Error(`cannot find the volume ${JSON.stringify(volume)} referenced by FileKeyRef`);
    const held = await holdSubPath(this.#options.doors.tree, mounted.path, path, { make: false });
    try {
      const bytes = await held.read({ mostBytes: longestEnvFileBytes + 1, from: 'start' });
      if (bytes.length > longestEnvFileBytes)
        throw new Error(
          `the file ${JSON.stringify(path)} is larger than ${longestEnvFileBytes} bytes`,
        );
      return bytes.toString();
    } finally {
      await held.release();
    }
  }

  /** The pod object changed: labels and annotations show in downward API files. */
  update(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    const state = this.#pods.get(uid);
    if (!state || state.pod === pod) return;
    const old = state.pod;
    state.pod = pod;
    const same =
      JSON.stringify([old.metadata.labels, old.metadata.annotations, old.spec]) ===
      JSON.stringify([pod.metadata.labels, pod.metadata.annotations, pod.spec]);
    if (same) return;
    this.#options.references.hold(uid, referencesOf(pod));
    this.#changed(uid);
  }

  /**
   * Ends all updates, takes every mount down, and removes the pod's folder. Also for pods of an
   * earlier life.
   */
  async unmount(uid: string): Promise<void> {
    const state = this.#pods.get(uid);
    this.#pods.delete(uid);
    state?.renewal?.cancel();
    this.#options.references.release(uid);
    await state?.queue.catch(() => undefined);
    const { doors, secretsDir } = this.#options;
    const dir = this.podDir(uid);
    for (const point of await doors.mounts.below(op, dir)) await doors.mounts.unmount(op, point);
    const left = await doors.mounts.below(op, dir);
    // Deleting through a mount would delete what belongs to somebody else.
    if (left.length > 0)
      throw new IoError(`volumes of pod ${uid} are still mounted: ${left.join(', ')}`, {
        op,
        code: 'EBUSY',
      });
    await doors.disk.remove(op, dir);
    await doors.disk.remove(op, `${secretsDir}/${uid}`);
    for (const [name, user] of this.#alone) if (user === uid) this.#alone.delete(name);
  }

  /**
   * The scheduler sees to it too, but not for pods that name their node. A pod that runs already
   * keeps what it has.
   */
  #takeAlone(name: string, uid: string, adopted: boolean): void {
    if (!adopted && (this.#alone.get(name) ?? uid) !== uid)
      throw new Error(
        'volume uses the ReadWriteOncePod access mode and is already in use by another pod',
      );
    this.#alone.set(name, uid);
  }

  /** The uids of all pods that left something on the disk. */
  async leftovers(): Promise<string[]> {
    const { doors, podsDir, secretsDir } = this.#options;
    const names = [
      ...(await doors.disk.list(op, podsDir)),
      ...(await doors.disk.list(op, secretsDir)),
    ];
    return [...new Set(names)].filter((uid) => !this.#pods.has(uid));
  }

  /** The clock was set: what pods show to the API server may have ended, or not begun. */
  #clockWasSet(): void {
    for (const [uid, state] of this.#pods) {
      if (state.tokens.nextRenewalMs() === undefined) continue;
      state.tokens.forget();
      this.#changed(uid);
    }
  }

  stop(): void {
    this.#unfollowClock();
    this.#stopListening();
    for (const state of this.#pods.values()) state.renewal?.cancel();
  }

  #state(pod: Pod): PodVolumes {
    const uid = pod.metadata.uid ?? '';
    let state = this.#pods.get(uid);
    if (!state) {
      const tokens = new TokenSource(this.#options.client, this.#options.clock);
      state = {
        pod,
        tokens,
        mounted: new Map(),
        standing: false,
        stale: false,
        renewal: undefined,
        queue: Promise.resolve(),
      };
      this.#pods.set(uid, state);
    }
    return state;
  }

  #inTurn<T>(state: PodVolumes, work: () => Promise<T>): Promise<T> {
    const done = state.queue.then(work, work);
    state.queue = done.catch(() => undefined);
    return done;
  }

  async #setUp(
    state: PodVolumes,
    volume: Volume,
    { offline = false, adopted = false }: { offline?: boolean; adopted?: boolean },
  ): Promise<MountedVolume> {
    const { doors, client, imageVolume } = this.#options;
    const { pod } = state;
    const { name, emptyDir, hostPath } = volume;
    if (hostPath) return { name, path: await checkHostPath(hostPath, doors), readOnly: false };
    if (emptyDir) {
      const path = this.#pathOf(pod, 'empty-dir', name);
      await setUpEmptyDir(path, emptyDir, pod, doors);
      return { name, path, readOnly: false };
    }
    if (volume.persistentVolumeClaim ?? volume.ephemeral) {
      const claimed = await claimedPath(pod, volume, client, doors);
      if (claimed.alone !== undefined)
        this.#takeAlone(claimed.alone, pod.metadata.uid ?? '', adopted);
      const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
      if (claimed.manage && fsGroup !== undefined) {
        await giveToGroup(claimed.path, fsGroup, {
          ...doors,
          readOnly: claimed.readOnly,
          onRootMismatch: fsGroupChangePolicy === 'OnRootMismatch',
        });
      }
      return { name, path: claimed.path, readOnly: claimed.readOnly };
    }
    if (volume.image) {
      if (!imageVolume) throw new Error('image volumes are not supported by the container runtime');
      return { name, path: await imageVolume(pod, volume), readOnly: true };
    }
    const kind = payloadKind(volume);
    if (!kind) throw new Error('no volume plugin matched');
    const path = this.#pathOf(pod, kind, name);
    await this.#write(state, volume, path, offline);
    return { name, path, readOnly: true };
  }

  #pathOf(pod: Pod, kind: string, name: string): string {
    const uid = pod.metadata.uid ?? '';
    const folder = `kubernetes.io~${kind}/${name}`;
    return inMemory.has(kind)
      ? `${this.#options.secretsDir}/${uid}/${folder}`
      : `${this.podDir(uid)}/volumes/${folder}`;
  }

  async #write(state: PodVolumes, volume: Volume, path: string, offline: boolean): Promise<void> {
    const { doors, clock } = this.#options;
    const { pod } = state;
    if (!(await doors.disk.stat(op, path))) {
      await doors.disk.makeDir(op, path, 0o755);
      await doors.tree.chmod(op, path, payloadDirMode);
    }
    const group = pod.spec.securityContext?.fsGroup;
    try {
      const payload = await payloadOf(pod, volume, this.#sources(state, volume));
      const finish =
        group === undefined
          ? undefined
          : (dir: string) => giveToGroup(dir, group, { ...doors, readOnly: true });
      if (payload) await writeAtomically(path, payload, { ...doors, nowMs: clock.now(), finish });
    } catch (error) {
      const usable = (await hasPayload(path, doors.tree)) || (offline && isUnreachable(error));
      if (!usable) throw error;
      // A source that is gone is ordinary when its namespace goes.
      this.#log.debug('volume keeps its old content', {
        pod: pod.metadata.uid,
        volume: volume.name,
        error,
      });
      this.#retryLater(state);
    }
  }

  #sources(state: PodVolumes, volume: Volume): PayloadSources {
    const { references, client } = this.#options;
    const { pod } = state;
    return {
      configMap: (namespace, name) => references.configMap(namespace, name),
      secret: (namespace, name) => references.secret(namespace, name),
      token: (index) => {
        const projection = volume.projected?.sources?.[index]?.serviceAccountToken;
        if (!projection) throw new Error('no such projection');
        return state.tokens.token(pod, projection);
      },
      trustBundle: (projection) => trustBundle(client, projection),
      facts: this.#options.facts(pod),
    };
  }

  /** Writes again what may have changed; unchanged files are left alone. */
  #changed(uid: string): void {
    const state = this.#pods.get(uid);
    if (!state) return;
    if (!state.standing) {
      state.stale = true;
      return;
    }
    state.stale = false;
    void this.#inTurn(state, async () => {
      for (const volume of state.pod.spec.volumes ?? []) {
        const mounted = state.mounted.get(volume.name);
        if (!mounted || !payloadKind(volume) || this.#pods.get(uid) !== state) continue;
        try {
          await this.#write(state, volume, mounted.path, false);
        } catch (error) {
          this.#log.warn('volume was not updated', { pod: uid, volume: volume.name, error });
        }
      }
      this.#armRenewal(state);
    });
  }

  #armRenewal(state: PodVolumes): void {
    const next = state.tokens.nextRenewalMs();
    if (next !== undefined)
      this.#renewIn(state, Math.max(leastRenewalMs, next - this.#options.clock.now()));
  }

  #retryLater(state: PodVolumes): void {
    if (state.tokens.nextRenewalMs() === undefined) this.#renewIn(state, leastRenewalMs);
  }

  #renewIn(state: PodVolumes, delayMs: number): void {
    state.renewal?.cancel();
    state.renewal = this.#options.clock.after('volumes.renew', delayMs, () =>
      this.#changed(state.pod.metadata.uid ?? ''),
    );
  }
}

function payloadKind(volume: Volume): string | undefined {
  if (volume.configMap) return 'configmap';
  if (volume.secret) return 'secret';
  if (volume.downwardAPI) return 'downward-api';
  return volume.projected ? 'projected' : undefined;
}

/** Nobody answered, as opposed to an answer that says no. */
function isUnreachable(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isUnreachable);
  if (error instanceof ApiError) return error.httpStatus >= 500;
  if (error instanceof IoError) return true;
  return error instanceof Error && error.cause !== undefined && isUnreachable(error.cause);
}
