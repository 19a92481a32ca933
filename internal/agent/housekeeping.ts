import type { Pod } from '../api/generated/types/core-v1.ts';
import type { EventRecorder } from '../client/events.ts';
import type { Troubles } from '../client/troubles.ts';
import type { Clock, Timer } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import type { Log } from '../io/log.ts';
import type { Spawn } from '../io/spawn.ts';
import type { CriClient } from './cri/client.ts';
import { ImageCollector } from './gc/image-collector.ts';
import { podLogDirectory } from './config/sandbox-config.ts';
import { withPodDisks } from './gc/pod-disk.ts';
import { startLocalStorageLimits } from './gc/local-storage.ts';
import { startPressure, type Pressures } from './gc/pressure.ts';
import type { Machine } from './machine.ts';
import type { KubeletOptions } from './options.ts';
import type { PodSet } from './pods/pod-set.ts';
import { evictPod } from './evict-pod.ts';
import { evictionUsage, readUsage } from './usage.ts';
import type { Volumes } from './volumes/volumes.ts';

export interface HousekeepingOptions {
  kubelet?: KubeletOptions;
  cri: CriClient;
  pods: PodSet;
  volumes: Volumes;
  events: EventRecorder;
  node: { kind: string; name: string; uid: string; apiVersion: string };
  /** Names of images that cannot be pulled again. */
  pinned(): Set<string>;
  pressure(now: Pressures): void;
  troubles?: Troubles | undefined;
  agentDir: string;
  logRoot: string;
  clock: Clock;
  disk: Disk;
  machine: Machine;
  spawn: Spawn;
  log: Log;
}

/** The kubelet's patience with a pod that it evicted, before it looks for the next. */
const endedWithinMs = 30_000;
const endedLookMs = 1000;
/**
 * containerd waits 1 s before it tries an event again, then twice as long each time: after a disk
 * that was full for a minute, up to a minute more.
 */
const laterLooksMs = [5000, 10_000, 15_000, 20_000, 25_000, 30_000, 45_000, 60_000, 90_000];

/** Full disks come slowly: the kubelet, too, looks at images every five minutes. */
const collectMs = 300_000;

/** Logs, images, and pods when there is too little room for all of them. Returns how to stop. */
export function startHousekeeping(options: HousekeepingOptions): () => void {
  const { cri, pods, clock, disk, log } = options;
  const usage = async () => evictionUsage(await readUsage(cri, pods));
  const running = (): Pod[] =>
    [...pods.workers()]
      .filter((w) => w.phase === 'running')
      .map((w) => ({ ...w.pod, status: w.status }));
  const room = () => options.machine.room('gc.room', options.agentDir);
  const evict = (pod: Pod, reason: string, message: string, graceSeconds = 1): void =>
    evictPod(options, pod, { reason, message, graceSeconds });
  const localVolumes = (pod: Pod) => options.volumes.localUsage(pod);
  // containerd, which could not write down on a full disk that a container ended, tries that again
  // later and tells nobody when it succeeds.
  let looks: Timer[] = [];
  const stopLooking = (): void => {
    for (const look of looks) look.cancel();
  };
  const lookLater = (): void => {
    stopLooking();
    looks = laterLooksMs.map((ms) => clock.after('gc.recovered', ms, () => pods.relist()));
  };
  // What a full disk kept from being as it should be need not wait for its next try.
  const recovered = (): void => {
    pods.relist();
    pods.wake();
    lookLater();
  };
  // The disk may have been full before this start.
  if (pods.foundAny) lookLater();
  let pressed = false;
  const report = (now: Pressures): void => {
    if (pressed && !now.disk) recovered();
    pressed = now.disk;
    options.troubles?.set(
      'ReadonlyFilesystem',
      'agent',
      now.readOnly
        ? `the file system of ${options.agentDir} is read-only: no container can be started`
        : undefined,
    );
    options.pressure(now);
  };
  const collector = new ImageCollector({
    policy: options.kubelet?.imageGc,
    clock,
    log,
    room,
    images: async () => {
      const pinned = options.pinned();
      return (await cri.listImages({})).images.map((i) => ({
        id: i.id,
        sizeBytes: i.size,
        pinned: i.pinned || i.repoTags.some((t) => pinned.has(t)),
      }));
    },
    inUse: async () => new Set((await cri.listContainers({})).containers.map((c) => c.imageRef)),
    remove: async (id) => void (await cri.removeImage({ image: { image: id } })),
    warn: (reason, message) => options.events.warning(options.node, reason, message),
  });
  const collect = (): void =>
    void collector
      .collect()
      .catch((error: unknown) => log.warn('images were not collected', { error }));
  const images = clock.every('gc.images', collectMs, collect);
  // A trouble that ended may have been a disk that was full for less time than passes between two
  // looks.
  const stopTroubles = options.troubles?.onChange((begun) => begun ?? recovered());
  const stops = [
    () => stopTroubles?.(),
    () => images.cancel(),
    stopLooking,
    startPressure({
      policy: options.kubelet?.eviction,
      ...{ clock, disk, log, evict, nodeRoom: room, imageRoom: room, pods: running, report },
      usage: async (of) =>
        of === 'memory'
          ? await usage()
          : await withPodDisks(running(), await usage(), {
              spawn: options.spawn,
              localVolumes,
              logFolder: (pod) => podLogDirectory(options.logRoot, pod),
            }),
      // Dead containers first: an image that one was made from is in use.
      reclaimDisk: async () => {
        await pods.removeDead();
        await collector.collectAll();
      },
      readOnly: () => options.machine.isReadOnly(options.agentDir),
      ended: (pod) => whenEnded(options, pod.metadata.uid!),
      helpless: (signal, now) =>
        options.events.warning(
          options.node,
          'FreeDiskSpaceFailed',
          helplessMessage(signal, now, options.agentDir),
        ),
    }),
    startLocalStorageLimits({
      clock,
      log,
      spawn: options.spawn,
      pods: running,
      usage,
      evict,
      localVolumes,
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

async function whenEnded({ pods, clock }: HousekeepingOptions, uid: string): Promise<void> {
  for (let waited = 0; waited < endedWithinMs; waited += endedLookMs) {
    const phase = pods.worker(uid)?.phase;
    if (phase === undefined || phase === 'terminated' || phase === 'gone') return;
    await clock.sleep('gc.evicted', endedLookMs);
  }
}

function helplessMessage(
  signal: string,
  { available, capacity }: { available: number; capacity: number },
  folder: string,
): string {
  const mebibytes = (bytes: number): string => `${Math.floor(bytes / 1024 ** 2)}Mi`;
  const left =
    signal === 'nodefs.inodesFree'
      ? `${available} of ${capacity} inodes`
      : `${mebibytes(available)} of ${mebibytes(capacity)}`;
  return (
    `The file system of ${folder} has ${left} left, and neither images nor the files of pods ` +
    'are what fills it. Pods stay; free space on the node'
  );
}
