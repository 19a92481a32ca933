import { describe, expect, test } from 'vitest';
import { readRequestInfo } from '../http/request-info.ts';
import { judge, parsePolicy } from './policy.ts';

const policy = (rules: string, more = ''): string =>
  `apiVersion: audit.k8s.io/v1\nkind: Policy\n${more}rules:\n${rules}`;
const jane = { name: 'jane', groups: ['devs', 'system:authenticated'] };
const levelOf = (rules: string, method: string, path: string): string =>
  judge(parsePolicy(policy(`${rules}\n- level: None`)), jane, readRequestInfo(method, path)).level;

describe('rules', () => {
  const pod = '/api/v1/namespaces/a/pods/p';
  test.each([
    ['users: [jane]', 'GET', pod, true],
    ['users: [joe]', 'GET', pod, false],
    ['userGroups: [devs]', 'GET', pod, true],
    ['userGroups: [ops]', 'GET', pod, false],
    ['verbs: [get]', 'GET', pod, true],
    ['verbs: [list]', 'GET', pod, false],
    ['verbs: [list]', 'GET', '/api/v1/pods', true],
    ['namespaces: [a]', 'GET', pod, true],
    ['namespaces: [b]', 'GET', pod, false],
    ['namespaces: [""]', 'GET', '/api/v1/nodes/n', true],
    ['namespaces: [""]', 'GET', '/version', false],
    ['resources: [{group: ""}]', 'GET', pod, true],
    ['resources: [{group: apps}]', 'GET', pod, false],
    ['resources: [{resources: [pods]}]', 'GET', pod, true],
    ['resources: [{resources: [pods]}]', 'GET', `${pod}/log`, false],
    ['resources: [{resources: [pods/log]}]', 'GET', `${pod}/log`, true],
    ['resources: [{resources: ["pods/*"]}]', 'GET', `${pod}/log`, true],
    ['resources: [{resources: ["pods/*"]}]', 'GET', '/api/v1/nodes/n/status', false],
    ['resources: [{resources: ["*/status"]}]', 'PATCH', '/api/v1/nodes/n/status', true],
    ['resources: [{resources: ["*/status"]}]', 'GET', pod, false],
    ['resources: [{resources: ["*"]}]', 'GET', `${pod}/log`, true],
    ['resources: [{resources: [pods], resourceNames: [p]}]', 'GET', pod, true],
    ['resources: [{resources: [pods], resourceNames: [q]}]', 'GET', pod, false],
    ['nonResourceURLs: ["/version"]', 'GET', '/version', true],
    ['nonResourceURLs: ["/healthz*"]', 'GET', '/healthz/etcd', true],
    ['nonResourceURLs: ["*"]', 'GET', pod, false],
    ['verbs: [get]\n  users: [joe]', 'GET', pod, false],
  ])('%s: %s %s', (rule, method, path, matches) =>
    expect(levelOf(`- level: Metadata\n  ${rule}`, method, path)).toBe(
      matches ? 'Metadata' : 'None',
    ),
  );

  test('the first that matches decides, and none that matches is None', () => {
    expect(levelOf('- level: Request\n  verbs: [get]\n- level: RequestResponse', 'GET', pod)).toBe(
      'Request',
    );
    expect(
      judge(
        parsePolicy(policy('- level: Metadata\n  users: [joe]')),
        jane,
        readRequestInfo('GET', pod),
      ).level,
    ).toBe('None');
  });

  test("stages of policy and rule add up; the rule's word on managedFields counts more", () => {
    const given = parsePolicy(
      policy(
        '- level: Metadata\n  omitStages: [Panic]\n  omitManagedFields: false',
        'omitStages: [RequestReceived]\nomitManagedFields: true\n',
      ),
    );
    const verdict = judge(given, jane, readRequestInfo('GET', pod));
    expect([[...verdict.omitStages].sort(), verdict.omitManagedFields]).toEqual([
      ['Panic', 'RequestReceived'],
      false,
    ]);
  });
});

test.each([
  ['no YAML', 'a: [', 'it is not YAML'],
  ['another kind', 'apiVersion: v1\nkind: Pod', 'not audit.k8s.io/v1 Policy'],
  [
    'an old version',
    'apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: [{level: None}]',
    'not audit.k8s.io/v1 Policy',
  ],
  ['no rules', policy('').replace('rules:\n', 'rules: []'), 'at least one rule'],
  ['an unknown level', policy('- level: All'), 'rules[0].level: Unsupported value: "All"'],
  [
    'an unknown stage',
    policy('- level: None\n  omitStages: [Begin]'),
    'rules[0].omitStages: Invalid value: "Begin"',
  ],
  ['a misspelt field', policy('- level: None\n  user: [x]'), 'unknown field "rules[0].user"'],
  ['a name of JavaScript', policy('- level: constructor'), 'Unsupported value: "constructor"'],
  [
    'URLs and resources',
    policy('- level: None\n  nonResourceURLs: [/a]\n  namespaces: [b]'),
    'both regular resources and non-resource URLs',
  ],
  ['a star in a URL', policy('- level: None\n  nonResourceURLs: ["/a*b"]'), "must begin with '/'"],
  [
    'names without resources',
    policy('- level: None\n  resources: [{resourceNames: [x]}]'),
    'requires at least one resource',
  ],
  [
    'a group with a version',
    policy('- level: None\n  resources: [{group: apps/v1}]'),
    'a group has no version',
  ],
  [
    'text for a list',
    policy('- level: None\n  verbs: get'),
    'rules[0].verbs: must be a list of strings',
  ],
])('%s is refused', (_what, text, why) => expect(() => parsePolicy(text)).toThrow(why));
