/**
 * Millions of writes: file, memory and latency must stay where they were. `soak.ts [MILLIONS]
 * [FOLDER]`.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { realClock } from '../../internal/io/clock.ts';
import { makeLog } from '../../internal/io/log.ts';
import { openSqliteStore } from '../../internal/store/sqlite/open.ts';

const millions = Number(process.argv[2] ?? 10);
const dir = mkdtempSync(join(process.argv[3] ?? '/var/tmp', 'skiff-soak-'));
const store = await openSqliteStore({ dir, clock: realClock, log: makeLog({ level: 'warn' }) });
const value = Buffer.alloc(450, 'v');
const mb = (bytes: number): string => (bytes / 1e6).toFixed(0);
const fileBytes = (): number =>
  ['', '-wal'].reduce(
    (sum, suffix) =>
      sum + (statSync(join(dir, `store.db${suffix}`), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
try {
  let next = 0;
  for (let part = 1; part <= millions * 2; part++) {
    const latencies: number[] = [];
    const start = performance.now();
    await Promise.all(
      Array.from({ length: 64 }, async () => {
        while (next < part * 500_000) {
          const i = next++;
          const called = performance.now();
          if (i % 10 === 9)
            await store.deleteRange({ key: `/registry/pods/default/p${(i * 7) % 50_000}` });
          else await store.put({ key: `/registry/pods/default/p${(i * 7) % 50_000}`, value });
          if (i % 50 === 0) latencies.push(performance.now() - called);
        }
      }),
    );
    latencies.sort((a, b) => a - b);
    const at = (share: number): string =>
      (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(1);
    const { rss, heapUsed } = process.memoryUsage();
    console.log(
      `${part * 0.5} million: ${(500_000_000 / (performance.now() - start)).toFixed(0)}/s, ` +
        `median ${at(0.5)} ms, 99 % ${at(0.99)} ms, 99.9 % ${at(0.999)} ms, file ` +
        `${mb(fileBytes())} MB, memory ${mb(rss)} MB (heap ${mb(heapUsed)} MB)`,
    );
  }
} finally {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
}
process.exit();
