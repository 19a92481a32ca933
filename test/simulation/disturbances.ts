import type { Pod } from '../../internal/api/generated/types/core-v1.ts';
import { refs } from '../../internal/client/refs.ts';
import type { Random } from '../../internal/io/random.ts';
import type { NodeMachine } from './machine.ts';
import { namespace, type Operator, type Surroundings } from './operator.ts';

/** What disturbances happen to. */
export interface Scene extends Surroundings {
  readonly operator: Operator;
  addMachine(): Promise<unknown>;
  /** Pods may not be ready for a while. */
  rough(): void;
  /** Something that takes its time; a quiet cluster waits for its end. */
  begin(work: Promise<unknown>): void;
}

export interface Disturbance {
  name: string;
  weight: number;
  /** Does it, or begins it. Returns what was chosen; undefined = it could not be done now. */
  happen(world: Scene): Promise<string | undefined> | string | undefined;
}

const second = 1000;

const some = <T>(random: Random, of: readonly T[]): T | undefined => of[random.int(of.length)];

const living = ({ cluster }: Scene): NodeMachine[] =>
  [...cluster.machines.values()].filter((m) => m.powered);

function onMachine(
  name: string,
  weight: number,
  happen: (machine: NodeMachine, world: Scene) => Promise<string> | string,
): Disturbance {
  return {
    name,
    weight,
    happen: (world) => {
      const machine = some(world.cluster.random, living(world));
      return machine && happen(machine, world);
    },
  };
}

const all: Disturbance[] = [
  {
    name: 'the server ends',
    weight: 2,
    happen: ({ cluster }) => {
      cluster.killServer();
      return '';
    },
  },
  {
    name: 'the server cannot write',
    weight: 1,
    happen: ({ cluster }) => String((cluster.serverDisk.failures = 1 + cluster.random.int(5))),
  },
  {
    name: 'the disk of the server is slow',
    weight: 1,
    happen: ({ cluster }) =>
      `${(cluster.serverDisk.syncMs = some(cluster.random, [2, 2, 40, 400])!)} ms`,
  },
  onMachine('an agent ends', 3, (machine, { cluster }) => {
    machine.killAgent();
    cluster.time.after('service', 5 * second, () => machine.startAgent());
    return machine.name;
  }),
  onMachine('the power goes', 2, async (machine, world) => {
    const { cluster } = world;
    world.rough();
    const forMs = (20 + cluster.random.int(600)) * second;
    await machine.powerCut();
    cluster.time.after('power', forMs, () => {
      world.rough();
      if (!machine.powered && cluster.machines.has(machine.name)) world.begin(machine.powerOn());
    });
    return `${machine.name} for ${forMs / second} s`;
  }),
  onMachine('a node is cut off', 2, (machine, world) => {
    const { cluster } = world;
    world.rough();
    const forMs = (2 + cluster.random.int(700)) * second;
    machine.link.setCut(true);
    cluster.time.after('network', forMs, () => {
      world.rough();
      machine.link.setCut(false);
    });
    return `${machine.name} for ${forMs / second} s`;
  }),
  onMachine('the runtime fails', 2, (machine, { cluster }) => {
    machine.runtime.failures = 1 + cluster.random.int(6);
    return machine.name;
  }),
  onMachine('a container dies', 3, (machine, world) => {
    world.rough();
    const container = some(world.cluster.random, machine.runtime.running());
    if (container) machine.runtime.finish(container, 1 + world.cluster.random.int(3));
    return `${container?.id} on ${machine.name}`;
  }),
  onMachine('a clock is set', 1, (machine, { cluster }) => {
    machine.wall.offsetMs = (cluster.random.int(7200) - 3600) * second;
    return `${machine.name} by ${machine.wall.offsetMs / second} s`;
  }),
  {
    name: 'the clock of the server is set',
    weight: 1,
    happen: ({ cluster }) => {
      cluster.serverWall.offsetMs = (cluster.random.int(7200) - 3600) * second;
      return `by ${cluster.serverWall.offsetMs / second} s`;
    },
  },
  {
    name: 'a pod is deleted',
    weight: 3,
    happen: (world) => {
      const { cluster, operator } = world;
      if (!cluster.server) return undefined;
      const pods = cluster.store<Pod>(refs.pods).filter((p) => p.metadata.namespace === namespace);
      const pod = some(cluster.random, pods);
      if (!pod) return undefined;
      world.rough();
      world.begin(operator.deletePod(pod));
      return pod.metadata.name;
    },
  },
  {
    name: 'scaled',
    weight: 4,
    happen: (world) => {
      const { cluster, operator, wanted } = world;
      const name = some(cluster.random, ['web', 'api', 'db'] as const)!;
      wanted[name] = cluster.random.int(name === 'db' ? 4 : 7);
      world.rough();
      world.begin(operator.scale(name, wanted[name]));
      return `${name} to ${wanted[name]}`;
    },
  },
  {
    name: 'rolled',
    weight: 3,
    happen: (world) => {
      const name = some(world.cluster.random, ['web', 'api', 'db', 'log'] as const)!;
      world.rough();
      world.begin(world.operator.roll(name));
      return name;
    },
  },
  {
    name: 'a job',
    weight: 3,
    happen: (world) => {
      const { cluster, operator } = world;
      const name = `job-${Math.round(cluster.time.monotonicMs())}`;
      const shape = { completions: 1 + cluster.random.int(3), exitCode: cluster.random.int(2) };
      world.begin(operator.runJob(name, shape));
      return name;
    },
  },
  {
    name: 'a note',
    weight: 6,
    happen: (world) => {
      const name = `note-${world.cluster.random.int(5)}`;
      world.begin(world.operator.write(name));
      return name;
    },
  },
  onMachine('drained', 2, (machine, world) => {
    world.begin(world.operator.drain(machine.name));
    return machine.name;
  }),
  onMachine('a node is lost and replaced', 1, async (machine, world) => {
    const { cluster, operator } = world;
    world.rough();
    await machine.powerCut();
    cluster.machines.delete(machine.name);
    world.begin(operator.deleteNode(machine.name));
    await world.addMachine();
    return machine.name;
  }),
];

const weights = all.reduce((sum, { weight }) => sum + weight, 0);

export const disturbances = {
  pick(random: Random): Disturbance {
    let left = random.int(weights);
    return all.find(({ weight }) => (left -= weight) < 0)!;
  },
};
