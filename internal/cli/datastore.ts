import { parseArgs } from 'node:util';
import { ConfigError } from '../base/errors.ts';
import { runDatastore as serve } from '../etcd/datastore.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { makeLog } from '../io/log.ts';

const usage = `skiff datastore: the store with etcd's v3 API

  skiff datastore --data-dir DIR [--listen-client-urls URL,...]
    URL: http://host:port, https://host:port, unix:///path (default http://127.0.0.1:2379)
    --cert-file FILE --key-file FILE [--trusted-ca-file FILE]   TLS; with a CA, clients must show a certificate
    --name NAME                                                name of the member (default "default")
    --auto-compaction-retention MINUTES                        history that is kept (default 5, 0 = until a client compacts)
    --debug
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

/** `skiff datastore ...`. */
export async function runDatastore(args: string[]): Promise<void> {
  const values = parse(args);
  if (values.help) return void process.stdout.write(usage);
  if (values['data-dir'] === undefined) throw new ConfigError('datastore needs --data-dir', { op: 'datastore' });
  const minutes = Number(values['auto-compaction-retention']);
  if (!(minutes >= 0)) throw new ConfigError('--auto-compaction-retention is a number of minutes', { op: 'datastore' });
  const [certFile, keyFile] = [values['cert-file'], values['key-file']];
  const datastore = await serve({
    dataDir: values['data-dir'],
    listenClientUrls: values['listen-client-urls'].split(',').filter((url) => url !== ''),
    tls: certFile !== undefined && keyFile !== undefined ? { certFile, keyFile, trustedCaFile: values['trusted-ca-file'] } : undefined,
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
      void datastore.close().then(() => process.exit(0), () => process.exit(1));
    });
  }
}

function parse(args: string[]): ReturnType<typeof parseArgs<{ options: typeof options }>>['values'] {
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new ConfigError((error as Error).message, { op: 'datastore', hint: 'see skiff datastore --help' });
  }
}
