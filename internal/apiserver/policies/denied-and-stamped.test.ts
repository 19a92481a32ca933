import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fieldsOf, type KubeObject, type ResourceRef } from '../../api/object.ts';
import type { DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { configMap, configMaps, failure, ref, startWithAdmin } from '../testing/server.ts';

let dev: DevServer;
let admin: InProcessClient;
beforeAll(async () => {
  ({ dev, admin } = await startWithAdmin());
});
afterAll(() => dev.api.close());

describe('policies', () => {
  const kind = (resource: string, name: string): ResourceRef =>
    ref(resource, name, 'admissionregistration.k8s.io', false);
  const resourceRules = [
    { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] },
  ];
  const matchConstraints = { resourceRules, objectSelector: { matchLabels: { policed: 'yes' } } };
  const policed = (name: string, data: Record<string, string>): object =>
    configMap(name, data, { policed: 'yes' });

  test('a validating policy refuses with its message', async () => {
    await admin.create(kind('validatingadmissionpolicies', 'ValidatingAdmissionPolicy'), {
      metadata: { name: 'size' },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints,
        variables: [{ name: 'count', expression: 'size(object.data)' }],
        validations: [
          {
            expression: 'variables.count < 2',
            messageExpression: "'too many: ' + string(variables.count)",
          },
        ],
      },
    });
    await admin.create(
      kind('validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding'),
      { metadata: { name: 'size-b' }, spec: { policyName: 'size', validationActions: ['Deny'] } },
    );
    await admin.create(configMaps, policed('small', { a: '1' }));
    const error = await failure(admin.create(configMaps, policed('large', { a: '1', b: '2' })));
    expect([error.httpStatus, error.message]).toEqual([
      422,
      `configmaps "large" is forbidden: ValidatingAdmissionPolicy 'size' with binding ` +
        `'size-b' denied request: too many: 2`,
    ]);
    await admin.delete(
      kind('validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding'),
      { name: 'size-b' },
    );
  });

  test('a mutating policy lays a configuration over the object, then patches it', async () => {
    await admin.create(kind('mutatingadmissionpolicies', 'MutatingAdmissionPolicy'), {
      metadata: { name: 'stamp' },
      spec: {
        failurePolicy: 'Fail',
        reinvocationPolicy: 'Never',
        matchConstraints,
        mutations: [
          {
            patchType: 'ApplyConfiguration',
            applyConfiguration: {
              expression:
                'Object{metadata: Object.metadata{labels: Object.metadata.labels{stamped: "yes"}}}',
            },
          },
          {
            patchType: 'JSONPatch',
            jsonPatch: {
              expression:
                '[JSONPatch{op: "add", path: "/data/" + jsonpatch.escapeKey("k"), value: ' +
                'object.metadata.labels.stamped}]',
            },
          },
        ],
      },
    });
    await admin.create(kind('mutatingadmissionpolicybindings', 'MutatingAdmissionPolicyBinding'), {
      metadata: { name: 'stamp-b' },
      spec: { policyName: 'stamp' },
    });
    const made = await admin.create<KubeObject>(configMaps, policed('stamped', { a: '1' }));
    expect([made.metadata.labels, fieldsOf(made)['data']]).toEqual([
      { policed: 'yes', stamped: 'yes' },
      { a: '1', k: 'yes' },
    ]);
    await admin.delete(kind('mutatingadmissionpolicybindings', 'MutatingAdmissionPolicyBinding'), {
      name: 'stamp-b',
    });
  });

  test('an expression that does not compile is refused', async () => {
    const bad = {
      metadata: { name: 'bad' },
      spec: { matchConstraints, validations: [{ expression: 'object.' }] },
    };
    const error = await failure(
      admin.create(kind('validatingadmissionpolicies', 'ValidatingAdmissionPolicy'), bad),
    );
    expect(error.message).toContain(
      'spec.validations[0].expression: Invalid value: "object.": compilation failed: ERROR: ' +
        '<input>:1:',
    );
  });
});
