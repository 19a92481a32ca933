import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

export interface Counters {
  cpuMs: number;
  pssKb: number;
  anonymousKb: number;
  writtenBytes: number;
  syscallsWrite: number;
  switches: number;
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};
const linkOf = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
};
const field = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);

/** What the kernel has counted of a process so far. */
export function countersOf(pid: number): Counters {
  const stat = read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ') ?? [];
  const io = read(`/proc/${pid}/io`);
  const memory = read(`/proc/${pid}/smaps_rollup`);
  let switches = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    switches += field(read(`/proc/${pid}/task/${task}/status`), 'voluntary_ctxt_switches');
  return {
    cpuMs: (Number(stat[11]) + Number(stat[12])) * 10,
    pssKb: field(memory, 'Pss'),
    anonymousKb: field(memory, 'Anonymous'),
    writtenBytes: field(io, 'write_bytes'),
    syscallsWrite: field(io, 'wchar'),
    switches,
  };
}

/** The process of this command line in a network of its own: others may run on this machine. */
export function processIn(network: string, pattern: RegExp): number {
  return (
    readdirSync('/proc')
      .map(Number)
      .find(
        (pid) =>
          pattern.test(read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')) &&
          linkOf(`/proc/${pid}/ns/net`) === network,
      ) ?? 0
  );
}

/** A line of what a process has used between two looks. */
export function usedLine(name: string, a: Counters, b: Counters, minutes: number): string {
  const seconds = minutes * 60;
  return (
    `${name}: PSS ${(b.pssKb / 1024).toFixed(1)} MB; CPU ` +
    `${((b.cpuMs - a.cpuMs) / seconds / 10).toFixed(2)} % of a core; ` +
    (`written ${((b.writtenBytes - a.writtenBytes) / 1024 / minutes).toFixed(1)} KB a ` +
      `minute to disk, ${((b.syscallsWrite - a.syscallsWrite) / 1024 / minutes).toFixed(1)} ` +
      'KB by calls; ') +
    `${((b.switches - a.switches) / seconds).toFixed(1)} voluntary context switches a second\n`
  );
}

/** Ten pods that sleep. */
export const tenPods = (nodeName?: string): string =>
  Array.from({ length: 10 }, (_, i) =>
    [
      'apiVersion: v1\nkind: Pod',
      `metadata: {name: p${i}}`,
      'spec:',
      ...(nodeName === undefined ? [] : [`  nodeName: ${nodeName}`]),
      '  containers:',
      '  - {name: c, image: "docker.io/library/busybox:test", command: [sleep, "100000"]}',
      '---\n',
    ].join('\n'),
  ).join('');
