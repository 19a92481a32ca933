import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/object.ts';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { failure, ref, startWithAdmin } from '../testing/server.ts';
import { constraints, deployment, deployments, group } from './testing/deployments.ts';

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin());
});
afterAll(() => dev.api.close());

describe('mutating policies', () => {
  const policies = ref('mutatingadmissionpolicies', 'MutatingAdmissionPolicy', group, false);
  const bindings = ref(
    'mutatingadmissionpolicybindings',
    'MutatingAdmissionPolicyBinding',
    group,
    false,
  );

  test('lay configurations over objects, and patch them', async () => {
    const mutations = [
      {
        patchType: 'ApplyConfiguration',
        applyConfiguration: {
          expression:
            'Object{spec: Object.spec{replicas: 3}, metadata: Object.metadata{annotations: ' +
            "{'by': 'policy'}}}",
        },
      },
      {
        patchType: 'JSONPatch',
        jsonPatch: {
          expression:
            "[JSONPatch{op: 'add', path: '/metadata/labels', value: {'a/b': " +
            'string(object.spec.replicas)}}]',
        },
      },
    ];
    await admin.create(policies, {
      metadata: { name: 'shape' },
      spec: { matchConstraints: constraints, reinvocationPolicy: 'Never', mutations },
    });
    await admin.create(bindings, { metadata: { name: 'shape' }, spec: { policyName: 'shape' } });
    const made = await admin.create<KubeObject>(deployments, deployment('shaped', 1));
    expect(made).toMatchObject({
      metadata: { annotations: { by: 'policy' }, labels: { 'a/b': '3' } },
      spec: { replicas: 3, template: { spec: { containers: [{ name: 'web', image: 'web:1' }] } } },
    });
    const metrics = dev.api.server.metrics.text(dev.api.server);
    expect(metrics).toContain(
      'apiserver_mutating_admission_policy_check_total{error_type="no_error",policy="shape",' +
        'policy_binding="shape"} 2',
    );
    await admin.delete(bindings, { name: 'shape' });
  });
});

describe('mutating policies that cannot do what they say', () => {
  const policies = ref('mutatingadmissionpolicies', 'MutatingAdmissionPolicy', group, false);
  const bindings = ref(
    'mutatingadmissionpolicybindings',
    'MutatingAdmissionPolicyBinding',
    group,
    false,
  );
  const inTemplate = (text: string): string =>
    'Object{spec: Object.spec{template: Object.spec.template{spec: ' +
    `Object.spec.template.spec{${text}}}}}`;
  const containers = (text: string): string =>
    inTemplate(`containers: [${text.replaceAll('C{', 'Object.spec.template.spec.containers{')}]`);
  const bind = async (name: string, mutations: object[], more: object = {}): Promise<void> => {
    await admin.create(policies, {
      metadata: { name },
      spec: {
        matchConstraints: constraints,
        matchConditions: [{ name: 'm', expression: `object.metadata.name == '${name}'` }],
        reinvocationPolicy: 'Never',
        mutations,
        ...more,
      },
    });
    await admin.create(bindings, { metadata: { name }, spec: { policyName: name } });
  };
  const laid = (expression: string): object => ({
    patchType: 'ApplyConfiguration',
    applyConfiguration: { expression },
  });
  const patch = (expression: string): object => ({
    patchType: 'JSONPatch',
    jsonPatch: { expression },
  });
  const atomic =
    'error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or ' +
    'structs: ';
  const untyped = 'error applying patch: failed to convert patch object to typed object: ';

  test.each([
    [
      'args',
      containers("C{name: 'c', args: ['x']}"),
      `${atomic}.spec.template.spec.containers[0].args`,
    ],
    [
      'empty',
      containers("C{name: 'c', args: []}"),
      `${atomic}.spec.template.spec.containers[0].args`,
    ],
    [
      'nodeselector',
      inTemplate("nodeSelector: {'a':'b'}"),
      `${atomic}.spec.template.spec.nodeSelector`,
    ],
    [
      'selector',
      "Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {'a':'b'}}}}",
      `${atomic}.spec.selector`,
    ],
    [
      'two',
      'Object{spec: Object.spec{selector: Object.spec.selector{matchExpressions: ' +
        "[Object.spec.selector.matchExpressions{key:'a', operator:'In', values:['b']}]}}}",
      `${atomic}.spec.selector, .spec.selector.matchExpressions, ` +
        '.spec.selector.matchExpressions[0].values',
    ],
    [
      'unknown',
      'Object{spec: Object.spec{nothing: 1}}',
      `${untyped}.spec.nothing: field not declared in schema`,
    ],
    [
      'mistyped',
      "Object{spec: Object.spec{replicas: 'x'}}",
      `${untyped}.spec.replicas: expected numeric (int or float), got string`,
    ],
    [
      'dup',
      containers("C{name: 'c', image: 'a'}, C{name: 'c', image: 'b'}"),
      `${untyped}.spec.template.spec.containers: duplicate entries for key [name="c"]`,
    ],
    [
      'error',
      "Object{spec: Object.spec{replicas: int(object.metadata.annotations['x'])}}",
      "expression 'Object{spec: Object.spec{replicas: " +
        "int(object.metadata.annotations['x'])}}' resulted in error: no such key: annotations",
    ],
  ])('a configuration: %s', async (name, expression, why) => {
    await bind(name, [laid(expression)]);
    const error = await failure(admin.create(deployments, deployment(name, 1)));
    const message = `policy '${name}' with binding '${name}' denied request: ${why}`;
    expect([error.httpStatus, error.reason, error.message, error.toStatus().details]).toEqual([
      403,
      'Invalid',
      message,
      { name, group: 'apps', kind: 'deployments', causes: [{ message }] },
    ]);
  });

  test.each([
    [
      'jop',
      "[JSONPatch{op: 'foo', path: '/spec/nothing'}]",
      [
        403,
        'Invalid',
        "policy 'jop' with binding 'jop' denied request: JSON Patch: Unexpected kind: foo",
      ],
    ],
    [
      'jremove',
      "[JSONPatch{op: 'remove', path: '/spec/nothing'}]",
      [
        403,
        'Invalid',
        "policy 'jremove' with binding 'jremove' denied request: JSON Patch: error in remove " +
          "for path: '/spec/nothing': Unable to remove nonexistent key: nothing: missing value",
      ],
    ],
    [
      'junknown',
      "[JSONPatch{op: 'add', path: '/spec/nothing', value: 'x'}]",
      [
        500,
        'InternalError',
        'Internal error occurred: strict decoding error: unknown field "spec.nothing"',
      ],
    ],
    [
      'jbad',
      "[JSONPatch{op: 'replace', path: '/spec/replicas', value: 'x'}]",
      [500, 'InternalError', expect.stringContaining('Internal error occurred: ')],
    ],
  ])('a patch: %s', async (name, expression, wanted) => {
    await bind(name, [patch(expression)]);
    const error = await failure(admin.create(deployments, deployment(name, 1)));
    expect([error.httpStatus, error.reason, error.message]).toEqual(wanted);
  });

  test('a test that does not hold leaves the object as it is', async () => {
    await bind('jtest', [
      patch(
        "[JSONPatch{op: 'replace', path: '/spec/replicas', value: 9}, JSONPatch{op: 'test', " +
          "path: '/spec/replicas', value: 7}]",
      ),
    ]);
    expect(await admin.create<KubeObject>(deployments, deployment('jtest', 1))).toMatchObject({
      spec: { replicas: 1 },
    });
  });

  test('all that failed are the causes; with Ignore the others still do their work', async () => {
    const mutations = [
      laid(inTemplate("nodeSelector: {'a':'b'}")),
      laid('Object{spec: Object.spec{replicas: 4}}'),
      laid('Object{spec: Object.spec{nothing: 1}}'),
    ];
    await bind('several', mutations);
    const { details } = (
      await failure(admin.create(deployments, deployment('several', 1)))
    ).toStatus() as { details: { causes: { message: string }[] } };
    expect(
      details.causes.map((one) => one.message.replace(/.*error applying patch: /, '')),
    ).toEqual([
      'invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ' +
        '.spec.template.spec.nodeSelector',
      'failed to convert patch object to typed object: .spec.nothing: field not declared in schema',
    ]);
    await bind('lenient', mutations, { failurePolicy: 'Ignore' });
    expect(await admin.create<KubeObject>(deployments, deployment('lenient', 1))).toMatchObject({
      spec: { replicas: 4 },
    });
  });

  test('parameters that are not there', async () => {
    await admin.create(policies, {
      metadata: { name: 'noparam' },
      spec: {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        matchConstraints: constraints,
        reinvocationPolicy: 'Never',
        mutations: [laid('Object{}')],
      },
    });
    await admin.create(bindings, {
      metadata: { name: 'noparam' },
      spec: {
        policyName: 'noparam',
        paramRef: { name: 'gone', namespace: 'default', parameterNotFoundAction: 'Deny' },
      },
    });
    const error = await failure(admin.create(deployments, deployment('noparam', 1)));
    expect([error.httpStatus, error.reason, error.message]).toEqual([
      403,
      'Forbidden',
      "policy 'noparam' with binding 'noparam' denied request: failed to configure binding: " +
        'no params found for policy binding with `Deny` parameterNotFoundAction',
    ]);
    await admin.delete(bindings, { name: 'noparam' });
  });
});
