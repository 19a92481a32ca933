import { realClock } from '../../io/clock.ts';
import { realDisk } from '../../io/disk.ts';
import { makeLog } from '../../io/log.ts';
import { realRandom } from '../../io/random.ts';
import { encryptionOf, fileKeeper, loadOrCreateKeys } from '../../store/key-ring.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { SecretsEncryption } from '../secrets-encryption.ts';

/**
 * A store that changes its keys again and again while it is written, until somebody kills it. Says
 * each write that was acknowledged.
 */
const [dir = '', path = ''] = process.argv.slice(2);
const keeper = fileKeeper({ disk: realDisk, path });
const log = makeLog({ level: 'error' });
const store = await openSqliteStore({
  dir,
  clock: realClock,
  log,
  encryption: encryptionOf(await loadOrCreateKeys(keeper, realRandom)),
});
const secrets = new SecretsEncryption({
  keeper,
  values: {
    encrypt: (encryption, progress) => store.encrypt(encryption, progress),
    keyCensus: async () => undefined,
  },
  random: realRandom,
  log,
});
await secrets.start();
await secrets.idle();
if ((await secrets.status()).stage === 'reencrypt_active')
  throw new Error('the change before was not finished');

let n = (
  await store.range({ key: '/registry/secrets/', end: '/registry/secrets0', countOnly: true })
).count;
void (async () => {
  for (;;) {
    await store.put({
      key: `/registry/secrets/default/s${n}`,
      value: Buffer.from(`hidden value ${n}`),
    });
    process.stdout.write(`${n++}\n`);
  }
})();
for (;;) {
  await secrets.begin('rotate');
  await secrets.idle();
  process.stdout.write('rotated\n');
}
