import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError } from '../base/errors.ts';
import { saveSnapshot } from '../etcd/client/snapshot.ts';
import { runDatastore as serve } from '../etcd/datastore.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { makeLog } from '../io/log.ts';
import { realRandom } from '../io/random.ts';
import type { Encryption } from '../store/cipher.ts';
import { ownCluster } from './members.ts';
import {
  fileKeeper,
  keyName,
  loadKeyRing,
  reencryptAtStart,
  secretPrefixes,
} from '../store/key-ring.ts';
import { isEtcdFile } from '../store/sqlite/from-etcd.ts';
import { fileName } from '../store/sqlite/schema.ts';
import { checkFile, restoreSnapshot, snapshotStopped } from '../store/sqlite/upkeep.ts';
import { verifyFile } from '../store/sqlite/verify.ts';

const usage = `skiff datastore: the store with etcd's v3 API, and its upkeep

  skiff datastore --data-dir DIR [--listen-client-urls URL,...]
    URL: http://host:port, https://host:port, unix:///path (default http://127.0.0.1:2379)
    --cert-file FILE --key-file FILE [--trusted-ca-file FILE]   TLS; with a CA, clients must show a certificate
    --advertise-client-urls URL,...                             what the member list tells (default: where it listens)
    --name NAME                                                 name of the member (default "default")
    --auto-compaction-retention MINUTES                         history that is kept (default 5, 0 = until a client compacts)
    --debug

  skiff datastore snapshot FILE [--data-dir DIR]   copy the store of a server, running or stopped, to FILE
  skiff datastore restore FILE [--data-dir DIR]    put a snapshot, of skiff or of an etcd, in the place of a stopped server's store
  skiff datastore check [FILE] [--data-dir DIR]    check the file of a stopped server, or a snapshot, to the last byte
  skiff datastore status [--data-dir DIR]          size and revision of the store of a running server
  skiff datastore hash [--data-dir DIR]            a number that is the same for the same content and history
  skiff datastore defrag [--data-dir DIR]          give free space back to the file system; writes wait meanwhile
  skiff datastore member list [--data-dir DIR]          the members of the etcd that runs beside this server
  skiff datastore member remove NAME [--data-dir DIR]   take one out that will not come back
    DIR: data directory of the server (default /var/lib/skiff), or of a datastore
`;

const options = {
  'data-dir': { type: 'string' },
  'listen-client-urls': { type: 'string', default: 'http://127.0.0.1:2379' },
  'advertise-client-urls': { type: 'string' },
  'cert-file': { type: 'string' },
  'key-file': { type: 'string' },
  'trusted-ca-file': { type: 'string' },
  'client-cert-auth': { type: 'boolean' },
  'auto-compaction-retention': { type: 'string', default: '5' },
  name: { type: 'string' },
  debug: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];

/** `skiff datastore ...`. */
export async function runDatastore(args: string[]): Promise<void> {
  const { values, positionals } = parse(args);
  if (values.help) return void process.stdout.write(usage);
  const [verb, file, ...rest] = positionals;
  if (verb === 'member' && rest.length <= 1)
    return await (
      await import('./members.ts')
    ).runMember(file ?? '', rest[0] ?? '', dataDirOf(values));
  if (rest.length > 0)
    throw new ConfigError(`datastore takes no argument "${rest[0]}"`, { op: 'datastore' });
  if (verb === undefined) return await run(values);
  const target = file ?? '';
  if (verb === 'check') return await check(values, file);
  if (verb === 'status' || verb === 'hash' || verb === 'defrag') {
    if (file !== undefined)
      throw new ConfigError(`datastore ${verb} takes no argument "${file}"`, { op: 'datastore' });
    return await (await import('./datastore-upkeep.ts')).runUpkeep(verb, dataDirOf(values));
  }
  if (verb === 'compact')
    throw new ConfigError('history is compacted by itself', {
      op: 'datastore',
      hint:
        '--auto-compaction-retention says how much is kept; clients compact with "etcdctl ' +
        'compaction"',
    });
  if (verb !== 'snapshot' && verb !== 'restore')
    throw new ConfigError(`datastore has no command "${verb}"`, {
      op: 'datastore',
      hint: 'see skiff datastore --help',
    });
  if (target === '') throw new ConfigError(`datastore ${verb} needs a file`, { op: 'datastore' });
  await (verb === 'snapshot' ? snapshot(values, target) : restore(values, target));
}

async function run(values: Values): Promise<void> {
  if (values['data-dir'] === undefined)
    throw new ConfigError('datastore needs --data-dir', { op: 'datastore' });
  const minutes = Number(values['auto-compaction-retention']);
  if (!(minutes >= 0))
    throw new ConfigError('--auto-compaction-retention is a number of minutes', {
      op: 'datastore',
    });
  const [certFile, keyFile] = [values['cert-file'], values['key-file']];
  const datastore = await serve({
    dataDir: values['data-dir'],
    listenClientUrls: listOf(values['listen-client-urls'] ?? ''),
    advertiseClientUrls:
      values['advertise-client-urls'] === undefined
        ? undefined
        : listOf(values['advertise-client-urls']),
    tls:
      certFile !== undefined && keyFile !== undefined
        ? { certFile, keyFile, trustedCaFile: values['trusted-ca-file'] }
        : undefined,
    name: values.name,
    historyMs: minutes * 60_000,
    clock: realClock,
    disk: realDisk,
    log: makeLog({ level: values.debug ? 'debug' : 'info', component: 'datastore' }),
  });
  process.stdout.write(`skiff datastore: serving etcd v3 on ${datastore.urls.join(', ')}\n`);
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      void datastore.close().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
}

const listOf = (text: string): string[] => text.split(',').filter((url) => url !== '');

async function snapshot(values: Values, target: string): Promise<void> {
  const { dir } = await place(values);
  if (await hasEtcd(dir)) {
    if (
      !(await saveSnapshot({
        ...(await ownCluster(dataDirOf(values))),
        disk: realDisk,
        target,
        withDigest: true,
      }))
    )
      throw new ConfigError('the server does not run, and its etcd with it', {
        op: 'datastore',
        hint: 'start it, and ask again',
      });
    return void process.stdout.write(`${target}: snapshot of the etcd in ${dir}\n`);
  }
  const socket = join(dir, 'upkeep.sock');
  const running =
    (await realDisk.stat('datastore', socket)) !== undefined &&
    (await saveSnapshot({ endpoints: [`unix://${socket}`], disk: realDisk, target }));
  if (!running) await snapshotStopped(dir, target);
  process.stdout.write(
    `${target}: snapshot of the ${running ? 'running' : 'stopped'} store in ${dir}\n`,
  );
}

async function restore(values: Values, source: string): Promise<void> {
  const { dir, encryption, keys } = await place(values);
  if (await hasEtcd(dir))
    throw new ConfigError('this server keeps its state in an etcd', {
      op: 'datastore',
      hint:
        'nothing was changed; run "skiff server --cluster-reset ' +
        `--cluster-reset-restore-path=${source}"`,
    });
  const { kept, revision } = await restoreSnapshot({
    snapshot: source,
    dir,
    clock: realClock,
    encryption,
  });
  await reencryptAtStart(fileKeeper({ disk: realDisk, path: keys }));
  process.stdout.write(
    `${dir}: restored to revision ` +
      `${revision}${kept === undefined ? '' : `; what was there is kept as ${kept}`}\n`,
  );
}

async function check(values: Values, file: string | undefined): Promise<void> {
  const { dir, encryption } = await place(values);
  const path = file ?? join(dir, fileName);
  const result = await checkFile(path, realClock, encryption);
  const counted =
    `${path}: ok, revision ${result.revision}, ${result.keys} keys, ${result.rows} rows, ` +
    `${result.bytes} bytes`;
  if (result.ofEtcd === true) return void process.stdout.write(`${counted}, a file of etcd's\n`);
  process.stdout.write(
    `${counted}, ` +
      `${result.clean ? 'closed in order' : 'not closed in order'}${await encrypted(path)}\n`,
  );
}

/** How many values are under which key, where any is. */
async function encrypted(path: string): Promise<string> {
  if (isEtcdFile(path)) return '';
  const { keys, plain } = await verifyFile({ path, prefixes: secretPrefixes });
  return keys.length === 0
    ? ''
    : `, ${keys.map(([id, values]) => `${values} values under ${keyName(id)}`).join(', ')}, ` +
        `${plain} Secrets under none`;
}

const dataDirOf = (values: Values): string => values['data-dir'] ?? '/var/lib/skiff';

const hasEtcd = async (dir: string): Promise<boolean> =>
  (await realDisk.stat('datastore', join(dir, 'etcd/member'))) !== undefined;

/**
 * The folder of the store: a server keeps it below server/db, a datastore in its data directory
 * itself.
 */
async function place(
  values: Values,
): Promise<{ dir: string; keys: string; encryption: Encryption | undefined }> {
  const data = dataDirOf(values);
  const own = (await realDisk.stat('datastore', join(data, fileName))) !== undefined;
  const keys = join(data, 'server/cred/encryption-keys.json');
  const encrypted = (await realDisk.stat('datastore', keys)) !== undefined;
  return {
    dir: own ? data : join(data, 'server/db'),
    keys,
    encryption: encrypted
      ? await loadKeyRing({ disk: realDisk, random: realRandom, path: keys })
      : undefined,
  };
}

function parse(args: string[]): { values: Values; positionals: string[] } {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new ConfigError((error as Error).message, {
      op: 'datastore',
      hint: 'see skiff datastore --help',
    });
  }
}
