import type { ProcessInfo, Processes } from './processes.ts';

/** The fake of `Processes`: those of a list, which end when they are killed. */
export class FakeProcesses implements Processes {
  running: ProcessInfo[];

  constructor(running: ProcessInfo[] = []) {
    this.running = running;
  }

  list(): Promise<ProcessInfo[]> {
    return Promise.resolve(this.running);
  }

  kill(_op: string, pid: number): boolean {
    const there = this.alive(pid);
    this.running = this.running.filter((one) => one.pid !== pid);
    return there;
  }

  alive(pid: number): boolean {
    return this.running.some((one) => one.pid === pid);
  }

  isStopped(): Promise<boolean> {
    return Promise.resolve(false);
  }

  mountNamespace(): Promise<string | undefined> {
    return Promise.resolve(undefined);
  }
}
