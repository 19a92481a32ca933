import type { Scheme } from '../scheme.ts';
import {
  camel,
  discoveryMedia,
  shortGroup,
  tagOf,
  type Operation,
  type Path,
} from './operations.ts';

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

/** A path beside the resources, with the tag that its one operation has. */
export interface Summary {
  path: Path;
  tag: string;
}

const asked = (
  path: string,
  tag: string,
  id: string,
  description: string,
  more: Partial<Operation>,
): Summary => ({
  tag,
  path: {
    path,
    inPath: [],
    operations: [
      {
        method: 'get',
        action: '',
        id,
        description,
        gvk: undefined,
        query: [],
        body: undefined,
        answer: undefined,
        codes: [200],
        watchable: false,
        custom: false,
        ...more,
      },
    ],
  },
});

/**
 * Documents about the API itself, by where their own OpenAPI 3 document is: `apis/apps`, `version`.
 */
export function summaries(scheme: Scheme): Map<string, Summary> {
  const out = new Map<string, Summary>([
    [
      '.well-known/openid-configuration',
      asked(
        '/.well-known/openid-configuration/',
        'WellKnown',
        'getServiceAccountIssuerOpenIDConfiguration',
        "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'",
        { media: { produces: ['application/json'] } },
      ),
    ],
    [
      'api',
      asked('/api/', 'core', 'getCoreAPIVersions', 'get available API versions', {
        answer: `${meta}APIVersions`,
        media: discoveryMedia,
      }),
    ],
    [
      'apis',
      asked('/apis/', 'apis', 'getAPIVersions', 'get available API versions', {
        answer: `${meta}APIGroupList`,
        media: discoveryMedia,
      }),
    ],
    [
      'openid/v1/jwks',
      asked(
        '/openid/v1/jwks/',
        'openid',
        'getServiceAccountIssuerOpenIDKeyset',
        'get service account issuer OpenID JSON Web Key Set (contains public token ' +
          'verification keys)',
        { media: { produces: ['application/jwk-set+json'] } },
      ),
    ],
    [
      'version',
      asked(
        '/version/',
        'version',
        'getCodeVersion',
        'get the version information for this server',
        {
          answer: 'io.k8s.apimachinery.pkg.version.Info',
          media: { consumes: ['application/json'], produces: ['application/json'] },
        },
      ),
    ],
  ]);
  // A group that only definitions make has no such document.
  for (const { group, custom } of scheme.resources()) {
    if (custom || !group) continue;
    const tag = tagOf(group, '').replace(/_$/, '');
    out.set(
      `apis/${group}`,
      asked(
        `/apis/${group}/`,
        tag,
        `get${camel(shortGroup(group))}APIGroup`,
        'get information of a group',
        { answer: `${meta}APIGroup`, media: discoveryMedia },
      ),
    );
  }
  return out;
}
