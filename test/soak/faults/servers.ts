import type { Machine } from '../ground.ts';
import { seconds, type Fault, type Scene } from './fault.ts';

/** Two of three, or what more than half is: without them nobody may write. */
function most({ machine, machines }: Scene): Machine[] {
  const others = machines.filter((m) => m !== machine);
  return [machine, ...others].slice(0, Math.floor(machines.length / 2) + 1);
}

/** How soon a server says that it is not ready; it must not leave a client without an answer. */
function readyz(machine: Machine): string {
  const code = machine.sh(
    'curl -sk -m 10 -o /dev/null -w "%{http_code} in %{time_total} s" ' +
      'https://127.0.0.1:6443/readyz',
    15_000,
  );
  return `readyz of ${machine.name}: ${code}`;
}

const survivor = (scene: Scene, hit: Machine[]): Machine =>
  scene.machines.find((m) => !hit.includes(m)) as Machine;

export const serverFaults: Fault[] = [
  {
    name: 'kill-etcd',
    only: 'several',
    run: async ({ machine }) => machine.signal('KILL', 'etcd'),
  },
  {
    name: 'stop-etcd',
    only: 'several',
    run: async (scene) => {
      const { s, pass } = seconds(scene, 5, 30);
      scene.machine.signal('STOP', 'etcd');
      await pass();
      scene.machine.signal('CONT', 'etcd');
      return `${s} s`;
    },
  },
  // Nobody lets it go on.
  {
    name: 'hang-etcd',
    only: 'several',
    run: async ({ machine }) => machine.signal('STOP', 'etcd'),
  },
  {
    name: 'server-away',
    only: 'several',
    run: async (scene) => {
      const { s, pass } = seconds(scene, 10, 60);
      scene.machine.hold();
      scene.machine.killServer();
      await pass();
      scene.machine.letGo();
      return `${s} s`;
    },
  },
  {
    name: 'machine-away',
    only: 'several',
    run: async (scene) => {
      const { s, pass } = seconds(scene, 20, 70);
      scene.machine.node.powerCut();
      await pass();
      await scene.machine.start();
      return `${s} s`;
    },
  },
  {
    name: 'quorum-stopped',
    only: 'several',
    run: async (scene) => {
      const { s, pass } = seconds(scene, 10, 30);
      const hit = most(scene);
      for (const machine of hit) machine.signal('STOP', 'etcd');
      await pass();
      const said = readyz(survivor(scene, hit));
      for (const machine of hit) machine.signal('CONT', 'etcd');
      return `${s} s, ${said}`;
    },
  },
  {
    name: 'quorum-away',
    only: 'several',
    run: async (scene) => {
      const { s, pass } = seconds(scene, 10, 45);
      const hit = most(scene);
      for (const machine of hit) {
        machine.hold();
        machine.killServer();
      }
      await pass();
      const said = readyz(survivor(scene, hit));
      for (const machine of hit) machine.letGo();
      return `${s} s, ${said}`;
    },
  },
  {
    name: 'kill-all-servers',
    only: 'several',
    run: async ({ machines }) => {
      for (const machine of machines) machine.killServer();
    },
  },
  {
    name: 'power-cut-everywhere',
    only: 'several',
    run: async ({ machines }) => {
      for (const machine of machines) machine.node.powerCut();
      for (const machine of machines) await machine.start();
    },
  },
];
