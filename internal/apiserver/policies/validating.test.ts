import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Unstructured } from '../../api/object.ts';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { configMap, configMaps, failure, ref, startWithAdmin } from '../testing/server.ts';
import { constraints, deployment, deployments, group } from './testing/deployments.ts';

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin());
});
afterAll(() => dev.api.close());

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
