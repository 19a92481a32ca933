import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { realDisk } from '../../io/disk.ts';
import { readConfiguration } from './configuration.ts';
import { configurationOfFlags } from './flags.ts';

const dir = mkdtempSync(join(tmpdir(), 'skiff-authz-configuration-'));
const kubeConfigFile = join(dir, 'kubeconfig');
writeFileSync(kubeConfigFile, '');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const good = {
  timeout: '3s',
  subjectAccessReviewVersion: 'v1',
  failurePolicy: 'NoOpinion',
  connectionInfo: { type: 'KubeConfigFile', kubeConfigFile },
};
const hook = (webhook: object | undefined, more: object = {}): object => ({
  type: 'Webhook',
  name: 'hook',
  ...(webhook && { webhook }),
  ...more,
});
const file = (authorizers: unknown, more: object = {}): string =>
  JSON.stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthorizationConfiguration',
    authorizers,
    ...more,
  });
const read = (text: string): ReturnType<typeof readConfiguration> =>
  readConfiguration(text, realDisk);

test('a webhook has defaults; its times are milliseconds', async () => {
  for (const version of ['v1', 'v1beta1', 'v1alpha1']) {
    const { authorizers } = await read(
      file([hook(good), { type: 'RBAC', name: 'rbac' }], {
        apiVersion: `apiserver.config.k8s.io/${version}`,
      }),
    );
    expect(authorizers).toEqual([
      {
        type: 'Webhook',
        name: 'hook',
        webhook: {
          timeoutMs: 3000,
          authorizedTtlMs: 300_000,
          unauthorizedTtlMs: 30_000,
          version: 'v1',
          failurePolicy: 'NoOpinion',
          kubeConfigFile,
          conditions: undefined,
        },
      },
      { type: 'RBAC', name: 'rbac' },
    ]);
  }
});

test('what is not to be remembered is remembered for no time', async () => {
  const { authorizers } = await read(
    file([
      hook({
        ...good,
        authorizedTTL: '1m30s',
        unauthorizedTTL: '500ms',
        cacheUnauthorizedRequests: false,
        timeout: '30s',
      }),
    ]),
  );
  expect(authorizers[0]?.webhook).toMatchObject({
    authorizedTtlMs: 90_000,
    unauthorizedTtlMs: 0,
    timeoutMs: 30_000,
  });
});

test('several webhooks may stand anywhere', async () => {
  const { authorizers } = await read(
    file([
      hook(good),
      { type: 'Node', name: 'node' },
      hook(good, { name: 'b.example' }),
      { type: 'AlwaysDeny', name: 'alwaysdeny' },
    ]),
  );
  expect(authorizers.map(({ name }) => name)).toEqual(['hook', 'node', 'b.example', 'alwaysdeny']);
});

test('YAML with comments, as people write it', async () => {
  const { authorizers } = await read(
    '# who may\napiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\n' +
      'authorizers:\n- type: Node\n  name: node\n- {type: RBAC, name: rbac}\n',
  );
  expect(authorizers.map(({ type }) => type)).toEqual(['Node', 'RBAC']);
});

const at = 'authorizers[0]';
const conditions = (...expressions: string[]): object => ({
  ...good,
  matchConditionSubjectAccessReviewVersion: 'v1',
  matchConditions: expressions.map((expression) => ({ expression })),
});

test.each<[string, string, string]>([
  ['no YAML', 'kind: [', 'yaml: '],
  [
    'another kind',
    JSON.stringify({ apiVersion: 'v1', kind: 'Pod' }),
    'no kind "Pod" is registered for version "v1"',
  ],
  [
    'another version',
    file([{ type: 'RBAC', name: 'rbac' }], { apiVersion: 'apiserver.config.k8s.io/v2' }),
    'no kind "AuthorizationConfiguration" is registered for version "apiserver.config.k8s.io/v2"',
  ],
  [
    'an unknown field',
    file([{ type: 'RBAC', name: 'rbac', weight: 1 }]),
    `unknown field "${at}.weight"`,
  ],
  [
    'a name of JavaScript',
    file([{ type: 'RBAC', name: 'rbac', constructor: 1 }]),
    `unknown field "${at}.constructor"`,
  ],
  [
    'a key twice',
    'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nkind: ' +
      'AuthorizationConfiguration\nauthorizers: []',
    'line 3: key "kind" already set in map',
  ],
  ['no list', file({}), 'authorizers: must be a list'],
  [
    'nobody',
    file([]),
    'authorizers: Required value: at least one authorization mode must be defined',
  ],
  ['no type', file([{ name: 'x' }]), `${at}.type: Required value`],
  [
    'a wrong type',
    file([{ type: 'Bouncer', name: 'x' }]),
    `${at}.type: Unsupported value: "Bouncer": supported values: "ABAC", "AlwaysAllow", ` +
      '"AlwaysDeny", "Node", "RBAC", "Webhook"',
  ],
  [
    'ABAC',
    file([{ type: 'ABAC', name: 'abac' }]),
    `${at}.type: Invalid value: "ABAC": ABAC is not supported here; say with RBAC who may what`,
  ],
  [
    'a type twice',
    file([
      { type: 'RBAC', name: 'rbac' },
      { type: 'RBAC', name: 'rbac2' },
    ]),
    'authorizers[1].type: Duplicate value: "RBAC"',
  ],
  ['a name twice', file([hook(good), hook(good)]), 'authorizers[1].name: Duplicate value: "hook"'],
  ['no name', file([hook(good, { name: '' })]), `${at}.name: Required value`],
  [
    'a bad name',
    file([hook(good, { name: 'Hook' })]),
    `${at}.name: Invalid value: "Hook": authorizer name is invalid: a lowercase RFC 1123 subdomain`,
  ],
  [
    'another name for a built-in',
    file([{ type: 'RBAC', name: 'roles' }]),
    `${at}.name: Invalid value: "roles": expected name rbac for authorizer RBAC`,
  ],
  [
    'no webhook',
    file([hook(undefined)]),
    `${at}.webhook: Required value: required when type=Webhook`,
  ],
  [
    'a webhook that is none',
    file([{ type: 'RBAC', name: 'rbac', webhook: {} }]),
    `${at}.webhook: Invalid value: "non-null": may only be specified when type=Webhook`,
  ],
  [
    'no timeout',
    file([hook({ ...good, timeout: undefined })]),
    `${at}.webhook.timeout: Required value`,
  ],
  [
    'a timeout of 0',
    file([hook({ ...good, timeout: '0s' })]),
    `${at}.webhook.timeout: Required value`,
  ],
  [
    'a long timeout',
    file([hook({ ...good, timeout: '30.5s' })]),
    `${at}.webhook.timeout: Invalid value: "30.5s": must be > 0s and <= 30s`,
  ],
  [
    'a timeout in the past',
    file([hook({ ...good, timeout: '-1s' })]),
    `${at}.webhook.timeout: Invalid value: "-1s": must be > 0s and <= 30s`,
  ],
  [
    'a timeout that is none',
    file([hook({ ...good, timeout: 'soon' })]),
    `${at}.webhook.timeout: Invalid value: "soon": must be a duration`,
  ],
  [
    'a timeout in numbers',
    file([hook({ ...good, timeout: 3 })]),
    `${at}.webhook.timeout: must be a string`,
  ],
  [
    'a negative time to live',
    file([hook({ ...good, authorizedTTL: '-5m' })]),
    `${at}.webhook.authorizedTTL: Invalid value: "-5m": must be > 0s`,
  ],
  [
    'no version',
    file([hook({ ...good, subjectAccessReviewVersion: '' })]),
    `${at}.webhook.subjectAccessReviewVersion: Required value`,
  ],
  [
    'a version to come',
    file([hook({ ...good, subjectAccessReviewVersion: 'v2' })]),
    `${at}.webhook.subjectAccessReviewVersion: Unsupported value: "v2": supported values: ` +
      '"v1", "v1beta1"',
  ],
  [
    'no failure policy',
    file([hook({ ...good, failurePolicy: undefined })]),
    `${at}.webhook.failurePolicy: Required value`,
  ],
  [
    "admission's failure policy",
    file([hook({ ...good, failurePolicy: 'Ignore' })]),
    `${at}.webhook.failurePolicy: Unsupported value: "Ignore": supported values: ` +
      '"NoOpinion", "Deny"',
  ],
  [
    'no connection',
    file([hook({ ...good, connectionInfo: undefined })]),
    `${at}.webhook.connectionInfo.type: Required value`,
  ],
  [
    'itself',
    file([hook({ ...good, connectionInfo: { type: 'InClusterConfig' } })]),
    `${at}.webhook.connectionInfo.type: Invalid value: "InClusterConfig": this mode is not ` +
      'for an API server itself',
  ],
  [
    'a former name',
    file([hook({ ...good, connectionInfo: { type: 'KubeConfig' } })]),
    `${at}.webhook.connectionInfo.type: Unsupported value: "KubeConfig": supported values: ` +
      '"KubeConfigFile"',
  ],
  [
    'no file',
    file([hook({ ...good, connectionInfo: { type: 'KubeConfigFile' } })]),
    `${at}.webhook.connectionInfo.kubeConfigFile: Required value`,
  ],
  [
    'a relative file',
    file([hook({ ...good, connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: 'x' } })]),
    `${at}.webhook.connectionInfo.kubeConfigFile: Invalid value: "x": must be an absolute path`,
  ],
  [
    'a file that is not there',
    file([
      hook({ ...good, connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/nowhere/x' } }),
    ]),
    `${at}.webhook.connectionInfo.kubeConfigFile: Invalid value: "/nowhere/x": error loading ` +
      'file: ',
  ],
  [
    'a folder',
    file([hook({ ...good, connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/' } })]),
    `${at}.webhook.connectionInfo.kubeConfigFile: Invalid value: "/": must be a regular file`,
  ],
  [
    'a condition of no version',
    file([hook({ ...conditions('true'), matchConditionSubjectAccessReviewVersion: '' })]),
    `${at}.webhook.matchConditionSubjectAccessReviewVersion: Required value: required if ` +
      'match conditions are specified',
  ],
  [
    'a condition of an old version',
    file([hook({ ...conditions('true'), matchConditionSubjectAccessReviewVersion: 'v1beta1' })]),
    `${at}.webhook.matchConditionSubjectAccessReviewVersion: Unsupported value: "v1beta1": ` +
      'supported values: "v1"',
  ],
  [
    'an empty condition',
    file([hook(conditions('  '))]),
    `${at}.webhook.matchConditions[0].expression: Required value`,
  ],
  [
    'a condition twice',
    file([hook(conditions('true', 'true'))]),
    `${at}.webhook.matchConditions[1].expression: Duplicate value: "true"`,
  ],
  [
    'a condition that is no truth',
    file([hook(conditions("'yes'"))]),
    `${at}.webhook.matchConditions[0].expression: Invalid value: "'yes'": must evaluate to ` +
      'bool but got string',
  ],
  [
    'a condition of what is not there',
    file([hook(conditions('request.owner == "x"'))]),
    `${at}.webhook.matchConditions[0].expression: Invalid value: "request.owner == \\"x\\"": ` +
      `compilation failed: ERROR: <input>:1:8: undefined field 'owner'`,
  ],
  [
    'a condition that asks the authorizer',
    file([hook(conditions('authorizer.path("/").check("get").allowed()'))]),
    `compilation failed: ERROR: <input>:1:1: undeclared reference to 'authorizer'`,
  ],
  [
    'too many conditions',
    file([hook(conditions(...Array.from({ length: 65 }, (_, i) => `${i} > 0`)))]),
    `${at}.webhook.matchConditions: Too many: 65: must have at most 64 items`,
  ],
])('%s is refused, on one line with its field', async (_what, text, complaint) => {
  const error = await read(text).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  expect(error?.name).toBe('ConfigError');
  expect(error?.message).toContain(complaint);
  expect(error?.message).not.toContain('\n');
});

test('every complaint is told', async () => {
  await expect(read(file([hook({}), { type: 'RBAC' }]))).rejects.toThrow(
    /timeout: .*; .*subjectAccessReviewVersion: .*; .*failurePolicy: .*; .*connectionInfo.type: .*; authorizers\[1\]\.name: /,
  );
});

describe('flags', () => {
  test('say the same without a file', () => {
    expect(configurationOfFlags({}).authorizers).toEqual([
      { type: 'Node', name: 'node' },
      { type: 'RBAC', name: 'rbac' },
    ]);
    expect(
      configurationOfFlags({
        modes: ['Webhook', 'AlwaysAllow'],
        webhook: { configFile: '/k', authorizedTtlMs: 0, version: undefined },
      }).authorizers,
    ).toEqual([
      {
        type: 'Webhook',
        name: 'default',
        webhook: {
          version: 'v1beta1',
          authorizedTtlMs: 0,
          unauthorizedTtlMs: 30_000,
          timeoutMs: 30_000,
          failurePolicy: 'NoOpinion',
          kubeConfigFile: '/k',
          conditions: undefined,
        },
      },
      { type: 'AlwaysAllow', name: 'alwaysallow' },
    ]);
  });

  test.each<[string, Parameters<typeof configurationOfFlags>[0], string]>([
    ['no mode', { modes: [] }, 'at least one authorization-mode must be passed'],
    [
      'an unknown mode',
      { modes: ['Node', 'rbac'] },
      'authorization-mode "rbac" is not a valid mode',
    ],
    ['a name of JavaScript', { modes: ['constructor'] }, 'is not a valid mode'],
    ['ABAC', { modes: ['ABAC'] }, 'ABAC is not supported here'],
    [
      'a mode twice',
      { modes: ['RBAC', 'RBAC'] },
      'authorization-mode [RBAC RBAC] has mode specified more than once',
    ],
    [
      'a webhook without its file',
      { modes: ['Webhook'] },
      "authorization-mode Webhook's authorization config file not passed",
    ],
    [
      'a file without its webhook',
      { webhook: { configFile: '/k' } },
      'cannot specify authorization-webhook-config-file without mode Webhook',
    ],
    [
      'a version to come',
      { modes: ['Webhook'], webhook: { configFile: '/k', version: 'v2' } },
      'unsupported authorization-webhook-version "v2"',
    ],
  ])('%s stops the start', (_what, options, complaint) => {
    expect(() => configurationOfFlags(options)).toThrow(complaint);
  });
});
