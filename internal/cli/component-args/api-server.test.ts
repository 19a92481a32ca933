import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../base/errors.ts';
import { settledAudit } from './api-server-audit.ts';
import { apiServerArgs, type ApiServerArgs } from './api-server.ts';
import { checkAuthentication } from './api-server-authentication.ts';
import { checkAuthorization } from './api-server-authorization.ts';
import { readArgs } from './table.ts';

function read(...args: string[]): { settings: ApiServerArgs; warnings: string[] } {
  const warnings: string[] = [];
  const warn = (line: string): void => void warnings.push(line);
  const said = readArgs<ApiServerArgs>('kube-apiserver-arg', args, {
    table: apiServerArgs,
    settings: {},
    warn,
  });
  checkAuthentication(said);
  checkAuthorization(said, warn);
  return { settings: settledAudit(said, warn), warnings };
}

test('limits arrive as settings', () => {
  const { settings, warnings } = read(
    'max-requests-inflight=800',
    '--max-mutating-requests-inflight=100',
    'request-timeout=1m30s',
  );
  expect(settings).toEqual({
    flowControl: {
      maxRequestsInflight: 800,
      maxMutatingRequestsInflight: 100,
      requestTimeoutMs: 90_000,
    },
  });
  expect(warnings).toEqual([]);
});

test.each([
  'max-requests-inflight=-1',
  'max-requests-inflight=0',
  'max-mutating-requests-inflight=many',
  'request-timeout=60',
  'request-timeout=0s',
  'request-timeout',
])('%s is one warning', (arg) => {
  const { settings, warnings } = read(arg);
  expect(settings).toEqual({});
  expect(warnings).toEqual([
    expect.stringMatching(/^--kube-apiserver-arg: [a-z-]+ is not taken: /),
  ]);
});

describe('the audit', () => {
  test('arrives whole, in any order', () => {
    const { settings, warnings } = read(
      'audit-log-maxage=30',
      'audit-log-path=/l/audit.log',
      'audit-log-maxbackup=0',
      'audit-log-maxsize=50',
      'audit-webhook-batch-buffer-size=5000',
      'audit-webhook-batch-max-size=10',
      'audit-webhook-batch-max-wait=5s',
      'audit-webhook-initial-backoff=2s',
      'audit-webhook-config-file=/w.yaml',
      'audit-policy-file=/p.yaml',
    );
    expect(settings.audit).toEqual({
      policyFile: '/p.yaml',
      log: { path: '/l/audit.log', maxAgeDays: 30, maxBackups: 0, maxSizeMb: 50 },
      webhook: {
        configFile: '/w.yaml',
        bufferSize: 5000,
        maxBatchSize: 10,
        maxBatchWaitMs: 5000,
        initialBackoffMs: 2000,
      },
    });
    expect(warnings).toEqual([]);
  });

  test.each<[string[], object | undefined, RegExp]>([
    [
      ['audit-log-path=-', 'audit-log-maxsize=3', 'audit-webhook-config-file=/w'],
      undefined,
      /nothing is audited without audit-policy-file/,
    ],
    [['audit-log-maxage=3'], undefined, /nothing is audited without audit-policy-file/],
    [['audit-policy-file=/p'], undefined, /neither audit-log-path nor audit-webhook-config-file/],
    [
      ['audit-policy-file=/p', 'audit-log-maxage=3', 'audit-webhook-config-file=/w'],
      { policyFile: '/p', webhook: { configFile: '/w' } },
      /no effect without audit-log-path/,
    ],
    [
      ['audit-policy-file=/p', 'audit-log-path=-', 'audit-webhook-batch-max-size=3'],
      { policyFile: '/p', log: { path: '-' } },
      /no effect without audit-webhook-config-file/,
    ],
    [
      ['audit-policy-file=/p', 'audit-log-path=-', 'audit-log-format=legacy'],
      { policyFile: '/p', log: { path: '-' } },
      /audit-log-format has no effect here: events are written as JSON/,
    ],
    [
      ['audit-policy-file=/p', 'audit-log-path=-', 'audit-log-maxage=old'],
      { policyFile: '/p', log: { path: '-' } },
      /audit-log-maxage is not taken: "old"/,
    ],
  ])('%j: one warning', (args, audit, warning) => {
    const { settings, warnings } = read(...args);
    expect(settings.audit).toEqual(audit);
    expect(warnings).toEqual([expect.stringMatching(warning)]);
  });
});

describe("other issuers' users", () => {
  const issuer = ['oidc-issuer-url=https://id.example', 'oidc-client-id=k'];

  test('every flag arrives; a claim may be required several times', () => {
    const { settings, warnings } = read(
      ...issuer,
      'oidc-username-claim=email',
      'oidc-username-prefix=-',
      'oidc-groups-claim=groups',
      'oidc-groups-prefix=oidc:',
      'oidc-required-claim=hd=a.example',
      'oidc-required-claim=team=b,floor=3',
      'oidc-signing-algs=RS256,ES256',
      'oidc-ca-file=/ca.pem',
    );
    expect(settings.oidc).toEqual({
      issuerUrl: 'https://id.example',
      clientId: 'k',
      usernameClaim: 'email',
      usernamePrefix: '-',
      groupsClaim: 'groups',
      groupsPrefix: 'oidc:',
      requiredClaims: { hd: 'a.example', team: 'b', floor: '3' },
      signingAlgs: ['RS256', 'ES256'],
      caFile: '/ca.pem',
    });
    expect(warnings).toEqual([]);
    expect(read('authentication-config=/a.yaml').settings).toEqual({
      authenticationConfig: '/a.yaml',
    });
  });

  test.each<[string, string[], RegExp]>([
    [
      'a required claim without a value',
      [...issuer, 'oidc-required-claim=hd'],
      /oidc-required-claim is wrong: "hd" is not name=value/,
    ],
    [
      'no required claim at all',
      [...issuer, 'oidc-required-claim='],
      /oidc-required-claim is wrong/,
    ],
    ['no client', ['oidc-issuer-url=https://id.example'], /must be specified together/],
    ['only a prefix', ['oidc-username-prefix=x'], /must be specified together/],
    [
      'neither with nor without anonymous requests',
      ['anonymous-auth=no'],
      /anonymous-auth is wrong: "no" is neither true nor false/,
    ],
    [
      'an empty file name',
      ['authentication-config='],
      /authentication-config is wrong: it has no value/,
    ],
    ['both ways at once', [...issuer, 'authentication-config=/a.yaml'], /mutually exclusive/],
  ])('%s stops the start', (_what, args, why) => {
    expect(() => read(...args)).toThrow(ConfigError);
    expect(() => read(...args)).toThrow(why);
  });
});

describe('who is asked whether a request may be', () => {
  test('a file, or the older flags', () => {
    expect(read('authorization-config=/a.yaml').settings).toEqual({
      authorizationConfig: '/a.yaml',
    });
    const { settings, warnings } = read(
      'authorization-mode=Node,RBAC,Webhook',
      'authorization-webhook-config-file=/k',
      'authorization-webhook-version=v1',
      'authorization-webhook-cache-authorized-ttl=1m',
      'authorization-webhook-cache-unauthorized-ttl=0',
    );
    expect(settings).toEqual({
      authorization: {
        modes: ['Node', 'RBAC', 'Webhook'],
        webhook: { configFile: '/k', version: 'v1', authorizedTtlMs: 60_000, unauthorizedTtlMs: 0 },
      },
    });
    expect(warnings).toEqual([]);
  });

  test('what a webhook would be told is one warning without it', () => {
    expect(read('authorization-webhook-version=v1', 'authorization-mode=RBAC').warnings).toEqual([
      '--kube-apiserver-arg: the authorization-webhook arguments have no effect without ' +
        'authorization-mode Webhook',
    ]);
  });

  test.each<[string, string[], RegExp]>([
    [
      'both ways at once',
      ['authorization-config=/a', 'authorization-mode=Node,RBAC'],
      /authorization-config can not be specified when authorization-mode or authorization-webhook-\* are defined/,
    ],
    [
      'a file and what a webhook is told',
      ['authorization-config=/a', 'authorization-webhook-cache-authorized-ttl=1m'],
      /can not be specified/,
    ],
    [
      'an empty file name',
      ['authorization-config='],
      /authorization-config is wrong: it has no value/,
    ],
    [
      'a time that is none',
      ['authorization-webhook-cache-authorized-ttl=long'],
      /authorization-webhook-cache-authorized-ttl is wrong: "long" is not a duration/,
    ],
    [
      'a policy of ABAC',
      ['authorization-policy-file=/p'],
      /authorization-policy-file is not supported: ABAC is not there/,
    ],
  ])('%s stops the start', (_what, args, why) => {
    expect(() => read(...args)).toThrow(ConfigError);
    expect(() => read(...args)).toThrow(why);
  });
});
