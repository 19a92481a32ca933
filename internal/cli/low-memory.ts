import { embedded } from '../io/assets.ts';
import { memoryLimitBytes } from '../io/memory-limit.ts';

/**
 * Measured on a server that answers requests: 24 MB of anonymous memory with these, 45 MB without.
 */
const always = ['--no-concurrent-recompilation', '--max-semi-space-size=2'];
const marker = 'SKIFF_LOW_MEMORY';
/**
 * Below this limit of the cgroup the heap is told how large it may become; V8's own choice goes by
 * the machine.
 */
const tightBytes = 1024 ** 3;
/**
 * The rest is for the code, SQLite, buffers, and for containerd and its shims, which share the
 * cgroup.
 */
const heapShare = 0.35;
/**
 * Measured: with ten pods 36 MB of objects live on. With less than this it would do nothing but
 * collect garbage.
 */
const leastHeapMegabytes = 44;
/**
 * glibc gives each thread an arena of its own and keeps what is freed in it; with a threshold that
 * is said it stops raising it, and gives large pieces back when they are freed.
 */
const allocator = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_TRIM_THRESHOLD_: '131072',
  MALLOC_MMAP_THRESHOLD_: '131072',
};

/** V8's flags for a process whose cgroup has this limit (undefined: none). */
export function memoryFlags(limitBytes: number | undefined): string[] {
  if (limitBytes === undefined || limitBytes >= tightBytes) return always;
  const heap = Math.max(leastHeapMegabytes, Math.floor((limitBytes * heapShare) / 1024 ** 2));
  return [...always, `--max-old-space-size=${heap}`];
}

/** What is said of a limit that leaves little room; undefined when there is nothing to say. */
export function memoryNotice(limitBytes: number | undefined): string | undefined {
  if (limitBytes === undefined || limitBytes >= tightBytes) return undefined;
  const heap = memoryFlags(limitBytes)
    .find((flag) => flag.startsWith('--max-old-space-size'))
    ?.split('=')[1];
  return (
    `the cgroup's memory limit is ${Math.floor(limitBytes / 1024 ** 2)} MiB: the heap gets ` +
    `${heap} MiB, and pods start few at a time`
  );
}

/**
 * Starts the executable again in place, under the same process id, with V8 flags that only a start
 * can set. Short commands do without: they would pay for it in time. The source tree runs as Node
 * was started.
 */
export function restartWithLowMemory(): void {
  if (!embedded || process.env[marker] !== undefined || process.execve === undefined) return;
  const flags = memoryFlags(memoryLimitBytes()).join(' ');
  process.execve(
    process.execPath,
    [process.execPath, `--node-options=${flags}`, ...process.argv.slice(2)],
    { ...(process.env as Record<string, string>), ...allocator, [marker]: '1' },
  );
}
