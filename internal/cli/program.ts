import { Command, Option } from 'commander';
import type { SnapshotOptions } from './etcd-snapshot.ts';
import type { MigrateArguments } from './migrate.ts';
import { historyCommands, nodeCommands, upkeepCommands } from './upkeep-commands.ts';
import { flagsOf, environmentOf } from './flags.ts';
import { outputOption } from './output-option.ts';

/** The tree of commands. Each action loads what it needs when it is called. */
export function program(): Command {
  const skiff = new Command('skiff')
    .description('Kubernetes for the edge in one file')
    .usage('<command> [options]')
    .enablePositionalOptions()
    .configureOutput({
      outputError: (text, write) =>
        write(
          `skiff: ${text
            .trim()
            .replace(/^error: /, '')
            .replaceAll('\n', ' ')} (see "skiff --help")\n`,
        ),
    })
    .exitOverride();
  for (const name of ['server', 'agent'] as const) daemon(skiff, name);
  for (const name of ['kubectl', 'helm', 'crictl', 'ctr']) {
    skiff
      .command(name)
      .description(`Run ${name} against this node`)
      .allowUnknownOption()
      .helpOption(false)
      .argument('[args...]');
  }
  skiff
    .command('version')
    .description('Print the version')
    .addOption(outputOption('text', 'json'))
    .action(async (options: { output: string }) =>
      (await import('./version.ts')).printVersion(options),
    );
  skiff
    .command('licenses')
    .description('Print the licences of skiff and of everything in it')
    .action(async () => (await import('./version.ts')).printLicenses());
  maintenance(skiff);
  credentials(skiff);
  datastore(skiff);
  snapshots(skiff);
  secretsEncrypt(skiff);
  migrate(skiff);
  upkeepCommands(skiff);
  nodeCommands(skiff);
  historyCommands(skiff);
  skiff
    .command('completion')
    .description('Print shell completion')
    .argument('<shell>', 'bash, zsh or fish')
    .action(async (shell: string) =>
      (await import('./completion.ts')).printCompletion(shell, skiff),
    );
  skiff
    .command('man')
    .description('Print the manual page (skiff man | man -l -)')
    .action(async () => (await import('./man.ts')).printManual(skiff));
  return skiff;
}

/**
 * Only for --help: main.ts sends a real start past commander, because the flag table says more than
 * its options can.
 */
function daemon(skiff: Command, name: 'server' | 'agent'): void {
  const command = skiff
    .command(name)
    .description(
      name === 'server' ? 'Run a control plane and a node' : 'Run a node that joins a server',
    );
  for (const flag of flagsOf(name)) {
    if (typeof flag.state !== 'string') continue;
    const value = flag.kind === 'bool' ? '' : ` <${flag.kind === 'int' ? 'n' : 'value'}>`;
    const long = flag.name.length === 1 ? '' : `--${flag.name}${value}`;
    const short = flag.short === undefined ? '' : `-${flag.short}${long ? ', ' : value}`;
    command.option(
      `${short}${long}`,
      `${flag.help}${flag.default === undefined ? '' : ` (default: ${flag.default})`} ` +
        `[$${environmentOf(flag)[0]}]`,
    );
  }
}

const dataDir = [
  '-d, --data-dir <dir>',
  'Folder that holds state',
  process.env['SKIFF_DATA_DIR'] ?? '/var/lib/skiff',
] as const;
const runDir = [
  '--run-dir <dir>',
  'Folder of its sockets',
  process.env['SKIFF_RUN_DIR'] ?? '/run/skiff',
] as const;

function maintenance(skiff: Command): void {
  skiff
    .command('check-config')
    .description(
      'Say whether this machine has what a node needs; with "server" or "agent" and flags, ' +
        'whether a start would take them',
    )
    .usage('[server|agent] [flags]')
    .allowUnknownOption()
    .passThroughOptions()
    .argument('[words...]')
    .action(async (words: string[]) => (await import('./check-config.ts')).checkConfig(words));
  skiff
    .command('wait-ready')
    .description(
      'Wait until the server or agent that runs on this machine, and its node, are ready; after ' +
        '"--", the command and flags of the service',
    )
    .usage('[options] [-- server|agent [flags]]')
    .option('--timeout <seconds>', 'How long', '180')
    .option('--kubeconfig <file>', 'Which kubeconfig (default: the one that the server writes)')
    .passThroughOptions()
    .argument('[words...]')
    .action(async (words: string[], options: { timeout: string; kubeconfig?: string }) =>
      (await import('./wait-command.ts')).runWaitReady(words, options),
    );
  skiff
    .command('killall')
    .description('Stop the server and every container; data stays')
    .option(...dataDir)
    .option(...runDir)
    .action(async (options: { dataDir: string; runDir: string }) =>
      (await import('./remove.ts')).runKillall(options),
    );
  skiff
    .command('uninstall')
    .description('Stop everything and undo every change to this machine')
    .option(...dataDir)
    .option(...runDir)
    .option('--verify', 'Change nothing; list what an uninstall left behind')
    .action(async (options: { dataDir: string; runDir: string; verify?: boolean }) =>
      (await import('./remove.ts')).runUninstall(options),
    );
}

function credentials(skiff: Command): void {
  const token = skiff.command('token').description('Join tokens');
  token
    .command('generate')
    .description('Print a new bootstrap token; nothing is stored')
    .action(async () => (await import('./token.ts')).generateToken());
  token
    .command('create')
    .description('Create a bootstrap token in the cluster and print it')
    .argument('[token]', 'id.secret; made up when left out')
    .option('--ttl <duration>', 'How long it is good, 0 forever', '24h')
    .option('--description <text>', 'What it is for')
    .option(
      '--groups <groups>',
      'Groups of those who use it',
      'system:bootstrappers:skiff:default-node-token',
    )
    .option('--usages <usages>', 'What it may do', 'signing,authentication')
    .option(
      '--kubeconfig <file>',
      'Which cluster',
      process.env['KUBECONFIG'] ?? '/etc/skiff/skiff.yaml',
    )
    .action(async (text: string | undefined, options: Record<string, string>) =>
      (await import('./token.ts')).createToken(text, options),
    );
  token
    .command('list')
    .description('List bootstrap tokens')
    .addOption(outputOption('text', 'json'))
    .option(
      '--kubeconfig <file>',
      'Which cluster',
      process.env['KUBECONFIG'] ?? '/etc/skiff/skiff.yaml',
    )
    .action(async (options: Record<string, string>) =>
      (await import('./token.ts')).listTokens(options),
    );
  token
    .command('delete')
    .description('Delete bootstrap tokens')
    .argument('<token...>', 'id or id.secret')
    .option(
      '--kubeconfig <file>',
      'Which cluster',
      process.env['KUBECONFIG'] ?? '/etc/skiff/skiff.yaml',
    )
    .action(async (ids: string[], options: Record<string, string>) =>
      (await import('./token.ts')).deleteTokens(ids, options),
    );
  token
    .command('rotate')
    .description(
      'Replace the token of the servers, on a server that runs: what has joined notices nothing',
    )
    .option('-t, --token <token>', 'The one to replace; refused when it is not in force')
    .option('--new-token <token>', 'What replaces it; made up when left out')
    .option(...dataDir)
    .action(async (options: { dataDir: string; token?: string; newToken?: string }) =>
      (await import('./token.ts')).rotateToken(options),
    );
  const certificate = skiff.command('certificate').description('Certificates of this machine');
  certificate
    .command('check')
    .description('Say when each certificate ends')
    .option(...dataDir)
    .addOption(outputOption('text', 'table', 'json'))
    .action(async (options: { dataDir: string; output: string }) =>
      (await import('./certificate.ts')).checkCertificates(options),
    );
  certificate
    .command('rotate')
    .description('Issue every certificate again, at once where a server runs (not the authorities)')
    .option(...dataDir)
    .action(async (options: { dataDir: string }) =>
      (await import('./certificate.ts')).rotateCertificates(options),
    );
  certificate
    .command('rotate-ca')
    .description('Put other authorities in the place of these; the old ones are trusted meanwhile')
    .option(...dataDir)
    .option('--path <dir>', 'Authorities of your own: server-ca.crt, server-ca.key and so on')
    .option('--force', 'Trust the old ones no more: every kubeconfig, token and agent is renewed')
    .action(async (options: { dataDir: string; path?: string; force?: boolean }) =>
      (await import('./certificate.ts')).rotateAuthorities(options),
    );
}

function datastore(skiff: Command): void {
  skiff
    .command('datastore')
    .description('The store on its own, with etcd clients, and its upkeep')
    .allowUnknownOption()
    .helpOption(false)
    .argument('[args...]')
    .action(async (args: string[], _options: unknown, command: Command) =>
      (await import('./datastore.ts')).runDatastore([...args, ...command.args.slice(args.length)]),
    );
}

/**
 * k3s' options of all snapshot commands. What is left out is taken from where the server takes it.
 */
function withSnapshotOptions(command: Command): Command {
  command
    .option('-c, --config <file>', 'Configuration file of the server')
    .option('-d, --data-dir <dir>', 'Folder that holds state')
    .option('--node-name <name>', 'Name of the node')
    .option(
      '--etcd-snapshot-dir <dir>',
      'Where snapshots are kept (default: server/db/snapshots in data-dir)',
    )
    .addOption(new Option('--dir <dir>').hideHelp());
  for (const name of [
    's3',
    'etcd-s3',
    's3-insecure',
    'etcd-s3-insecure',
    's3-skip-ssl-verify',
    'etcd-s3-skip-ssl-verify',
  ])
    command.addOption(new Option(`--${name}`).hideHelp());
  for (const name of [
    'endpoint',
    'endpoint-ca',
    'access-key',
    'secret-key',
    'session-token',
    'bucket',
    'region',
    'folder',
    'proxy',
    'config-secret',
    'timeout',
    'retention',
  ]) {
    for (const prefix of ['s3', 'etcd-s3'])
      command.addOption(new Option(`--${prefix}-${name} <value>`).hideHelp());
  }
  return command;
}

function withNameAndRetention(command: Command, retention: string): Command {
  return withSnapshotOptions(command)
    .option('--name <prefix>', 'What the names begin with (default: on-demand)')
    .addOption(new Option('--etcd-snapshot-name <prefix>').hideHelp())
    .option('--snapshot-retention <n>', retention)
    .addOption(new Option('--etcd-snapshot-retention <n>').hideHelp());
}

function snapshots(skiff: Command): void {
  const command = skiff
    .command('etcd-snapshot')
    .description(
      'Snapshots of the datastore: take, list, delete; "server --cluster-reset ' +
        '--cluster-reset-restore-path" restores',
    );
  withNameAndRetention(
    command.command('save').description('Take a snapshot now'),
    'Keep so many of this name (default: all)',
  )
    .option('--snapshot-compress', 'Pack it as a ZIP archive')
    .addOption(new Option('--etcd-snapshot-compress').hideHelp())
    .action(async (options: SnapshotOptions) =>
      (await import('./etcd-snapshot.ts')).saveSnapshot(options),
    );
  withSnapshotOptions(
    command.command('ls').alias('list').alias('l').description('List snapshots, the newest first'),
  )
    .addOption(outputOption('table', 'json', 'yaml'))
    .action(async (options: SnapshotOptions) =>
      (await import('./etcd-snapshot.ts')).listAll(options),
    );
  withSnapshotOptions(
    command.command('delete').description('Delete snapshots by their names').argument('<name...>'),
  ).action(async (names: string[], options: SnapshotOptions) =>
    (await import('./etcd-snapshot.ts')).deleteNamed(names, options),
  );
  withNameAndRetention(
    command.command('prune').description('Delete all but the newest snapshots of a name'),
    "How many stay (default: the server's, 5)",
  ).action(async (options: SnapshotOptions) => (await import('./etcd-snapshot.ts')).prune(options));
}

function migrate(skiff: Command): void {
  const command = skiff
    .command('migrate')
    .description('From k3s to skiff on this machine, and back');
  command
    .command('k3s')
    .description(
      'Bring a server of k3s over: its objects, authorities, token, configuration, ' +
        "registries, manifests; k3s' own files are only read",
    )
    .option('--from <dir>', "k3s' data directory", '/var/lib/rancher/k3s')
    .option(
      '--config-dir <dir>',
      'Folder of its config.yaml and registries.yaml',
      '/etc/rancher/k3s',
    )
    .option('--unit <file>', 'Its service, which may hold flags', '/etc/systemd/system/k3s.service')
    .option(
      '-c, --config <file>',
      'Where the configuration for skiff is written, with registries.yaml beside it',
      process.env['SKIFF_CONFIG_FILE'] ?? '/etc/skiff/config.yaml',
    )
    .option(
      '--datastore <file>',
      'A snapshot of its etcd, or a copy of its SQLite file, in the place of the datastore ' +
        'in its data directory',
    )
    .option(...dataDir)
    .option(...runDir)
    .option('--dry-run', 'Say what would be done, and change nothing')
    .action(async (options: MigrateArguments) =>
      (await import('./migrate.ts')).migrateK3s(options),
    );
  command
    .command('undo')
    .description('Lay aside what a migration made; k3s can be started again as it was')
    .option(...dataDir)
    .option(...runDir)
    .action(async (options: { dataDir: string; runDir: string }) =>
      (await import('./migrate.ts')).undoMigrate(options),
    );
}

function secretsEncrypt(skiff: Command): void {
  const command = skiff
    .command('secrets-encrypt')
    .description('Encryption of Secrets in the datastore, while the server runs');
  command
    .command('status')
    .description('Say whether Secrets are encrypted, and with which key')
    .option(...dataDir)
    .addOption(outputOption('text', 'json'))
    .action(async (options: { dataDir: string; output: string }) =>
      (await import('./secrets-encrypt.ts')).printStatus(options),
    );
  for (const [name, change, text] of [
    ['enable', 'enable', 'Encrypt all Secrets, those that are there too'],
    ['disable', 'disable', 'Decrypt all Secrets'],
    ['rotate-keys', 'rotate', 'Make a new key and encrypt all Secrets with it'],
  ] as const) {
    command
      .command(name)
      .description(text)
      .option(...dataDir)
      .action(async (options: { dataDir: string }) =>
        (await import('./secrets-encrypt.ts')).changeSecrets(change, options),
      );
  }
  for (const step of ['prepare', 'rotate', 'reencrypt']) {
    command
      .command(step, { hidden: true })
      .allowUnknownOption()
      .action(async () => (await import('./secrets-encrypt.ts')).refuseStep(step));
  }
}
