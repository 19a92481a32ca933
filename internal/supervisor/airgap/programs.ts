import { join } from 'node:path';

/**
 * What an air-gap bundle brought is found after what the machine has: programs that this process
 * starts, and theirs.
 */
export function findAirgapPrograms(dataDir: string): void {
  const path = (process.env['PATH'] ?? '').split(':').filter(Boolean);
  const bin = join(dataDir, 'airgap/bin');
  if (!path.includes(bin)) process.env['PATH'] = [...path, bin].join(':');
}
