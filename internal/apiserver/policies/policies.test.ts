import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Unstructured, type KubeObject, type ResourceRef } from '../../api/object.ts';
import type { ApiError } from '../../api/status.ts';
import { startDevServer, type DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';

const group = 'admissionregistration.k8s.io';
const ref = (resource: string, kind: string, apiGroup = '', namespaced = true): ResourceRef => ({
  group: apiGroup,
  version: 'v1',
  resource,
  kind,
  namespaced,
});
const configMaps = ref('configmaps', 'ConfigMap');
const webhooks = ref(
  'validatingwebhookconfigurations',
  'ValidatingWebhookConfiguration',
  group,
  false,
);

let dev: DevServer;
let admin: InProcessClient;

beforeAll(async () => {
  dev = await startDevServer();
  admin = dev.api.inProcess({ name: 'admin', groups: ['system:masters'] });
});
afterAll(() => dev.api.close());

const failure = async (effect: Promise<unknown>): Promise<ApiError> =>
  effect.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: ApiError) => error,
  );
const configMap = (name: string, data: Record<string, string> = {}): object => ({
  metadata: { name, namespace: 'default' },
  data,
});

function webhook(name: string, expression: string, more: object = {}): object {
  const rules = [
    { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
  ];
  const hook = {
    name: `${name}.example.com`,
    rules,
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    clientConfig: { url: 'https://127.0.0.1:1/' },
    matchConditions: [{ name: 'one', expression }],
    ...more,
  };
  return { metadata: { name }, webhooks: [hook] };
}

describe('conditions of webhooks', () => {
  test('must compile', async () => {
    const error = await failure(admin.create(webhooks, webhook('bad', '... [] bad expression')));
    expect([error.httpStatus, error.message]).toEqual([
      422,
      expect.stringContaining('compilation failed: ERROR: <input>:1:'),
    ]);
    expect(
      (await failure(admin.create(webhooks, webhook('bad', 'object.metadata.name + 1 == x'))))
        .message,
    ).toContain("undeclared reference to 'x'");
    expect((await failure(admin.create(webhooks, webhook('bad', '1 + 1')))).message).toContain(
      'must evaluate to bool',
    );
  });

  test('say which requests a webhook gets', async () => {
    await admin.create(
      webhooks,
      webhook(
        'picky',
        "object.metadata.name == 'asked' && request.operation == 'CREATE' && " +
          "authorizer.group('').resource('pods').check('create').allowed() && " +
          "authorizer.requestResource.check('create').allowed()",
      ),
    );
    expect((await failure(admin.create(configMaps, configMap('asked')))).message).toContain(
      'failed calling webhook "picky.example.com"',
    );
    await admin.create(configMaps, configMap('not-asked'));
    await admin.delete(webhooks, { name: 'picky' });
  });

  test.each([
    ["authorizer.path(' ').check('get').allowed()", 'path must not be empty'],
    ["authorizer.group('').resource('').check('get').allowed()", 'resource must not be empty'],
    [
      "authorizer.serviceAccount('default', '-').path('/').check('get').allowed()",
      'Invalid service account name',
    ],
    [
      "authorizer.serviceAccount('a.b', 'x').path('/').check('get').allowed()",
      'Invalid service account namespace',
    ],
  ])('%s asks nothing', async (expression, why) => {
    await admin.create(webhooks, webhook('wrong', expression));
    expect((await failure(admin.create(configMaps, configMap('refused')))).message).toContain(why);
    await admin.delete(webhooks, { name: 'wrong' });
  });

  test('ask with selectors: a node may list what is pinned to it', async () => {
    const node = dev.api.inProcess({ name: 'system:node:n', groups: ['system:nodes'] });
    const leases = ref('leases', 'Lease', 'coordination.k8s.io');
    const rules = [
      {
        operations: ['CREATE'],
        apiGroups: ['coordination.k8s.io'],
        apiVersions: ['v1'],
        resources: ['leases'],
      },
    ];
    const may = (selector: string): string =>
      `authorizer.group('').resource('pods').fieldSelector('${selector}').check('list').allowed()`;
    await admin.create(
      webhooks,
      webhook('pinned', `${may('spec.nodeName=n')} && !(${may('spec.nodeName=other')})`, { rules }),
    );
    const lease = { metadata: { name: 'n', namespace: 'kube-node-lease' }, spec: {} };
    expect((await failure(node.create(leases, lease))).message).toContain(
      'failed calling webhook "pinned.example.com"',
    );
    await admin.delete(webhooks, { name: 'pinned' });
    await admin.create(webhooks, webhook('pinned', may('spec.nodeName!=n'), { rules }));
    expect((await node.create<KubeObject>(leases, lease)).metadata.name).toBe('n');
    await admin.delete(webhooks, { name: 'pinned' });
  });

  test('have one budget together, of which each may use up some', async () => {
    const numbers = `[${Array.from({ length: 45 }, (_, i) => i).join()}]`;
    const dear = (more: number): object => ({
      name: `c${more}`,
      expression: `${numbers}.all(a, ${numbers}.all(b, ${numbers}.all(c, a + b + c >= 0))) && ${more} > 0`,
    });
    const conditions = (count: number): object => ({
      matchConditions: [
        ...Array.from({ length: count }, (_, i) => dear(i + 1)),
        { name: 'no', expression: 'false' },
      ],
    });
    await admin.create(webhooks, webhook('dear', '', conditions(2)));
    await admin.create(configMaps, configMap('paid'));
    await admin.delete(webhooks, { name: 'dear' });
    await admin.create(
      webhooks,
      webhook('dear', '', {
        ...conditions(4),
        matchConditions: (conditions(4) as { matchConditions: object[] }).matchConditions.slice(
          0,
          4,
        ),
      }),
    );
    expect((await failure(admin.create(configMaps, configMap('too-dear')))).message).toContain(
      'actual cost limit exceeded',
    );
    await admin.delete(webhooks, { name: 'dear' });
  });

  test('that fail refuse the request, or leave the webhook out', async () => {
    await admin.create(webhooks, webhook('failing', "object.data.missing == 'x'"));
    expect(
      (await failure(admin.create(configMaps, configMap('refused', { a: 'b' })))).message,
    ).toContain('no such key: missing');
    await admin.delete(webhooks, { name: 'failing' });
    await admin.create(
      webhooks,
      webhook('open', "object.data.missing == 'x'", { failurePolicy: 'Ignore' }),
    );
    expect(
      (await admin.create<KubeObject>(configMaps, configMap('taken', { a: 'b' }))).metadata.name,
    ).toBe('taken');
    await admin.delete(webhooks, { name: 'open' });
  });
});

const deployments = ref('deployments', 'Deployment', 'apps');
const deployment = (name: string, replicas: number): object => {
  const labels = { app: 'web' };
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
    },
  };
};
const constraints = {
  resourceRules: [
    {
      operations: ['CREATE', 'UPDATE'],
      apiGroups: ['apps'],
      apiVersions: ['v1'],
      resources: ['deployments'],
    },
  ],
};

describe('validating policies', () => {
  const policies = ref('validatingadmissionpolicies', 'ValidatingAdmissionPolicy', group, false);
  const bindings = ref(
    'validatingadmissionpolicybindings',
    'ValidatingAdmissionPolicyBinding',
    group,
    false,
  );
  const bind = (name: string, validationActions: string[], more: object = {}): object => ({
    metadata: { name },
    spec: { policyName: name, validationActions, ...more },
  });

  test('refuse what their expressions refuse, in their words', async () => {
    const validations = [
      {
        expression: 'variables.replicas > 1',
        messageExpression: "'wants more than ' + string(variables.replicas)",
      },
      {
        expression: 'object.spec.replicas < 5',
        messageExpression: "'got ' + object.spec.replicas",
      },
      {
        expression: "namespaceObject.metadata.name == 'default' && variables.replicas != 4",
        message: 'not four',
        reason: 'Forbidden',
      },
    ];
    await admin.create(policies, {
      metadata: { name: 'size' },
      spec: {
        matchConstraints: constraints,
        variables: [{ name: 'replicas', expression: 'object.spec.replicas' }],
        validations,
      },
    });
    await admin.create(bindings, bind('size', ['Deny']));
    const few = await failure(admin.create(deployments, deployment('few', 1)));
    expect([few.httpStatus, few.reason, few.message]).toEqual([
      422,
      'Invalid',
      `deployments.apps "few" is forbidden: ValidatingAdmissionPolicy 'size' with binding ` +
        `'size' denied request: wants more than 1`,
    ]);
    expect((await failure(admin.create(deployments, deployment('many', 7)))).message).toContain(
      'denied request: failed expression: object.spec.replicas < 5',
    );
    expect((await failure(admin.create(deployments, deployment('four', 4)))).httpStatus).toBe(403);
    await admin.create(deployments, deployment('three', 3));
    await admin.delete(bindings, { name: 'size' });
  });

  test('take parameters', async () => {
    await admin.create(configMaps, configMap('limits', { max: '2' }));
    await admin.create(policies, {
      metadata: { name: 'bounded' },
      spec: {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        matchConstraints: constraints,
        validations: [{ expression: 'object.spec.replicas <= int(params.data.max)' }],
      },
    });
    await admin.create(
      bindings,
      bind('bounded', ['Deny'], {
        paramRef: { name: 'limits', namespace: 'default', parameterNotFoundAction: 'Deny' },
      }),
    );
    expect((await failure(admin.create(deployments, deployment('too-many', 3)))).message).toContain(
      "ValidatingAdmissionPolicy 'bounded'",
    );
    await admin.create(deployments, deployment('two', 2));
    await admin.delete(bindings, { name: 'bounded' });
  });
});

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

describe('type checking of policies', () => {
  const policies = ref('validatingadmissionpolicies', 'ValidatingAdmissionPolicy', group, false);
  const warningsOf = async (
    name: string,
    resources: object,
    validations: object[],
  ): Promise<unknown> => {
    await admin.create(policies, {
      metadata: { name },
      spec: {
        matchConstraints: {
          resourceRules: [{ operations: ['CREATE'], apiVersions: ['v1'], ...resources }],
        },
        validations,
      },
    });
    const status = async (): Promise<{ typeChecking?: { expressionWarnings?: unknown } }> =>
      (await admin.get<Unstructured>(policies, { name }))['status'] as object;
    await expect.poll(status, { timeout: 10_000 }).toMatchObject({ observedGeneration: 1 });
    const { typeChecking } = await status();
    await admin.delete(policies, { name });
    return typeChecking?.expressionWarnings;
  };

  test('says what is wrong for each kind that is named', async () => {
    const found = await warningsOf(
      'confused',
      { apiGroups: ['apps', ''], resources: ['deployments', 'pods'] },
      [
        {
          expression: "object.spec.replicas > '1'",
          messageExpression: "'got ' + object.spec.replicas",
        },
      ],
    );
    expect(found).toEqual([
      {
        fieldRef: 'spec.validations[0].expression',
        warning:
          `/v1, Kind=Pod: ERROR: <input>:1:12: undefined field 'replicas'\n | ` +
          `object.spec.replicas > '1'\n | ...........^\n\napps/v1, Kind=Deployment: ERROR: ` +
          `<input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n | ` +
          `object.spec.replicas > '1'\n | .....................^\n`,
      },
      {
        fieldRef: 'spec.validations[0].messageExpression',
        warning:
          `/v1, Kind=Pod: ERROR: <input>:1:21: undefined field 'replicas'\n | 'got ' + ` +
          'object.spec.replicas\n | ....................^\n\napps/v1, Kind=Deployment: ERROR: ' +
          `<input>:1:8: found no matching overload for '_+_' applied to '(string, int)'\n | ` +
          `'got ' + object.spec.replicas\n | .......^\n`,
      },
    ]);
  });

  test('has nothing to say of what fits, or of kinds that are not named', async () => {
    expect(
      await warningsOf('fitting', { apiGroups: ['apps'], resources: ['deployments'] }, [
        {
          expression:
            'object.spec.replicas > 1 && object.spec.template.spec.containers.all(c, c.name ' +
            "!= '') && object.metadata.creationTimestamp > timestamp('2000-01-01T00:00:00Z')",
        },
      ]),
    ).toBeUndefined();
    expect(
      await warningsOf('wild', { apiGroups: ['*'], resources: ['*'] }, [
        { expression: 'object.nothing == 1' },
      ]),
    ).toBeUndefined();
  });
});

describe('a policy by node', () => {
  const policies = ref('validatingadmissionpolicies', 'ValidatingAdmissionPolicy', group, false);
  const bindings = ref(
    'validatingadmissionpolicybindings',
    'ValidatingAdmissionPolicyBinding',
    group,
    false,
  );

  test('lets a pod change what bears the name of its node', async () => {
    const user = {
      name: 'system:serviceaccount:default:mover',
      groups: ['system:masters'],
      extra: { 'authentication.kubernetes.io/node-name': ['node-1'] },
    };
    const variables = [
      {
        name: 'userNodeName',
        expression:
          "request.userInfo.extra[?'authentication.kubernetes.io/node-name'][0].orValue('')",
      },
      {
        name: 'objectNodeName',
        expression:
          "(request.operation == 'DELETE' ? oldObject : object).?metadata.name.orValue('')",
      },
    ];
    const validations = [
      { expression: 'variables.userNodeName != ""', message: 'no node association found for user' },
      {
        expression: 'variables.userNodeName == variables.objectNodeName',
        messageExpression:
          `"this user running on node '"+variables.userNodeName+"' may not modify ConfigMap '" ` +
          `+ variables.objectNodeName + "'"`,
      },
    ];
    const matchConstraints = {
      resourceRules: [
        {
          operations: ['CREATE', 'UPDATE', 'DELETE'],
          apiGroups: [''],
          apiVersions: ['v1'],
          resources: ['configmaps'],
        },
      ],
    };
    await admin.create(policies, {
      metadata: { name: 'by-node' },
      spec: {
        matchConstraints,
        matchConditions: [
          { name: 'them', expression: `request.userInfo.username == "${user.name}"` },
        ],
        variables,
        validations,
      },
    });
    await admin.create(bindings, {
      metadata: { name: 'by-node' },
      spec: { policyName: 'by-node', validationActions: ['Deny'] },
    });
    const mover = dev.api.inProcess(user);
    await mover.create(configMaps, configMap('node-1'));
    expect((await failure(mover.create(configMaps, configMap('node-2')))).message).toContain(
      "this user running on node 'node-1' may not modify ConfigMap 'node-2'",
    );
    await admin.create(configMaps, configMap('node-2'));
    expect(
      (await failure(mover.delete(configMaps, { namespace: 'default', name: 'node-2' }))).message,
    ).toContain("may not modify ConfigMap 'node-2'");
    expect(
      (await failure(mover.update(configMaps, configMap('node-2', { a: 'b' })))).message,
    ).toContain("may not modify ConfigMap 'node-2'");
    await mover.update(configMaps, configMap('node-1', { a: 'b' }));
    expect(
      (await failure(mover.deleteCollection(configMaps, { namespace: 'default' }))).message,
    ).toContain('may not modify ConfigMap');
    await mover.delete(configMaps, { namespace: 'default', name: 'node-1' }).catch(() => undefined);
    const nobody = dev.api.inProcess({ name: user.name, groups: user.groups });
    expect((await failure(nobody.create(configMaps, configMap('node-1')))).message).toContain(
      'no node association found for user',
    );
    // The storage has the last word: an object that was read before is refused by the policy first,
    // and a dry run stores nothing.
    const readBefore = {
      metadata: { name: 'read-before', namespace: 'default', resourceVersion: '7' },
    };
    expect((await failure(nobody.create(configMaps, readBefore))).message).toContain(
      'no node association found for user',
    );
    expect((await failure(admin.create(configMaps, readBefore))).message).toBe(
      'resourceVersion should not be set on objects to be created',
    );
    await admin.delete(bindings, { name: 'by-node' });
  });
});
