import { ConfigError } from '../base/errors.ts';

/** `skiff datastore ...`. */
export function runDatastore(_args: string[]): Promise<void> {
  throw new ConfigError('the datastore command is not there yet', { op: 'datastore' });
}
