import { createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import { pemBlocks } from '../base/x509/pem.ts';
import type { Clock } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import type { Log } from '../io/log.ts';
import type { Random } from '../io/random.ts';
import { authorityOf, issueCa, type Identity } from './certificate.ts';
import { store } from './pair-files.ts';

export interface DateOptions {
  dir: string;
  disk: Disk;
  clock: Clock;
  random: Random;
  log?: Log;
  alone?: boolean;
}

/**
 * An authority whose dates are a wrong clock's gets right ones: the same name and the same key, so
 * that whoever trusts it goes on trusting it. Where other servers have the same file it is only
 * said, loudly: they would take it for another cluster's.
 */
export async function redated(
  options: DateOptions,
  file: string,
  authority: Identity,
): Promise<Identity> {
  const { clock, log, dir, disk, random } = options;
  const blocks = pemBlocks(authority.cert);
  const cert = authorityOf(authority.cert);
  const [nowMs, earliestMs] = [clock.now(), clock.earliestMs()];
  // A clock that is known to be wrong judges nobody.
  const judgedMs = Math.max(nowMs, earliestMs);
  if (judgedMs >= cert.notBeforeMs && judgedMs < cert.notAfterMs) return authority;
  const dates = {
    file: join(dir, `${file}.crt`),
    from: date(cert.notBeforeMs),
    to: date(cert.notAfterMs),
    clock: date(nowMs),
  };
  const selfSigned =
    blocks.length === 1 &&
    cert.issuer.equals(cert.rawSubject) &&
    cert.signedBy(createPublicKey(authority.key));
  if (!options.alone || !selfSigned) {
    log?.error('an authority is not valid at the time of this clock, and every client refuses it', {
      ...dates,
      hint:
        'set the clock; if it is right, the authority was made under a wrong one or has ended: ' +
        'take a snapshot, and start the cluster over with it',
    });
    return authority;
  }
  log?.warn(
    'an authority was dated by a wrong clock and gets new dates; its key stays. Kubeconfigs ' +
      'and tokens that were copied before are to be copied again',
    dates,
  );
  return await store(
    disk,
    dir,
    file,
    issueCa({ nowMs, earliestMs, random, key: authority.key, rawName: cert.rawSubject }),
  );
}

const date = (atMs: number): string => new Date(atMs).toISOString();
