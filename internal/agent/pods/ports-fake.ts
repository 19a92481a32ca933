import type { Pod } from '../../api/generated/types/core-v1.ts';
import type { FakeClient } from '../../client/fake-client.ts';
import type { FakeClock } from '../../io/clock-fake.ts';
import { FakeFiles } from '../../io/disk.fake.ts';
import { silentLog } from '../../io/log.ts';
import { FakeMounts } from '../../io/mounts.fake.ts';
import { seededRandom } from '../../io/random.ts';
import { Probes } from '../probes/probes.ts';
import { StatusWriter } from '../status/status-writer.ts';
import { BackOff } from './back-off.ts';
import { podObjects } from './pod-objects.ts';
import type { FakeRuntime } from './fake-runtime.ts';
import type { PodSet, PodSetPorts } from './pod-set.ts';
import { RuntimeReader } from './runtime-reader.ts';
import { StartGate } from './start-gate.ts';

export interface World {
  clock: FakeClock;
  runtime: FakeRuntime;
  client: FakeClient;
  set(): PodSet;
  events: string[];
  undone: string[];
  /** What exec probes answer, by container; a real set of probes asks. */
  exits: Map<string, number>;
  /** Instead of what is here by default. */
  more?: Partial<PodSetPorts>;
}

/** What workers need, out of twins: nothing of it touches the machine. */
export function fakePorts(world: World): PodSetPorts {
  const { clock, runtime, client, events, undone, exits } = world;
  const note = (_about: unknown, reason: string, message: string): void =>
    void events.push(`${reason}: ${message}`);
  const files = new FakeFiles(() => clock.now());
  files.place('/p', 'dir');
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    cri: runtime.cri,
    reader: new RuntimeReader(runtime.cri),
    images: { ensure: () => Promise.resolve({ ref: 'sha256:1' }), forget: () => undefined },
    volumes: {
      mount: () => Promise.resolve(new Map()),
      mounted: () => new Map(),
      podDir: () => '/p',
      update: () => undefined,
      unmount: (uid: string) => Promise.resolve(void undone.push(`volumes ${uid}`)),
      leftovers: () => Promise.resolve([]),
    },
    probes: new Probes({
      doors: {
        clock,
        dial: undefined as never,
        exec: (id) =>
          Promise.resolve({ exitCode: exits.get(id.replace(/-\d+$/, '')) ?? 0, output: '' }),
      },
      random: seededRandom(1),
      onResult: ({ uid }) => world.set().worker(uid)?.wake(),
      event: () => undefined,
    }),
    cgroups: {
      ensure: nothing,
      remove: (uid: string) => Promise.resolve(void undone.push(`cgroup ${uid}`)),
      parentOf: () => '/kubepods/x',
      sweep: nothing,
    },
    writer: new StatusWriter({
      client,
      clock,
      log: silentLog,
      gone: (uid) => world.set().remove(uid),
    }),
    backOff: new BackOff(),
    events: { normal: note, warning: note, flushed: nothing },
    sources: {
      services: () => [],
      configMap: () => Promise.reject(new Error('none')),
      secret: () => Promise.reject(new Error('none')),
    },
    mountDoors: {
      disk: files.disk,
      tree: files.tree,
      mounts: new FakeMounts(),
      random: seededRandom(1),
      log: silentLog,
    },
    probeDoors: { clock },
    clock,
    log: silentLog,
    node: {
      facts: () => ({
        logRoot: '/var/log/pods',
        seccompRoot: '',
        clusterDns: [],
        clusterDomain: 'c',
        hostDns: { servers: [], searches: [], options: [] },
        memoryCapacityBytes: 1e9,
        hugePageSizes: [],
      }),
      hostIPs: () => ['192.0.2.1'],
      allocatable: () => ({ cpu: '2', memory: '1Gi', pods: '10' }),
      runtimeHandler: () => Promise.resolve(''),
      promised: () => 0n,
    },
    objects: podObjects(client, () => undefined),
    siblings: {
      hasEnded: (id: string) => world.set().hasEnded(id),
      isAwaited: (pod: Pod) => world.set().isAwaited(pod),
      done: (uid: string) => world.set().done(uid),
    },
    readiness: { network: () => true, runtimeSettled: () => true, offline: () => false },
    podAddresses: { hold: nothing, tell: () => undefined, forget: () => undefined },
    cniResults: { expect: () => () => undefined },
    lookAtWays: () => undefined,
    logs: { sync: () => undefined },
    starts: new StartGate(4, clock),
    ...world.more,
  } as PodSetPorts;
}
