import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Secret,
} from '../../api/generated/types/core-v1.ts';
import type { CSIDriver, CSIDriverSpec } from '../../api/generated/types/storage-v1.ts';
import { quantityOf } from '../../api/quantity.ts';
import { ApiError } from '../../api/status.ts';
import { attachmentName, needsAttach } from '../../api/storage/attachments.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { Clock } from '../../io/clock.ts';
import type { FilesystemRoom } from '../../io/filesystem.ts';
import { nodeCapability, usageUnit, type VolumeCapability } from '../../wire/csi/csi.ts';
import type { PodVolume, VolumeDoors } from '../volumes/pod-volume.ts';
import { TokenSource } from '../volumes/plugins/service-account-token.ts';
import type { AttachedVolumes } from './attach-wait.ts';
import type { Driver, Drivers } from './drivers.ts';
import { claimGrown, growthOf } from './growth.ts';
import { placesOf, type Places } from './places.ts';
import {
  capabilityOf,
  checkLifecycle,
  inlineWish,
  isGroupOurs,
  persistentWish,
  podInfo,
  type SecretRef,
  type Wish,
} from './request.ts';
import { PodRecords } from './pod-records.ts';

export interface CsiVolumesOptions {
  /** `/var/lib/kubelet`: drivers expect volumes below it. */
  kubeletDir: string;
  nodeName: string;
  client: Client;
  drivers: Drivers;
  attached: AttachedVolumes;
  doors: VolumeDoors;
  clock: Clock;
}

/** What a pod gets. */
export interface StandingVolume {
  path: string;
  /** Its files are to be given to the pod's group. */
  manage: boolean;
  device: boolean;
  /** Undefined when the driver cannot tell. */
  room(): Promise<FilesystemRoom | undefined>;
}

const op = 'csi';
const tokensKey = 'csi.storage.k8s.io/serviceAccount.tokens';
const defaultTokenSeconds = 3600;

/**
 * Volumes of CSI drivers: staged once for a node, published for each pod, and taken back in that
 * order. What stands is remembered on disk only (`vol_data.json`), so that a restart forgets
 * nothing.
 */
export class CsiVolumes {
  readonly #o: CsiVolumesOptions;
  readonly #records: PodRecords;
  /** Work on one volume is done one after the other, whichever pods want it. */
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(options: CsiVolumesOptions) {
    this.#o = options;
    this.#records = new PodRecords(options.kubeletDir, options.doors);
  }

  /** What earlier lives left in use must be told as such from the first status on. */
  async load(): Promise<void> {
    for (const { uid, data } of await this.#records.all())
      if (data.attachable) this.#o.attached.hold(uid, data);
  }

  /** The pods that have something here, known or not. */
  podUids(): Promise<string[]> {
    return this.#records.uids();
  }

  async setUpPersistent(
    bound: { volume: PersistentVolume; claim: PersistentVolumeClaim; readOnly: boolean },
    { of, adopted }: { of: PodVolume; adopted: boolean },
  ): Promise<StandingVolume> {
    const { volume, claim, readOnly } = bound;
    const wish = persistentWish(volume, { ...this.#o, pod: of.pod, readOnly });
    return await this.#setUp(wish, { of, adopted, grow: { volume, claim } });
  }

  async setUpInline(of: PodVolume, adopted: boolean): Promise<StandingVolume> {
    const wish = inlineWish(of.volume, { ...this.#o, pod: of.pod });
    return await this.#setUp(wish, { of, adopted });
  }

  /** Publishes again for drivers that wish it, and lets a volume grow that was made larger. */
  async refreshPersistent(
    bound: { volume: PersistentVolume; claim: PersistentVolumeClaim; readOnly: boolean },
    of: PodVolume,
  ): Promise<void> {
    const { volume, claim, readOnly } = bound;
    await this.#refresh(persistentWish(volume, { ...this.#o, pod: of.pod, readOnly }), of, {
      volume,
      claim,
    });
  }

  async refreshInline(of: PodVolume): Promise<void> {
    await this.#refresh(inlineWish(of.volume, { ...this.#o, pod: of.pod }), of);
  }

  /** Takes everything of a pod back. Throws while something cannot be; may be called again. */
  async tearDown(uid: string): Promise<void> {
    const failures: unknown[] = [];
    for (const name of await this.#records.volumesOf(uid)) {
      const data = await this.#records.read(uid, name);
      const places = data && placesOf(this.#o.kubeletDir, uid, data);
      try {
        if (data && places) await this.#inTurn(data, () => this.#takeDown(uid, { data, places }));
        else await this.#records.discard(uid, name);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    await this.#records.removePod(uid);
    this.#o.attached.release(uid);
  }

  async #setUp(
    wish: Wish,
    {
      of,
      adopted,
      grow,
    }: {
      of: PodVolume;
      adopted: boolean;
      grow?: { volume: PersistentVolume; claim: PersistentVolumeClaim };
    },
  ): Promise<StandingVolume> {
    const uid = wish.pod.metadata.uid ?? '';
    const places = placesOf(this.#o.kubeletDir, uid, wish.data);
    // What containers use is left as it is, whether its driver is there or not.
    const known = adopted ? await this.#records.read(uid, wish.data.specVolID) : undefined;
    if (known && (await this.#isMounted(places.target))) {
      if (await this.#followsUp(wish)) of.stale();
      return this.#standing({ ...wish, data: known }, places, false);
    }
    const driver = this.#o.drivers.get(wish.data.driverName);
    const about = await this.#about(driver.name);
    checkLifecycle(wish, about);
    let publishContext: Record<string, string> = {};
    if (wish.data.volumeLifecycleMode === 'Persistent' && needsAttach(about)) {
      const { volumeHandle, driverName, nodeName } = wish.data;
      wish.data.attachable = 'true';
      wish.data.attachmentID = attachmentName(volumeHandle, driverName, nodeName);
      this.#o.attached.hold(uid, wish.data);
      publishContext = await this.#o.attached.wait(wish.data);
    }
    const groupIsDrivers =
      wish.pod.spec.securityContext?.fsGroup !== undefined &&
      (await driver.can(nodeCapability.volumeMountGroup));
    await this.#inTurn(wish.data, async () => {
      const ask = { driver, about, places, publishContext, of };
      await this.#stage(wish, ask);
      await this.#publish(wish, ask);
      if (grow) await this.#grow(wish, ask, grow);
    });
    if (await this.#followsUp(wish, about)) of.stale();
    return this.#standing(wish, places, !groupIsDrivers && isGroupOurs(wish, about));
  }

  async #stage(wish: Wish, { driver, places, publishContext }: Ask): Promise<void> {
    const stages =
      wish.data.volumeLifecycleMode === 'Persistent' &&
      (await driver.can(nodeCapability.stageUnstageVolume));
    if (stages) wish.data.staged = 'true';
    // Written before anything is done: whatever happens from now on, it is known what to take back.
    await this.#records.write(wish.pod.metadata.uid ?? '', wish.data);
    if (!stages) return;
    const { volumeHandle, driverName } = wish.data;
    await this.#o.doors.disk.makeDir(op, places.staging);
    if (!wish.data.block) await this.#records.writeStaged(places, { volumeHandle, driverName });
    await driver.calls.nodeStageVolume({
      volumeId: volumeHandle,
      publishContext,
      stagingTargetPath: places.staging,
      volumeCapability: await this.#capability(wish, driver),
      secrets: await this.#secret(wish.secrets.stage, 'NodeStageSecretRef'),
      volumeContext: wish.attributes,
    });
  }

  async #publish(wish: Wish, { driver, about, places, publishContext, of }: Ask): Promise<void> {
    const tokens = await this.#tokens(about, of);
    const inSecrets = about?.serviceAccountTokenInSecrets === true;
    // The driver makes the target itself, as the specification has it; the folder above is ours.
    const above = places.target.slice(0, places.target.lastIndexOf('/'));
    await this.#o.doors.disk.makeDir(op, above);
    await driver.calls.nodePublishVolume({
      volumeId: wish.data.volumeHandle,
      publishContext,
      ...(wish.data.staged && { stagingTargetPath: places.staging }),
      targetPath: places.target,
      volumeCapability: await this.#capability(wish, driver),
      readonly: wish.readOnly,
      secrets: {
        ...(await this.#secret(wish.secrets.publish, 'NodePublishSecretRef')),
        ...(inSecrets && tokens),
      },
      volumeContext: {
        ...wish.attributes,
        ...(about?.podInfoOnMount && podInfo(wish)),
        ...(!inSecrets && tokens),
      },
    });
  }

  async #grow(
    wish: Wish,
    { driver, places }: Pick<Ask, 'driver' | 'places'>,
    bound: { volume: PersistentVolume; claim: PersistentVolumeClaim },
  ): Promise<void> {
    const size = growthOf(bound.volume, bound.claim);
    if (size === undefined || wish.readOnly) return;
    if (await driver.can(nodeCapability.expandVolume))
      await driver.calls.nodeExpandVolume({
        volumeId: wish.data.volumeHandle,
        volumePath: places.target,
        capacityRange: { requiredBytes: Number(quantityOf(size).value()) },
        ...(wish.data.staged && { stagingTargetPath: places.staging }),
        volumeCapability: await this.#capability(wish, driver),
        secrets: await this.#secret(wish.secrets.expand, 'NodeExpandSecretRef'),
      });
    await claimGrown(this.#o.client, bound.claim, size);
  }

  async #refresh(
    wish: Wish,
    of: PodVolume,
    grow?: { volume: PersistentVolume; claim: PersistentVolumeClaim },
  ): Promise<void> {
    const uid = wish.pod.metadata.uid ?? '';
    const known = await this.#records.read(uid, wish.data.specVolID);
    if (!known) return;
    if (await this.#followsUp(wish)) of.stale();
    const standing = { ...wish, data: known };
    const driver = this.#o.drivers.get(known.driverName);
    const about = await this.#about(driver.name);
    const places = placesOf(this.#o.kubeletDir, uid, known);
    await this.#inTurn(known, async () => {
      if (about?.requiresRepublish) {
        const publishContext = known.attachable ? await this.#o.attached.wait(known) : {};
        await this.#publish(standing, { driver, about, places, publishContext, of });
      }
      if (grow) await this.#grow(standing, { driver, places }, grow);
    });
  }

  async #takeDown(
    uid: string,
    { data, places }: { data: Awaited<ReturnType<PodRecords['read']>> & object; places: Places },
  ): Promise<void> {
    const driver = this.#o.drivers.get(data.driverName);
    const { volumeHandle: volumeId } = data;
    await driver.calls.nodeUnpublishVolume({ volumeId, targetPath: places.target });
    await this.#records.removePlace(places.target);
    // One of a kubelet that was here before says nothing of it: then the place does.
    const staged = data.staged ?? (await this.#o.doors.disk.stat(op, places.staging));
    if (staged && !(await this.#records.isUsedByOthers(uid, data))) {
      await driver.calls.nodeUnstageVolume({ volumeId, stagingTargetPath: places.staging });
      await this.#records.removeStaged(places, data.block === 'true');
    }
    await this.#records.remove(uid, data.specVolID);
  }

  /** Whether the driver has to be asked again while the pod runs. */
  async #followsUp({ data }: Wish, known?: CSIDriverSpec): Promise<boolean> {
    try {
      const about = known ?? (await this.#about(data.driverName));
      const driver = this.#o.drivers.get(data.driverName);
      if (about?.requiresRepublish) return true;
      if (data.volumeLifecycleMode === 'Ephemeral') return false;
      return await driver.can(nodeCapability.expandVolume);
    } catch {
      // Its driver, or the server, is not there yet: looked at again later.
      return true;
    }
  }

  #standing({ data }: Wish, places: Places, manage: boolean): StandingVolume {
    return {
      path: places.target,
      manage,
      device: data.block === 'true',
      room: async () => {
        const driver = this.#o.drivers.get(data.driverName);
        if (!(await driver.can(nodeCapability.getVolumeStats))) return undefined;
        const { usage } = await driver.calls.nodeGetVolumeStats({
          volumeId: data.volumeHandle,
          volumePath: places.target,
          ...(data.staged && { stagingTargetPath: places.staging }),
        });
        const bytes = usage.find(({ unit }) => unit === usageUnit.bytes);
        const inodes = usage.find(({ unit }) => unit === usageUnit.inodes);
        return (
          bytes && {
            capacityBytes: amount(bytes.total),
            availableBytes: amount(bytes.available),
            inodes: amount(inodes?.total),
            inodesFree: amount(inodes?.available),
          }
        );
      },
    };
  }

  async #capability(wish: Wish, driver: Driver): Promise<VolumeCapability> {
    const { fsGroup } = wish.pod.spec.securityContext ?? {};
    const groups = fsGroup !== undefined && (await driver.can(nodeCapability.volumeMountGroup));
    const finer = await driver.can(nodeCapability.singleNodeMultiWriter);
    return capabilityOf(wish, { finer, group: groups ? fsGroup : undefined });
  }

  /** What the cluster knows of the driver; it need not know it. */
  async #about(driver: string): Promise<CSIDriverSpec | undefined> {
    try {
      return (await this.#o.client.get<CSIDriver>(refs.csiDrivers, { name: driver })).spec;
    } catch (error) {
      if (error instanceof ApiError && error.reason === 'NotFound') return undefined;
      throw error;
    }
  }

  async #secret(ref: SecretRef | undefined, field: string): Promise<Record<string, string>> {
    if (!ref) return {};
    try {
      const { data } = await this.#o.client.get<Secret>(refs.secrets, ref);
      const texts = Object.entries(data ?? {}).map(([key, value]) => [
        key,
        Buffer.from(value, 'base64').toString(),
      ]);
      return Object.fromEntries(texts) as Record<string, string>;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`fetching ${field} ${ref.namespace}/${ref.name} failed: ${why}`, { cause });
    }
  }

  /** Tokens of the pod's account for the audiences that the driver asks for. */
  async #tokens(
    about: CSIDriverSpec | undefined,
    { pod, tokens }: PodVolume,
  ): Promise<Record<string, string>> {
    const asked = about?.tokenRequests ?? [];
    if (asked.length === 0) return {};
    // Only plug-ins that want a republish get them renewed.
    const source = about?.requiresRepublish
      ? tokens
      : new TokenSource(this.#o.client, this.#o.clock);
    const found: [string, object][] = [];
    for (const { audience, expirationSeconds = defaultTokenSeconds } of asked)
      found.push([audience, await source.status(pod, { audience, expirationSeconds, path: '' })]);
    return { [tokensKey]: JSON.stringify(Object.fromEntries(found)) };
  }

  async #isMounted(path: string): Promise<boolean> {
    return (await this.#o.doors.mounts.below(op, path)).includes(path);
  }

  async #inTurn(
    { driverName, volumeHandle }: Wish['data'],
    work: () => Promise<void>,
  ): Promise<void> {
    const key = `${driverName}^${volumeHandle}`;
    const done = (this.#queues.get(key) ?? Promise.resolve()).then(work, work);
    const settled = done.catch(() => undefined);
    this.#queues.set(key, settled);
    try {
      await done;
    } finally {
      if (this.#queues.get(key) === settled) this.#queues.delete(key);
    }
  }
}

const amount = (text = '0'): number => Math.max(0, Number(text));

interface Ask {
  driver: Driver;
  about: CSIDriverSpec | undefined;
  places: Places;
  publishContext: Record<string, string>;
  of: PodVolume;
}
