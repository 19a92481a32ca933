import type { Machine } from '../ground.ts';
import { namespace } from '../workload.ts';
import { seconds, type Fault, type Scene } from './fault.ts';

const hour = 3600;
const day = 24 * hour;
const toStartOfTime = (): number => -Math.floor(Date.now() / 1000) + 300;

/** By how many seconds a clock is wrong when it jumps, or when a server starts. */
const jumps = (): number[] => [hour, -hour, -40 * day, 5 * 365 * day];
const starts = (): number[] => [hour, -hour, 5 * 365 * day, toStartOfTime()];

const told = (by: number): string =>
  by < -9999 * day
    ? 'in 1970'
    : `${by > 0 ? '+' : ''}${by >= day || by <= -day ? `${by / day} d` : `${by / hour} h`}`;

/** What is made by a wrong clock has its date. */
function makePods({ machine, rng }: Scene): string {
  const app = rng.of([undefined, 'web', 'each']);
  if (app === undefined) return '';
  machine.kubectl(['-n', namespace, 'delete', 'pods', '-l', `app=${app}`, '--wait=false']);
  return `, pods of ${app} made again`;
}

const startsWith = (machine: Machine, clock: number): void => {
  machine.hold();
  machine.signal('KILL', 'skiff');
  machine.setClock(clock);
  machine.letGo();
};

export const clockFaults: Fault[] = [
  {
    name: 'clock-jumps',
    run: async (scene) => {
      const by = scene.rng.of(jumps()) ?? hour;
      const { s, pass } = seconds(scene, 3, 20);
      scene.machine.setClock(by);
      await scene.sleep(2_000);
      const made = makePods(scene);
      await pass();
      scene.machine.setClock(0);
      return `${told(by)}, ${s + 2} s${made}`;
    },
  },
  {
    name: 'clock-wrong-at-start',
    run: async (scene) => {
      const by = scene.rng.of(starts()) ?? hour;
      const { s, pass } = seconds(scene, 10, 30);
      startsWith(scene.machine, by);
      await pass();
      const made = makePods(scene);
      await scene.sleep(2_000);
      scene.machine.setClock(0);
      return `${told(by)}, ${s + 2} s${made}`;
    },
  },
  {
    // Set right while the server is away.
    name: 'clock-wrong-for-a-life',
    run: async (scene) => {
      const by = scene.rng.of(starts()) ?? hour;
      const { s, pass } = seconds(scene, 10, 30);
      startsWith(scene.machine, by);
      await pass();
      startsWith(scene.machine, 0);
      if (by > 0) scene.machine.doubtsClock = true;
      return `${told(by)}, ${s} s`;
    },
  },
  {
    // A board without a battery.
    name: 'power-cut-and-1970',
    run: async (scene) => {
      const { machine } = scene;
      const { s, pass } = seconds(scene, 5, 30);
      machine.node.powerCut();
      machine.setClock(toStartOfTime());
      await machine.start();
      await pass();
      machine.setClock(0);
      return `${s} s`;
    },
  },
];
