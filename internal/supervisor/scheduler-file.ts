import { ConfigError, messageOf } from '../base/errors.ts';
import { configFile } from '../io/config-file.ts';
import {
  defaultConfiguration,
  readSchedulerConfiguration,
  type SchedulerConfiguration,
} from '../scheduler/config/configuration.ts';
import { checkProfiles, isPlugin } from '../scheduler/config/profiles.ts';
import type { SchedulerSettings } from './config.ts';
import type { Doors } from './doors.ts';

/**
 * The KubeSchedulerConfiguration of the operator's file, or the default. Throws a ConfigError, one
 * line, when the file cannot be read or says what cannot be done.
 */
export async function schedulerConfiguration(
  { configFile: path }: SchedulerSettings,
  { disk, clock, log }: Pick<Doors, 'disk' | 'clock' | 'log'>,
): Promise<SchedulerConfiguration> {
  if (path === undefined) return defaultConfiguration;
  try {
    const text = await configFile(path, { disk, clock }).read();
    const { configuration, ignored } = readSchedulerConfiguration(text, isPlugin);
    checkProfiles(configuration);
    if (ignored.length > 0)
      log.warn('fields of the KubeSchedulerConfiguration have no effect here', {
        file: path,
        fields: ignored.join(', '),
      });
    return configuration;
  } catch (error) {
    throw new ConfigError(`--kube-scheduler-arg: config=${path}: ${messageOf(error)}`, {
      op: 'scheduler.configuration',
      cause: error,
      hint: 'mend the file, or start without it',
    });
  }
}
