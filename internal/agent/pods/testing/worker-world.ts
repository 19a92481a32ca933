import type { Pod } from '../../../api/generated/types/core-v1.ts';
import { FakeClient } from '../../../client/fake-client.ts';
import { refs } from '../../../client/refs.ts';
import { FakeClock } from '../../../io/clock-fake.ts';
import { FakeRuntime } from '../fake-runtime.ts';
import { PodSet, type PodSetPorts } from '../pod-set.ts';
import { fakePorts } from '../ports-fake.ts';
import { StartGate } from '../start-gate.ts';

// Workers on twins, for the tests of this folder: what stands here is made again by `begin`.

export let clock: FakeClock;
export let runtime: FakeRuntime;
export let client: FakeClient;
export let set: PodSet;
export let events: string[];
export let undone: string[];
/** What the network is told of pods' addresses; `hold` may be made to fail or to wait. */
export let addresses: PodSetPorts['podAddresses'];
export let held: string[];
/** CNI gives the pod that is being started an address. */
export let noted: (ip: string) => void;
export let starts: StartGate;
/** What exec probes answer, by container; a real set of probes asks. */
export let exits: Map<string, number>;
/** The API's echo of our own writes stays away, as it may for any time: nothing must hang on it. */
let deaf: boolean;
export const goDeaf = (): void => void (deaf = true);

const makePorts = (more: Partial<PodSetPorts>): PodSetPorts =>
  fakePorts({
    clock,
    runtime,
    client,
    events,
    undone,
    exits,
    set: () => set,
    more: {
      podAddresses: addresses,
      starts,
      cniResults: {
        expect: (_uid, told) => {
          noted = (ip) => told([ip]);
          return () => undefined;
        },
      },
      ...more,
    },
  });

/** Lets everything that is due now happen. */
export const settle = async (): Promise<void> => {
  for (let i = 0; i < 30; i++) await clock.advance(0);
};

export async function create(spec: object = {}): Promise<Pod> {
  const pod = await client.create<Pod>(refs.pods, {
    metadata: { name: 'p', namespace: 'n' },
    spec: {
      nodeName: 'here',
      containers: [{ name: 'a', image: 'i', terminationMessagePath: '' }],
      ...spec,
    },
  });
  set.apply(pod);
  await settle();
  return pod;
}

export const shown = (): Pod | undefined => client.all<Pod>(refs.pods)[0];

/** The agent begins anew: `set` knows nothing of what there is. */
export function newSet(more: Partial<PodSetPorts> = {}): void {
  set = new PodSet({
    ports: makePorts(more),
    desired: {
      put: () => undefined,
      remove: () => undefined,
      flushed: () => Promise.resolve(),
    } as never,
    node: () => undefined,
    unsafeSysctls: [],
  });
  runtime.exited = (id) => set.exited(id);
}

/** A world without pods, before each test. */
export function begin(): void {
  clock = new FakeClock();
  runtime = new FakeRuntime(() => clock.now());
  client = new FakeClient(clock);
  events = [];
  undone = [];
  exits = new Map();
  deaf = false;
  held = [];
  starts = new StartGate(4, clock);
  addresses = {
    hold: (pod, ips) => Promise.resolve(void held.push(`hold ${pod.metadata.name} ${ips.join()}`)),
    tell: (pod, ips) => void held.push(`tell ${pod.metadata.name} ${ips.join()}`),
    forget: (uid) => void held.push(`forget ${uid}`),
  };
  newSet();
  // The mirror: every write of the API comes back.
  client.watch<Pod>(
    refs.pods,
    {},
    {
      onEvent: (type, pod) =>
        type === 'DELETED'
          ? set.remove(pod.metadata.uid!)
          : type === 'MODIFIED' && !deaf
            ? set.apply(pod)
            : undefined,
      onEnd: () => undefined,
    },
  );
}
