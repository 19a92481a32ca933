import type { Machine } from '../ground.ts';
import type { Rng } from '../rng.ts';

export interface Scene {
  machine: Machine;
  /** All of the cluster, with the one that is hit. */
  machines: Machine[];
  rng: Rng;
  /** Applies another page; the walk remembers what it should say. */
  turnPage(): void;
  sleep(ms: number): Promise<void>;
}

export interface Fault {
  name: string;
  /** Only where one machine is the whole cluster, or only where there are several. */
  only?: 'alone' | 'several';
  /** Resolves when the world is as it was, and healing can begin. Returns what was hit. */
  run(scene: Scene): Promise<string | void>;
}

export const seconds = ({ rng, sleep }: Scene, low: number, high: number) => {
  const s = rng.between(low, high);
  return { s, pass: () => sleep(s * 1000) };
};
