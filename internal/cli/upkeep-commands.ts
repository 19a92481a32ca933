import { Option, type Command } from 'commander';
import type { BuildArguments } from './airgap.ts';
import type { LoadArguments, SaveArguments } from './capsule.ts';
import type { ShellOptions } from './shell.ts';
import type { ObjectArguments, UndoArguments } from './undo.ts';
import type { UpgradeArguments } from './upgrade.ts';
import { outputOption } from './output-option.ts';

const dataDir = [
  '-d, --data-dir <dir>',
  'Folder that holds state',
  process.env['SKIFF_DATA_DIR'] ?? '/var/lib/skiff',
] as const;

const kubeconfig = [
  '--kubeconfig <file>',
  'Which cluster, and as whom',
  (process.env['KUBECONFIG'] ?? '').split(':').find(Boolean) ?? '/etc/skiff/skiff.yaml',
] as const;

/** Programs and files of nodes, for those who may be root there. */
export function nodeCommands(skiff: Command): void {
  skiff
    .command('shell')
    .description(
      "Open root's terminal on a node, or run a command there, through the API server: needs the " +
        'verb "shell" on nodes/shell',
    )
    .usage('[options] <node> [-- command...]')
    .argument('<node>')
    .argument('[command...]')
    .option('-t, --tty', 'Give a command a terminal, too')
    .option(...kubeconfig)
    .passThroughOptions()
    .action(async (node: string, command: string[], options: ShellOptions) =>
      (await import('./shell.ts')).shell(node, command, options),
    );
  skiff
    .command('ingress-log')
    .description(
      'Print the requests to Ingresses and Gateways of this node from now on ' +
        '(`skiff shell NODE -- skiff ingress-log` of another)',
    )
    .option('--port <port>', 'Of a port that only Gateways have', '80')
    .option('--run-dir <dir>', 'Folder of sockets', process.env['SKIFF_RUN_DIR'] ?? '/run/skiff')
    .action(async (options: { runDir: string; port: string }) =>
      (await import('./ingress-log.ts')).ingressLog(options),
    );
  skiff
    .command('cp')
    .description('Copy a file or folder from a node (NODE:PATH) or to it, as "shell" gets there')
    .argument('<from>')
    .argument('<to>')
    .option(...kubeconfig)
    .action(async (from: string, to: string, options: { kubeconfig: string }) =>
      (await import('./copy.ts')).copy(from, to, options),
    );
}

/** What an object was, and back to it. */
export function historyCommands(skiff: Command): void {
  const object = (name: string): Command =>
    skiff
      .command(name)
      .argument('<object...>', 'TYPE/NAME or TYPE NAME')
      .option('-n, --namespace <name>', 'Its namespace (default: that of the kubeconfig)')
      .option(...kubeconfig);
  object('history')
    .description(
      'List the versions of an object that the datastore still has, also of a deleted one',
    )
    .option('--all', 'Changes of its status, too')
    .addOption(outputOption('text', 'json'))
    .action(async (words: string[], options: ObjectArguments & { all?: boolean; output: string }) =>
      (await import('./undo.ts')).printHistory(words, options),
    );
  object('diff')
    .description('Show what has changed since a revision (default: the last change)')
    .option('--revision <n>', 'From there')
    .option('--to <n>', 'To there (default: now)')
    .action(
      async (words: string[], options: ObjectArguments & { revision?: string; to?: string }) =>
        (await import('./undo.ts')).printDiff(words, options),
    );
  object('undo')
    .description(
      'Bring an object back to what it was before its last change, also one that was deleted; ' +
        'its status stays',
    )
    .option('--to-revision <n>', 'As it was at this revision')
    .option('--since <duration>', 'As it was so long ago, such as 5m')
    .option('--dry-run', 'Ask the server, change nothing, and show the difference')
    .action(async (words: string[], options: UndoArguments) =>
      (await import('./undo.ts')).undo(words, options),
    );
}

function capsuleCommands(skiff: Command): void {
  const capsule = skiff
    .command('capsule')
    .description('A whole server in one sealed file, and another machine that becomes it');
  const one = (name: string): Command =>
    capsule
      .command(name)
      .argument('<file>')
      .option('-c, --config <file>', 'The configuration of the server')
      .option('-d, --data-dir <dir>', 'Folder that holds state')
      .option('--passphrase-file <file>', 'Where the passphrase is (default: it is asked for)');
  one('save')
    .description('Save datastore, keys, tokens and configuration; the server may run meanwhile')
    .option('--volumes', 'Save the local volumes, too')
    .option(
      '--recipient <key>',
      'Seal it for a key of age (age1...) instead of a passphrase; may be repeated',
      (value: string, before: string[]) => [...before, value],
      [] as string[],
    )
    .action(async (file: string, options: SaveArguments) =>
      (await import('./capsule.ts')).saveCapsuleTo(file, options),
    );
  one('load')
    .description('Make this machine that server, where none is yet')
    .option('--identity <file>', 'The key of age that opens it, instead of a passphrase')
    .option('--run-dir <dir>', 'Folder of its sockets', '/run/skiff')
    .action(async (file: string, options: LoadArguments) =>
      (await import('./capsule.ts')).loadCapsuleFrom(file, options),
    );
}

/** Commands of a machine's life: what it is given before it has a network. */
export function upkeepCommands(skiff: Command): void {
  skiff
    .command('upgrade')
    .description(
      'Put another executable in the place of this one, on trial: the old one and its store come ' +
        'back when the node is not Ready in time, or a pod does not run on',
    )
    .argument(
      '[file|version]',
      'The new executable, or a version of a release (default: that of the channel)',
    )
    .option(
      '--mirror <address>',
      'Address or folder of releases (default: where install.sh was sent)',
    )
    .option('--channel <name>', 'Whose version is taken where none is named (default: stable)')
    .option(...dataDir)
    .option('--program <file>', 'The executable of the service', '/usr/local/bin/skiff')
    .option('--timeout <seconds>', 'How long it may take to prove itself', '180')
    .addOption(new Option('--prepare').hideHelp())
    .addOption(new Option('--wait').hideHelp())
    .action(async (file: string | undefined, options: UpgradeArguments & { wait?: boolean }) => {
      const { upgrade, waitForUpgrade } = await import('./upgrade.ts');
      if (options.wait === true) return await waitForUpgrade(options);
      await upgrade(file, options);
    });
  skiff
    .command('doctor')
    .description('Say what is wrong with this machine, and what to do about it')
    .option(...dataDir)
    .option('--fix', 'Do what can be done without harm, and look again')
    .addOption(outputOption('text', 'json'))
    .action(async (options: { dataDir: string; fix?: boolean; output: string }) =>
      (await import('./doctor.ts')).doctor(options),
    );
  capsuleCommands(skiff);
  const airgap = skiff.command('airgap').description('Bundles for machines without a network');
  airgap
    .command('build')
    .description(
      'Make a bundle of the programs that a node calls (from Debian packages) and of images, on ' +
        'a machine that reaches both',
    )
    .option('--images <file>', 'A list of images, one a line')
    .option('--arch <arch>', 'amd64 or arm64 (default: as here)')
    .option('-o, --output <file>', 'Where it goes (default: skiff-airgap-ARCH.tar.zst)')
    .action(async (options: BuildArguments) => (await import('./airgap.ts')).buildAirgap(options));
  airgap
    .command('load')
    .description('Unpack a bundle for the node of this machine (install.sh does it, too)')
    .argument('<file>')
    .option(...dataDir)
    .action(async (file: string, options: { dataDir: string }) =>
      (await import('./airgap.ts')).loadAirgap(file, options),
    );
}
