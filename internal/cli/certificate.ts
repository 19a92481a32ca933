import { join } from 'node:path';
import { inColumns } from './columns.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { expiries } from '../pki/authorities.ts';

const dayMs = 24 * 3600 * 1000;

function folders(dataDir: string): string[] {
  return [join(dataDir, 'server/tls'), join(dataDir, 'agent')];
}

export async function checkCertificates(options: {
  dataDir: string;
  output: string;
}): Promise<void> {
  const rows: string[][] = [['CERTIFICATE', 'SUBJECT', 'EXPIRES', 'RESIDUAL', 'STATUS']];
  for (const dir of folders(options.dataDir)) {
    for (const cert of await expiries(realDisk, dir)) {
      const days = Math.floor((cert.notAfterMs - realClock.now()) / dayMs);
      if (cert.fault !== undefined) {
        rows.push([join(dir, cert.file), '-', '-', '-', `DAMAGED: it ${cert.fault}`]);
        continue;
      }
      rows.push([
        join(dir, cert.file),
        cert.subject,
        new Date(cert.notAfterMs).toISOString(),
        `${days}d`,
        days < 0 ? 'EXPIRED' : days < 90 ? 'WARNING' : 'OK',
      ]);
    }
  }
  process.stdout.write(inColumns(rows));
}

/** Leaves go, authorities and the signing key stay: tokens and other nodes' trust do not change. */
export async function rotateCertificates(options: { dataDir: string }): Promise<void> {
  for (const dir of folders(options.dataDir)) {
    for (const file of await realDisk.list('certificates', dir)) {
      if (!/\.(crt|key)$/.test(file) || /-ca\.(crt|key)$/.test(file) || file === 'service.key')
        continue;
      await realDisk.remove('rotate', join(dir, file));
    }
  }
  process.stdout.write('the next start of skiff issues new certificates\n');
}
