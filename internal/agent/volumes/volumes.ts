import type { Pod, Volume } from '../../api/generated/types/core-v1.ts';
import { IoError, messageOf } from '../../base/errors.ts';
import type { Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { MountedVolume } from './container-mounts.ts';
import type { LocalUsage, PluginContext, PodVolume, SetUpOptions, VolumePlugin } from './plugin.ts';
import { pluginFor, volumePlugins } from './plugins.ts';
import { TokenSource } from './plugins/service-account-token.ts';
import { referencesOf, type References } from './references.ts';
import type { StandingClaim } from './volume-usage.ts';
import { holdSubPath } from './safe-sub-path.ts';

export interface VolumesOptions extends PluginContext {
  references: References;
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
  /** A volume is to be looked at again soon, whenever its tokens are. */
  soon: boolean;
  renewal: Timer | undefined;
  /** Work on one pod is done one after the other. */
  queue: Promise<unknown>;
}

const op = 'volumes';
/** Wait at least this long between two tries to renew a token or to complete a volume. */
const leastRenewalMs = 30_000;
/** What a file of environment variables may hold (KEP-3721). */
const longestEnvFileBytes = 64 * 1024;

/** The volumes of every pod on the node. */
export class Volumes {
  readonly #options: VolumesOptions;
  readonly #log: Log;
  readonly #plugins: VolumePlugin[];
  readonly #pods = new Map<string, PodVolumes>();
  readonly #stopListening: () => void;
  readonly #unfollowClock: () => void;

  constructor(options: VolumesOptions) {
    this.#options = options;
    this.#log = options.log.named('volumes');
    this.#plugins = volumePlugins({ ...options, log: this.#log });
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
    { offline = false, adopted = false }: Partial<SetUpOptions> = {},
  ): Promise<ReadonlyMap<string, MountedVolume>> {
    const state = this.#state(pod);
    state.pod = pod;
    this.#hold(pod);
    return this.#inTurn(state, async () => {
      await this.#options.doors.disk.makeDir(op, this.podDir(pod.metadata.uid ?? ''), 0o750);
      const failures: { volume: string; message: string }[] = [];
      await Promise.all(
        (pod.spec.volumes ?? []).map(async (volume) => {
          try {
            if (!state.mounted.has(volume.name))
              state.mounted.set(
                volume.name,
                await pluginFor(this.#plugins, volume).setUp(this.#of(state, volume), {
                  offline,
                  adopted,
                }),
              );
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
      if (failures.length === 0 || adopted) this.#stands(state);
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
    this.#hold(pod);
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
    for (const plugin of this.#plugins) await plugin.tearDown(uid);
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
  }

  /**
   * What a pod has on the node's own disk. `path`: undefined while the volume does not stand;
   * `limit`: a quantity.
   */
  localUsage(pod: Pod): (LocalUsage & { name: string; path: string | undefined })[] {
    const mounted = this.mounted(pod.metadata.uid ?? '');
    return (pod.spec.volumes ?? []).flatMap((volume) => {
      const usage = this.#plugins.find((p) => p.supports(volume))?.usage(volume);
      return usage ? [{ ...usage, name: volume.name, path: mounted?.get(volume.name)?.path }] : [];
    });
  }

  /** The claims of pods whose volumes are set up. */
  standingClaims(): StandingClaim[] {
    return [...this.#pods].flatMap(([uid, { pod, mounted }]) =>
      (pod.spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
        const claim =
          persistentVolumeClaim?.claimName ?? (ephemeral && `${pod.metadata.name ?? ''}-${name}`);
        const standing = mounted.get(name);
        const namespace = pod.metadata.namespace ?? '';
        if (claim === undefined || !standing) return [];
        const { path, room } = standing;
        return [{ uid, volume: name, namespace, claim, path, room }];
      }),
    );
  }

  /** The uids of pods that have a volume at a path of the host. */
  usersOf(path: string): string[] {
    return [...this.#pods].flatMap(([uid, { mounted }]) =>
      [...mounted.values()].some((volume) => volume.path === path) ? [uid] : [],
    );
  }

  /** The uids of all pods that left something on the disk. */
  async leftovers(): Promise<string[]> {
    const { doors, podsDir, secretsDir, csi } = this.#options;
    const names = [
      ...((await csi?.podUids()) ?? []),
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
        soon: false,
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

  #of(state: PodVolumes, volume: Volume): PodVolume {
    const { pod, tokens } = state;
    return { pod, volume, tokens, stale: () => this.#retryLater(state) };
  }

  /** From now on the pod needs exactly the objects that it names. */
  #hold(pod: Pod): void {
    const inVolumes = (pod.spec.volumes ?? []).flatMap(
      (volume) => this.#plugins.find((p) => p.supports(volume))?.references(volume) ?? [],
    );
    this.#options.references.hold(pod.metadata.uid ?? '', referencesOf(pod, inVolumes));
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
    state.soon = false;
    void this.#inTurn(state, async () => {
      for (const volume of state.pod.spec.volumes ?? []) {
        const mounted = state.mounted.get(volume.name);
        if (!mounted || this.#pods.get(uid) !== state) continue;
        try {
          const plugin = pluginFor(this.#plugins, volume);
          await plugin.refresh(this.#of(state, volume), mounted);
        } catch (error) {
          this.#log.warn('volume was not updated', { pod: uid, volume: volume.name, error });
        }
      }
      this.#armRenewal(state);
    });
  }

  #armRenewal(state: PodVolumes): void {
    const next = state.tokens.nextRenewalMs();
    if (state.soon) this.#renewIn(state, leastRenewalMs);
    else if (next !== undefined)
      this.#renewIn(state, Math.max(leastRenewalMs, next - this.#options.clock.now()));
  }

  #retryLater(state: PodVolumes): void {
    state.soon = true;
    this.#renewIn(state, leastRenewalMs);
  }

  #renewIn(state: PodVolumes, delayMs: number): void {
    state.renewal?.cancel();
    state.renewal = this.#options.clock.after('volumes.renew', delayMs, () =>
      this.#changed(state.pod.metadata.uid ?? ''),
    );
  }
}
