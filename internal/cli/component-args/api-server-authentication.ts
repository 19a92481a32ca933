import type { ApiServerSettings } from '../../supervisor/config.ts';
import { ConfigError } from '../../base/errors.ts';
import { none, takes, type Arg, type Taken } from './table.ts';
import { list, pairs, text, WrongValue } from './values.ts';

type Settings = ApiServerSettings;
type Oidc = NonNullable<Settings['oidc']>;

/**
 * An argument of --oidc-*. A wrong one stops the start: without it other tokens would be users than
 * were meant.
 */
function oidc<V>(
  parse: (value: string) => V,
  set: (oidc: Oidc, value: V) => void,
): Taken<Settings> {
  const taken = takes<Settings, V>(parse, (settings, value) => {
    settings.oidc ??= { issuerUrl: '', clientId: '' };
    set(settings.oidc, value);
  });
  return { ...taken, strict: true };
}

function claims(value: string): [string, string][] {
  const found = pairs(value);
  if (found.length === 0) throw new WrongValue('it has no value');
  return found;
}

/** kube-apiserver's arguments of users that other issuers name. */
export const authenticationArgs: [string, Arg<Settings>][] = [
  [
    'authentication-config',
    {
      ...takes<Settings, string>(text, (s, path) => void (s.authenticationConfig = path)),
      strict: true,
    },
  ],
  ['oidc-issuer-url', oidc(text, (to, url) => void (to.issuerUrl = url))],
  ['oidc-client-id', oidc(text, (to, id) => void (to.clientId = id))],
  ['oidc-username-claim', oidc(text, (to, claim) => void (to.usernameClaim = claim))],
  [
    'oidc-username-prefix',
    oidc(
      (value) => value,
      (to, prefix) => void (to.usernamePrefix = prefix),
    ),
  ],
  [
    'oidc-groups-claim',
    oidc(
      (value) => value,
      (to, claim) => void (to.groupsClaim = claim),
    ),
  ],
  [
    'oidc-groups-prefix',
    oidc(
      (value) => value,
      (to, prefix) => void (to.groupsPrefix = prefix),
    ),
  ],
  [
    'oidc-required-claim',
    {
      ...oidc(
        claims,
        (to, more) =>
          void (to.requiredClaims = { ...to.requiredClaims, ...Object.fromEntries(more) }),
      ),
      repeats: true,
    },
  ],
  ['oidc-signing-algs', oidc(list, (to, algorithms) => void (to.signingAlgs = algorithms))],
  ['oidc-ca-file', oidc(text, (to, path) => void (to.caFile = path))],
  ...none<Settings>(
    'tokens are not reviewed by another server',
    'authentication-token-webhook-config-file authentication-token-webhook-cache-ttl ' +
      'authentication-token-webhook-version',
  ),
];

/** Throws a ConfigError for what kube-apiserver does not start with either. */
export function checkAuthentication({ oidc: said, authenticationConfig }: Settings): void {
  const wrong = (why: string): Error =>
    new ConfigError(`--kube-apiserver-arg: ${why}`, { op: 'flags' });
  if (said && authenticationConfig !== undefined)
    throw wrong('authentication-config file and oidc-* flags are mutually exclusive');
  if (said && (!said.issuerUrl || !said.clientId))
    throw wrong(
      'oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set',
    );
}
