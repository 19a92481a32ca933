import { ConfigError } from '../base/errors.ts';
import { inColumns } from './columns.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { fileKeeper, keyName, type KeyChange } from '../store/key-ring.ts';
import { keyFile } from '../supervisor/datastore-keys.ts';
import { askOperator } from '../supervisor/operator-socket.ts';
import type { EncryptionStatus } from '../supervisor/secrets-encryption.ts';
import { printJson } from './output.ts';

const op = 'secrets-encrypt';
const lookMs = 100;

const done: Record<KeyChange, string> = {
  enable: 'secrets-encryption enabled',
  disable: 'secrets-encryption disabled',
  rotate: 'keys rotated, reencryption finished',
};

/** Asks the running server for a change, and waits until every value has followed it. */
export async function changeSecrets(
  change: KeyChange,
  { dataDir }: { dataDir: string },
): Promise<void> {
  let status = await asked(dataDir, () => askOperator(dataDir, 'POST /secrets', { change }));
  while (status.running) {
    await realClock.sleep(op, lookMs);
    status = await asked(dataDir, () => askOperator(dataDir, 'GET /secrets', undefined));
  }
  if (status.error !== undefined || status.stage === 'reencrypt_active')
    throw new ConfigError(
      `the change is begun and not finished: ${status.error ?? 'another server works on it'}`,
      { op, hint: 'nothing is lost; restart the server, and it carries on' },
    );
  process.stdout.write(`${done[change]}\n`);
}

export async function printStatus({
  dataDir,
  output,
}: {
  dataDir: string;
  output: string;
}): Promise<void> {
  const running = await askOperator(dataDir, 'GET /secrets', undefined);
  const status = running ?? (await statusOfStopped(dataDir));
  if (output === 'json') return printJson(status);
  const lines = [
    `Encryption Status: ${status.enable ? 'Enabled' : 'Disabled'}`,
    `Current Rotation Stage: ${status.stage}`,
    ...(status.hash === '' ? [] : [`Server Encryption Hash: ${status.hash}`]),
    ...(status.progress
      ? [`Progress: ${status.progress.done} of ${status.progress.total} values`]
      : []),
    ...(status.error === undefined ? [] : [`Error: ${status.error}`]),
    ...(running ? [] : ['The server does not run: this is what its keys say.']),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  const count = (name: string): string =>
    String(
      status.values?.keys.find((key) => key.name === name)?.values ?? (status.values ? 0 : '?'),
    );
  const rows = [
    ...(status.activekey === ''
      ? []
      : [[' *', 'AES-GCM', status.activekey, count(status.activekey)]]),
    ...status.inactivekeys.map((name) => ['', 'AES-GCM', name, count(name)]),
    ...((status.values?.plain ?? 0) > 0
      ? [['', 'none', 'not encrypted', String(status.values?.plain)]]
      : []),
  ];
  if (rows.length === 0) return;
  const table = [
    ['Active', 'Key Type', 'Name', 'Values'],
    ['------', '--------', '----', '------'],
    ...rows,
  ];
  process.stdout.write(`\n${inColumns(table)}`);
}

/**
 * k3s' way in three steps with restarts between them; a step alone would leave the keys half
 * changed.
 */
export function refuseStep(step: string): never {
  throw new ConfigError(`"${step}" is one of three steps that are one here`, {
    op,
    hint:
      'run "skiff secrets-encrypt rotate-keys": it changes the key and encrypts everything ' +
      'again, without a restart',
  });
}

async function asked(
  dataDir: string,
  ask: () => Promise<EncryptionStatus | undefined>,
): Promise<EncryptionStatus> {
  const status = await ask();
  if (status) return status;
  throw new ConfigError(`no server runs with the data directory ${dataDir}`, {
    op,
    hint: 'start it; what was begun is carried on',
  });
}

async function statusOfStopped(dataDir: string): Promise<EncryptionStatus> {
  const state = await fileKeeper({ disk: realDisk, path: keyFile(dataDir) }).read();
  if (!state && !(await realDisk.stat(op, dataDir)))
    throw new ConfigError(`${dataDir} does not exist`, { op, hint: 'is --data-dir right?' });
  const [active, ...inactive] = (state?.keys ?? []).map((key) => keyName(key.id));
  return {
    enable: state?.enabled === true,
    stage:
      state === undefined
        ? 'start'
        : state.unfinished === undefined
          ? 'reencrypt_finished'
          : 'reencrypt_active',
    activekey: state?.enabled ? (active ?? '') : '',
    inactivekeys: state?.enabled || active === undefined ? inactive : [active, ...inactive],
    hash: '',
    values: undefined,
    running: false,
    progress: undefined,
    error: undefined,
  };
}
