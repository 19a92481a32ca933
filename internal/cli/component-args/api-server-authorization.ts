import type { ApiServerSettings } from '../../supervisor/config.ts';
import { ConfigError } from '../../base/errors.ts';
import { refuses, takes, type Arg, type Taken } from './table.ts';
import { list, milliseconds, text } from './values.ts';

type Settings = ApiServerSettings;
type Authorization = NonNullable<Settings['authorization']>;

/**
 * One of the older flags. A wrong one stops the start: without it others would be allowed than were
 * meant.
 */
function older<V>(
  parse: (value: string) => V,
  set: (authorization: Authorization, value: V) => void,
): Taken<Settings> {
  const taken = takes<Settings, V>(parse, (settings, value) => {
    settings.authorization ??= {};
    set(settings.authorization, value);
  });
  return { ...taken, strict: true };
}

const webhook = <V>(
  parse: (value: string) => V,
  field: keyof NonNullable<Authorization['webhook']>,
): Taken<Settings> =>
  older(parse, (to, value) => void (to.webhook = { ...to.webhook, [field]: value }));

/** kube-apiserver's arguments of who is asked whether a request may be. */
export const authorizationArgs: [string, Arg<Settings>][] = [
  [
    'authorization-config',
    {
      ...takes<Settings, string>(text, (s, path) => void (s.authorizationConfig = path)),
      strict: true,
    },
  ],
  ['authorization-mode', older(list, (to, modes) => void (to.modes = modes))],
  ['authorization-webhook-config-file', webhook(text, 'configFile')],
  ['authorization-webhook-version', webhook(text, 'version')],
  ['authorization-webhook-cache-authorized-ttl', webhook(milliseconds, 'authorizedTtlMs')],
  ['authorization-webhook-cache-unauthorized-ttl', webhook(milliseconds, 'unauthorizedTtlMs')],
  [
    'authorization-policy-file',
    refuses(
      'ABAC is not there: what its policy says would not count',
      'say with RBAC who may what',
    ),
  ],
];

/**
 * Throws a ConfigError for what kube-apiserver does not start with either; what single modes need
 * is looked at when the server starts.
 */
export function checkAuthorization(
  { authorization, authorizationConfig }: Settings,
  warn: (line: string) => void,
): void {
  if (
    authorization?.webhook &&
    !authorization.webhook.configFile &&
    !authorization.modes?.includes('Webhook')
  )
    warn(
      '--kube-apiserver-arg: the authorization-webhook arguments have no effect without ' +
        'authorization-mode Webhook',
    );
  if (!authorization || authorizationConfig === undefined) return;
  throw new ConfigError(
    '--kube-apiserver-arg: authorization-config can not be specified when authorization-mode ' +
      'or authorization-webhook-* are defined',
    { op: 'flags' },
  );
}
