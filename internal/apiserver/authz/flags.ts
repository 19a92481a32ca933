import { ConfigError } from '../../base/errors.ts';
import {
  authorizerTypes,
  noAbac,
  type AuthorizationConfiguration,
  type AuthorizerConfiguration,
} from './configuration.ts';
import type { AuthorizationOptions, LegacyWebhook } from './options.ts';

/** kube-apiserver's defaults of --authorization-mode here, and of --authorization-webhook-*. */
const defaultModes = ['Node', 'RBAC'];
const webhookDefaults = { version: 'v1beta1', authorizedTtlMs: 300_000, unauthorizedTtlMs: 30_000 };
const timeoutMs = 30_000;

/**
 * What the older flags come to (kubeapiserver/options buildAuthorizationConfiguration). Throws a
 * ConfigError for what kube-apiserver does not start with.
 */
export function configurationOfFlags({
  modes = defaultModes,
  webhook,
}: AuthorizationOptions): AuthorizationConfiguration {
  const wrong = (why: string): ConfigError => new ConfigError(why, { op: 'authorization-mode' });
  for (const mode of modes) {
    if (mode === 'ABAC') throw wrong(`authorization-mode ${noAbac}`);
    if (!authorizerTypes.includes(mode))
      throw wrong(`authorization-mode ${JSON.stringify(mode)} is not a valid mode`);
  }
  if (modes.length === 0) throw wrong('at least one authorization-mode must be passed');
  if (new Set(modes).size < modes.length)
    throw wrong(`authorization-mode [${modes.join(' ')}] has mode specified more than once`);
  if (modes.includes('Webhook') && !webhook?.configFile)
    throw wrong("authorization-mode Webhook's authorization config file not passed");
  if (webhook?.configFile && !modes.includes('Webhook'))
    throw wrong('cannot specify authorization-webhook-config-file without mode Webhook');
  const authorizers = modes.map((type): AuthorizerConfiguration =>
    type === 'Webhook' && webhook ? legacy(webhook, wrong) : { type, name: type.toLowerCase() },
  );
  return { authorizers, stamp: '' };
}

function legacy(
  given: LegacyWebhook,
  wrong: (why: string) => ConfigError,
): AuthorizerConfiguration {
  const { version, authorizedTtlMs, unauthorizedTtlMs } = {
    ...webhookDefaults,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
  if (version !== 'v1' && version !== 'v1beta1')
    throw wrong(
      `unsupported authorization-webhook-version ${JSON.stringify(version)}, supported ` +
        'versions are "v1", "v1beta1"',
    );
  return {
    type: 'Webhook',
    name: 'default',
    webhook: {
      version,
      authorizedTtlMs,
      unauthorizedTtlMs,
      timeoutMs,
      failurePolicy: 'NoOpinion',
      kubeConfigFile: given.configFile,
      conditions: undefined,
    },
  };
}
