import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { setUnpackDir } from '../io/assets.ts';
import { realHost } from '../io/host.ts';
import { realDoors } from '../supervisor/doors.ts';
import { k3sConfig } from './k3s-config.ts';

export interface MigrateArguments {
  from: string;
  configDir: string;
  unit: string;
  datastore?: string;
  /** Where skiff's own configuration goes. */
  config: string;
  dataDir: string;
  runDir: string;
  dryRun?: boolean;
}

/** `skiff migrate k3s`. */
export async function migrateK3s(options: MigrateArguments): Promise<void> {
  const doors = ours(options.dataDir);
  const { disk } = doors;
  const { text, notes } = await k3sConfig(disk, {
    configDir: options.configDir,
    unit: options.unit,
    environment: `${options.unit}.env`,
  });
  const registries = (
    await disk.readIfThere('migrate', join(options.configDir, 'registries.yaml'))
  )?.toString();
  const configFiles = new Map([[options.config, text]]);
  if (registries !== undefined)
    configFiles.set(join(options.config, '..', 'registries.yaml'), registries);
  const { migrateFromK3s } = await import('../supervisor/migrate/migrate.ts');
  const lines = await migrateFromK3s({
    ...options,
    datastore: options.datastore,
    dryRun: options.dryRun === true,
    configFiles,
    doors,
  });
  const asked =
    options.dryRun === true
      ? [
          `config.yaml would be:`,
          ...text
            .trimEnd()
            .split('\n')
            .map((line) => `    ${line}`),
        ]
      : [];
  for (const line of [...notes, ...asked, ...lines]) process.stdout.write(`${line}\n`);
}

/** `skiff migrate undo`. */
export async function undoMigrate(options: { dataDir: string; runDir: string }): Promise<void> {
  const { undoMigration } = await import('../supervisor/migrate/migrate.ts');
  for (const line of await undoMigration({ ...options, doors: ours(options.dataDir) }))
    process.stdout.write(`${line}\n`);
}

function ours(dataDir: string): ReturnType<typeof realDoors> {
  if (!realHost.isRoot())
    throw new ConfigError('only root can do this', { op: 'migrate', hint: 'run it with sudo' });
  setUnpackDir(`${dataDir}/data`);
  return realDoors(false);
}
