import { join, resolve } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { inColumns } from './columns.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { expiries } from '../pki/authorities.ts';
import { certificateFolders, removeLeaves } from '../supervisor/credential-services.ts';
import { askOperator } from '../supervisor/operator-socket.ts';
import { printJson } from './output.ts';

const dayMs = 24 * 3600 * 1000;

interface Expiry {
  file: string;
  /** Absent where the file cannot be read as a certificate. */
  subject?: string;
  notAfter?: string;
  /** Whole days that are left; negative when it has ended. */
  days?: number;
  status: string;
}

/** When each certificate ends. `text` and `table` are the same, as k3s' are for scripts. */
export async function checkCertificates(options: {
  dataDir: string;
  output: string;
}): Promise<void> {
  const all: Expiry[] = [];
  for (const dir of certificateFolders(options.dataDir))
    for (const cert of await expiries(realDisk, dir)) {
      const file = join(dir, cert.file);
      const days = Math.floor((cert.notAfterMs - realClock.now()) / dayMs);
      if (cert.fault !== undefined) all.push({ file, status: `DAMAGED: it ${cert.fault}` });
      else
        all.push({
          file,
          subject: cert.subject,
          notAfter: new Date(cert.notAfterMs).toISOString(),
          days,
          status: days < 0 ? 'EXPIRED' : days < 90 ? 'WARNING' : 'OK',
        });
    }
  if (options.output === 'json') return printJson(all);
  const rows = all.map(({ file, subject = '-', notAfter = '-', days, status }) => [
    file,
    subject,
    notAfter,
    days === undefined ? '-' : `${days}d`,
    status,
  ]);
  process.stdout.write(
    inColumns([['CERTIFICATE', 'SUBJECT', 'EXPIRES', 'RESIDUAL', 'STATUS'], ...rows]),
  );
}

/** A running server issues them at once, and no call fails; another machine at its next start. */
export async function rotateCertificates({ dataDir }: { dataDir: string }): Promise<void> {
  if (await askOperator(dataDir, 'POST /certificates', undefined))
    return say('every certificate was issued again and is in force');
  await removeLeaves(realDisk, dataDir);
  say('the next start of skiff issues new certificates');
}

/** `skiff certificate rotate-ca`: other authorities, while the old ones are trusted. */
export async function rotateAuthorities(options: {
  dataDir: string;
  path?: string;
  force?: boolean;
}): Promise<void> {
  const { dataDir, path, force = false } = options;
  const request = { force, ...(path !== undefined && { path: resolve(path) }) };
  const done = await askOperator(dataDir, 'POST /authorities', request);
  if (!done)
    throw new ConfigError('no server runs here', {
      op: 'certificates',
      hint: 'authorities are changed while it runs: start it, or do this on another server',
    });
  for (const file of done.files) say(join(dataDir, 'server', file));
  say(
    force
      ? 'restart skiff now. Nobody trusts the old authorities any more: copy the kubeconfig and ' +
          'the token again, and let the agents join again'
      : 'restart every server now: it signs with the new authorities then, and the old ones are ' +
          'trusted until they end. The token names the new one; the old token is good, too',
  );
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
