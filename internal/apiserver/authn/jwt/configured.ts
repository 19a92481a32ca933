import { ConfigError, messageOf } from '../../../base/errors.ts';
import type { ApiServerOptions } from '../../options.ts';
import type { ConfiguredAuthentication } from '../authenticator.ts';
import { readConfiguration, type AuthenticationConfiguration } from './configuration.ts';
import { JwtIssuers } from './issuers.ts';
import { configurationOfFlags } from './oidc-flags.ts';

export interface Configured extends ConfiguredAuthentication {
  stop(): void;
}

type Options = Pick<
  ApiServerOptions,
  'authenticationConfig' | 'oidc' | 'serviceAccount' | 'dial' | 'clock' | 'log' | 'anonymous'
>;

/** A complaint about what a file holds, on one line with the file's name. */
const named = (error: unknown, path: string): unknown =>
  error instanceof ConfigError
    ? new ConfigError(`${path}: ${messageOf(error).split('\n', 1)[0]}`, {
        op: error.op,
        cause: error,
      })
    : error;

/**
 * Reads what is configured; a file that is wrong stops the start, and later leaves what was there
 * before.
 */
export async function configuredAuthentication(options: Options): Promise<Configured> {
  const { authenticationConfig: file, oidc, log } = options;
  if (file && oidc)
    throw new ConfigError('authentication-config file and oidc-* flags are mutually exclusive', {
      op: 'authentication-config',
    });
  const made = (
    configuration: AuthenticationConfiguration,
  ): { issuers: JwtIssuers; anonymous: AuthenticationConfiguration['anonymous'] } => ({
    issuers: new JwtIssuers(configuration, options),
    anonymous: configuration.anonymous,
  });
  let text = '';
  const read = async (): Promise<AuthenticationConfiguration> => {
    text = (await file?.read()) ?? '';
    const configuration = readConfiguration(text, [options.serviceAccount.issuer]);
    if (configuration.anonymous && options.anonymous !== undefined)
      throw new ConfigError('anonymous-auth cannot be set when the field anonymous is', {
        op: 'authentication-config',
      });
    return configuration;
  };
  let current = made(
    oidc
      ? configurationOfFlags(oidc)
      : await read().catch((error: unknown) => Promise.reject(named(error, file?.path ?? ''))),
  );
  const reload = async (): Promise<void> => {
    const before = text;
    try {
      const configuration = await read();
      if (text === before) return;
      current = made(configuration);
      log.info('authentication configuration read again', { issuers: configuration.jwt.length });
    } catch (error) {
      log.error('authentication configuration is wrong, the former one stays', {
        error: messageOf(error),
      });
    }
  };
  const unwatch = file?.watch(() => void reload());
  return {
    userOf: (token) => current.issuers.userOf(token),
    allowsAnonymous: (path) => {
      const { anonymous } = current;
      if (!anonymous) return undefined;
      return (
        anonymous.enabled &&
        (!anonymous.conditions?.length || anonymous.conditions.some((one) => one.path === path))
      );
    },
    stop: () => unwatch?.(),
  };
}
