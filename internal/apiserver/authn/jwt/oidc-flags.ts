import { ConfigError } from '../../../base/errors.ts';
import type { AuthenticationConfiguration, JwtIssuer } from './configuration.ts';
import { algorithms } from './issuers.ts';

/** The flags --oidc-*, by their names without that. One issuer, said otherwise. */
export interface OidcFlags {
  issuerUrl: string;
  clientId: string;
  usernameClaim?: string;
  usernamePrefix?: string;
  groupsClaim?: string;
  groupsPrefix?: string;
  requiredClaims?: Readonly<Record<string, string>>;
  signingAlgs?: readonly string[];
  /** The authority in --oidc-ca-file, in PEM. */
  ca?: string;
}

/** The same as a configuration (kubeapiserver/options/authentication.go). */
export function configurationOfFlags(flags: OidcFlags): AuthenticationConfiguration {
  const op = 'oidc';
  const {
    issuerUrl,
    clientId,
    usernameClaim = 'sub',
    usernamePrefix,
    groupsClaim,
    groupsPrefix = '',
    requiredClaims = {},
    signingAlgs = ['RS256'],
    ca,
  } = flags;
  if (!issuerUrl || !clientId)
    throw new ConfigError(
      'oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set',
      { op },
    );
  if (URL.parse(issuerUrl)?.protocol !== 'https:')
    throw new ConfigError('oidc-issuer-url: URL scheme must be https', { op });
  const unknown = signingAlgs.filter((one) => !algorithms.includes(one));
  if (unknown.length > 0)
    throw new ConfigError(`oidc-signing-algs: unsupported signing alg: ${unknown.join(', ')}`, {
      op,
    });
  // Names of an issuer's own must not be those of the cluster; an e-mail address cannot be.
  const prefix =
    usernamePrefix === '-'
      ? ''
      : usernamePrefix || (usernameClaim === 'email' ? '' : `${issuerUrl}#`);
  const issuer: JwtIssuer = {
    issuer: { url: issuerUrl, audiences: [clientId], ...(ca && { certificateAuthority: ca }) },
    claimValidationRules: Object.entries(requiredClaims).map(([claim, requiredValue]) => ({
      claim,
      requiredValue,
    })),
    claimMappings: {
      username: { claim: usernameClaim, prefix },
      ...(groupsClaim && { groups: { claim: groupsClaim, prefix: groupsPrefix } }),
    },
    algorithms: [...signingAlgs],
  };
  return { jwt: [issuer] };
}
