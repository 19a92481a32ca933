import { partOf } from '../../base/testing/part-of.ts';
import type { Node, Pod, PodSpec } from '../../api/generated/types/core-v1.ts';
import { isTerminal } from '../../api/scheduling/pod-resources.ts';
import type { Mirror } from '../../client/client.ts';
import { FakeClient } from '../../client/fake-client.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { silentLog } from '../../io/log.ts';
import { seededRandom, type Random } from '../../io/random.ts';
import { Cache } from '../cache/cache.ts';
import { podInfo, type PodInfo } from '../cache/pod-info.ts';
import { defaultConfiguration, type ProfileConfiguration } from '../config/configuration.ts';
import { makeProfile } from '../config/profiles.ts';
import { filterNode, NodeFinder } from '../find-node.ts';
import { CycleState } from '../framework/cycle-state.ts';
import type { Handle, Listers } from '../framework/handle.ts';
import type { Profile } from '../framework/profile.ts';
import { fitError, messageOfStatus } from '../framework/status.ts';

export interface NodeOptions {
  cpu?: string;
  memory?: string;
  pods?: number;
  labels?: Record<string, string>;
  taints?: { key: string; effect: string; value?: string }[];
  unschedulable?: boolean;
  more?: Record<string, string>;
  features?: string[];
  images?: { names: string[]; sizeBytes: number }[];
}

export const node = (name: string, o: NodeOptions = {}): Node =>
  partOf<Node>({
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...o.labels } },
    spec: { taints: o.taints, unschedulable: o.unschedulable },
    status: {
      allocatable: {
        cpu: o.cpu ?? '1',
        memory: o.memory ?? '1Gi',
        pods: String(o.pods ?? 110),
        ...o.more,
      },
      declaredFeatures: o.features,
      images: o.images,
    },
  });

let count = 0;
export const pod = (
  cpu: string | undefined,
  more: Partial<PodSpec> = {},
  labels: Record<string, string> = {},
): Pod =>
  ({
    metadata: {
      name: `p${++count}`,
      namespace: 'default',
      uid: `u${count}`,
      labels,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      schedulerName: 'default-scheduler',
      containers: [{ name: 'c', resources: cpu ? { requests: { cpu } } : {} }],
      ...more,
    },
    status: {},
  }) as Pod;

type Objects = { [K in keyof Listers]?: object[] };

/** What a mirror would show, from a list. */
function lister<T>(objects: readonly object[]): Pick<Mirror<T>, 'get' | 'list' | 'onChange'> {
  const keyOf = (o: object): string => {
    const { namespace, name } = (o as { metadata: { namespace?: string; name?: string } }).metadata;
    return namespace ? `${namespace}/${name}` : (name ?? '');
  };
  const inside = (o: object, namespace: string | undefined): boolean =>
    !namespace || keyOf(o).startsWith(`${namespace}/`);
  return {
    get: (key) => objects.find((o) => keyOf(o) === key) as T | undefined,
    list: (namespace) => objects.filter((o) => inside(o, namespace)) as T[],
    onChange: () => () => undefined,
  };
}

const kinds = [
  'pods',
  'namespaces',
  'services',
  'replicationControllers',
  'replicaSets',
  'statefulSets',
  'budgets',
  'claims',
  'volumes',
  'storageClasses',
  'csiNodes',
  'csiDrivers',
  'csiCapacities',
  'attachments',
  'resourceClaims',
  'resourceSlices',
  'deviceClasses',
] as const;

/** A cluster in memory on which single scheduling cycles are run, without the loop around them. */
export class TestCluster {
  readonly cache = new Cache();
  readonly clock = new FakeClock();
  readonly client = new FakeClient(this.clock);
  readonly handle: Handle;
  readonly profile: Profile;
  readonly #finder: NodeFinder;

  constructor(
    objects: Objects = {},
    {
      profile = {},
      random = seededRandom(1),
    }: { profile?: Partial<ProfileConfiguration>; random?: Random } = {},
  ) {
    const listers = Object.fromEntries(
      kinds.map((kind) => [kind, lister(objects[kind] ?? [])]),
    ) as unknown as Listers;
    const own = (): Profile => this.profile;
    const { cache } = this;
    this.handle = {
      client: this.client,
      clock: this.clock,
      log: silentLog,
      random,
      listers,
      cache,
      events: { record: () => undefined },
      promised: { volumes: new Map(), claims: new Map(), devices: new Map() },
      filterWithNominated: (state, p, n) => filterNode(own(), state, { pod: p, node: n, cache }),
      addPod: (state, p, added, n) => own().addPod(state, p, added, n),
      removePod: (state, p, removed, n) => own().removePod(state, p, removed, n),
      cancelBinding: () => false,
      activate: () => undefined,
      ungate: () => undefined,
    };
    const [standard] = defaultConfiguration.profiles;
    this.profile = makeProfile({ ...standard!, ...profile }, this.handle);
    this.#finder = new NodeFinder(cache, random);
  }

  /** Adds a node with pods on it. */
  with(n: Node, ...pods: Pod[]): this {
    this.cache.setNode(n);
    for (const p of pods) this.run(p, n.metadata.name ?? '');
    return this;
  }

  /** Counts a pod on a node as the API server would. */
  run(p: Pod, on: string): void {
    if (!isTerminal(p)) this.cache.setPod({ ...p, spec: { ...p.spec, nodeName: on } });
  }

  /** The node that a cycle chooses, or the message that it would write. */
  place(p: Pod, state = new CycleState()): string {
    const info = podInfo(p);
    const found = this.#finder.find(this.profile, state, info);
    if (found.node !== undefined) return found.node;
    if ('error' in found) return messageOfStatus(found.error);
    return fitError(this.cache.nodes.length, found.diagnosis);
  }

  /** What the plug-ins do about a pod that fits nowhere. */
  preempt(p: Pod): { nominated?: string; message: string } {
    const state = new CycleState();
    const info: PodInfo = podInfo(p);
    const found = this.#finder.find(this.profile, state, info);
    if (found.node !== undefined || 'error' in found) throw new Error('the pod fits');
    const { nominated, status } = this.profile.postFilter(state, info, found.diagnosis.statuses);
    return {
      ...(nominated !== undefined && { nominated }),
      message: status ? messageOfStatus(status) : '',
    };
  }
}
