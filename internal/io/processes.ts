import * as fs from 'node:fs/promises';
import { constants } from 'node:os';
import { own } from '../base/own.ts';

export interface ProcessInfo {
  pid: number;
  parent: number;
  /** The session (setsid(2)) that it belongs to, by the pid of who began it. */
  session?: number;
  command: string[];
}

/** Processes of this machine, as far as this process may see them. */
export interface Processes {
  list(op: string): Promise<ProcessInfo[]>;
  /** Sends a signal; false when there is no such process any more. */
  kill(op: string, pid: number, signal: NodeJS.Signals): boolean;
  alive(pid: number): boolean;
  /** Somebody has stopped it (SIGSTOP): it does nothing until it is let go on, or killed. */
  isStopped(pid: number): Promise<boolean>;
  /** Names a process's view of the files; undefined when the process is gone. */
  mountNamespace(pid: number): Promise<string | undefined>;
}

export const realProcesses: Processes = {
  async list() {
    const found: ProcessInfo[] = [];
    for (const name of await fs.readdir('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      try {
        const [stat, cmdline] = await Promise.all([
          fs.readFile(`/proc/${name}/stat`, 'utf8'),
          fs.readFile(`/proc/${name}/cmdline`, 'utf8'),
        ]);
        // The program's name stands in parentheses and may hold anything; after it come state,
        // parent, process group and session.
        const [, parent, , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        found.push({
          pid: Number(name),
          parent: Number(parent),
          session: Number(session),
          command: cmdline.split('\0').slice(0, -1),
        });
      } catch {
        continue; // ended meanwhile
      }
    }
    return found;
  },
  kill(_op, pid, signal) {
    try {
      return process.kill(pid, signal);
    } catch {
      return false;
    }
  },
  alive(pid) {
    try {
      return process.kill(pid, 0);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  },
  // The state is the first field after the program's name.
  isStopped: async (pid) =>
    /\) T [^)]*$/.test(await fs.readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')),
  mountNamespace: (pid) => fs.readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined),
};

/** A program that a signal ended has this status, as shells say it. */
export const statusOfSignal = (name: NodeJS.Signals): number =>
  128 + (own(constants.signals, name) ?? 0);
