import { Buffer } from 'node:buffer';
import { createServer, type Server as HttpsServer } from 'node:https';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { issueCert } from '../../pki/certificate.ts';
import { realClock } from '../../io/clock.ts';
import { realRandom } from '../../io/random.ts';
import { Target } from '../../../test/attacks/target.ts';
import type { KubeObject, ResourceRef } from '../../api/object.ts';
import type { ApiError } from '../../api/status.ts';
import type { AuditEvent } from '../audit/event.ts';
import { startDevServer, type DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';

/** Annotations as kube-apiserver 1.36.3 wrote them for the same policies and requests. */
const group = 'admissionregistration.k8s.io';
const ref = (resource: string, kind: string): ResourceRef => ({
  group,
  version: 'v1',
  resource,
  kind,
  namespaced: false,
});
const policies = ref('validatingadmissionpolicies', 'ValidatingAdmissionPolicy');
const bindings = ref('validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding');
const configMaps: ResourceRef = {
  group: '',
  version: 'v1',
  resource: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};
const maps = '/api/v1/namespaces/default/configmaps';
const resourceRules = [
  { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
];

let dir: string;
let dev: DevServer;
let admin: InProcessClient;
let target: Target;
let hook: HttpsServer;
let counter = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'annotated-'));
  await writeFile(
    join(dir, 'policy.yaml'),
    'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- ' +
      '{level: Request, resources: [{group: "", resources: [secrets]}]}\n- {level: Metadata}\n',
  );
  dev = await startDevServer({
    audit: { policyFile: join(dir, 'policy.yaml'), log: { path: join(dir, 'audit.log') } },
  });
  await writeFile(join(dir, 'kubeconfig'), dev.kubeconfig);
  target = new Target(join(dir, 'kubeconfig'));
  admin = dev.api.inProcess({ name: 'keeper', groups: ['system:masters'] });
  const { cert, key } = issueCert({
    nowMs: realClock.now(),
    random: realRandom,
    ca: dev.ca,
    cn: 'hook',
    sans: ['127.0.0.1'],
    usages: ['server'],
  });
  hook = createServer({ cert, key }, (request, answer) => {
    let text = '';
    request.on('data', (part: Buffer) => (text += part.toString()));
    request.on('end', () => {
      const {
        request: { uid },
      } = JSON.parse(text) as { request: { uid: string } };
      const patch = Buffer.from(
        JSON.stringify([
          { op: 'add', path: '/metadata/labels', value: { by: '<hook>'.slice(1, 5) } },
        ]),
      ).toString('base64');
      answer.end(
        JSON.stringify({
          apiVersion: 'admission.k8s.io/v1',
          kind: 'AdmissionReview',
          response: {
            uid,
            allowed: true,
            auditAnnotations: { seen: 'yes', 'not a name': 'x' },
            ...(request.url?.startsWith('/patch') && { patchType: 'JSONPatch', patch }),
          },
        }),
      );
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  await target.close();
  await dev.api.close();
  hook.close();
  await rm(dir, { recursive: true });
});

const failure = async (effect: Promise<unknown>): Promise<ApiError> =>
  effect.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: ApiError) => error,
  );

interface Told {
  status: number;
  message: unknown;
  warning: unknown;
  annotations: Record<string, string>;
}

/** Creates the object, and says what the client and the audit were told. */
async function told(path: string, body: object): Promise<Told> {
  const id = `call-${counter++}`;
  const answer = await target.call({ method: 'POST', path, body, headers: { 'audit-id': id } });
  const own = async (): Promise<AuditEvent | undefined> =>
    (await readFile(join(dir, 'audit.log'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditEvent)
      .find((event) => event.auditID === id);
  await expect.poll(own).toBeDefined();
  const {
    'authorization.k8s.io/decision': _decision,
    'authorization.k8s.io/reason': _reason,
    ...annotations
  } = (await own())?.annotations ?? {};
  return {
    status: answer.status,
    message: (answer.json as { message?: string } | undefined)?.message,
    warning: answer.headers['warning'],
    annotations,
  };
}

const configMap = (name: string, data: Record<string, string> = { a: 'b' }): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});

async function put(name: string, spec: object, bound: Record<string, object>): Promise<void> {
  await admin.create(policies, {
    metadata: { name },
    spec: {
      matchConstraints: { resourceRules },
      matchConditions: [
        { name: 'mine', expression: `object.metadata.name.startsWith('${name}-')` },
      ],
      ...spec,
    },
  });
  for (const [binding, more] of Object.entries(bound))
    await admin.create(bindings, {
      metadata: { name: binding },
      spec: { policyName: name, ...more },
    });
}

const param = (name: string): object => ({
  paramRef: { name, namespace: 'default', parameterNotFoundAction: 'Deny' },
});
const failureKey = 'validation.policy.admission.k8s.io/validation_failure';

test('annotations of all bindings, the first finding to audit, and every warning', async () => {
  await admin.create(configMaps, configMap('p1', { max: '1' }));
  await admin.create(configMaps, configMap('p2', { max: '2' }));
  const auditAnnotations = [
    { key: 'limit', valueExpression: "'max ' + params.data.max" },
    { key: 'nothing', valueExpression: 'null' },
    { key: 'blank', valueExpression: "'  '" },
    { key: 'size', valueExpression: "'  size ' + string(variables.size)+ ' '" },
  ];
  const validations = [
    { expression: "variables.size < 1 || object.metadata.name == 'x'" },
    { expression: 'variables.size > 5', message: 'small & <few>' },
  ];
  await put(
    'noted',
    {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      variables: [{ name: 'size', expression: 'size(object.data)' }],
      validations,
      auditAnnotations,
    },
    {
      'noted-1': { validationActions: ['Audit'], ...param('p1') },
      'noted-2': { validationActions: ['Warn', 'Audit'], ...param('p2') },
    },
  );
  const { status, warning, annotations } = await told(maps, configMap('noted-one'));
  expect(status).toBe(201);
  expect(annotations).toEqual({
    'noted/limit': 'max 1, max 2',
    'noted/size': 'size 1',
    [failureKey]:
      String.raw`[{"message":"failed expression: variables.size \u003c 1 || ` +
      `object.metadata.name == 'x'","policy":"noted","binding":"noted-1","expressionIndex":0,` +
      '"validationActions":["Audit"]}]',
  });
  expect(String(warning)).toContain(
    "Validation failed for ValidatingAdmissionPolicy 'noted' with binding 'noted-2': failed " +
      "expression: variables.size < 1 || object.metadata.name == 'x'",
  );
  expect(String(warning)).toContain('small & <few>');
  const metrics = (await target.call({ path: '/metrics' })).text;
  expect(metrics).toContain(
    'apiserver_validating_admission_policy_check_total{enforcement_action="audit",' +
      'error_type="invalid_error",policy="noted",policy_binding="noted-1"} 2',
  );
  expect(metrics).toContain(
    'apiserver_validating_admission_policy_check_duration_seconds_count{enforcement_action="w' +
      'arn",error_type="invalid_error",policy="noted",policy_binding="noted-2"} 2',
  );
});

test(
  'an annotation that fails denies whatever the binding is to do, unless failures are ignored; ' +
    'the others are told',
  async () => {
    const auditAnnotations = [
      { key: 'fine', valueExpression: 'string(object.metadata.name)' },
      { key: 'bad', valueExpression: 'string(object.data.nothing)' },
    ];
    await put('faulty', { auditAnnotations }, { faulty: { validationActions: ['Audit'] } });
    const refused = await told(maps, configMap('faulty-one'));
    expect([refused.status, refused.message, refused.annotations]).toEqual([
      422,
      `configmaps "faulty-one" is forbidden: ValidatingAdmissionPolicy 'faulty' with binding ` +
        `'faulty' denied request: expression 'string(object.data.nothing)' resulted in error: no ` +
        'such key: nothing',
      { 'faulty/fine': 'faulty-one' },
    ]);
    await put(
      'lenient',
      { failurePolicy: 'Ignore', auditAnnotations },
      { lenient: { validationActions: ['Audit'] } },
    );
    expect(await told(maps, configMap('lenient-one'))).toMatchObject({
      status: 201,
      annotations: { 'lenient/fine': 'lenient-one' },
    });
  },
);

test('a denial keeps nothing from the audit that other policies say', async () => {
  await put(
    'a',
    { validations: [{ expression: 'false', message: 'no' }] },
    { a: { validationActions: ['Deny', 'Audit'] } },
  );
  await put(
    'a-b',
    { auditAnnotations: [{ key: 'k', valueExpression: "'v'" }] },
    { 'a-b': { validationActions: ['Warn'] } },
  );
  const { status, message, annotations } = await told(maps, configMap('a-b-c'));
  expect([status, message]).toEqual([
    422,
    `configmaps "a-b-c" is forbidden: ValidatingAdmissionPolicy 'a' with binding 'a' denied ` +
      'request: no',
  ]);
  expect(Object.keys(annotations)).toEqual([failureKey, 'a-b/k']);
});

test('what is not configured denies, whatever the binding is to do', async () => {
  await put(
    'noparam',
    { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, validations: [{ expression: 'true' }] },
    {
      noparam: {
        validationActions: ['Audit'],
        ...param('gone'),
        matchResources: { objectSelector: { matchLabels: { t: 'noparam' } } },
      },
    },
  );
  const labelled = (t: string): object => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `t-${t}`, labels: { t } },
  });
  expect((await told(maps, labelled('noparam'))).message).toBe(
    `configmaps "t-noparam" is forbidden: ValidatingAdmissionPolicy 'noparam' with binding ` +
      `'noparam' denied request: failed to configure binding: no params found for policy ` +
      `binding with \`Deny\` parameterNotFoundAction`,
  );
  await admin.delete(bindings, { name: 'noparam' });
  await put(
    'nokind',
    {
      paramKind: { apiVersion: 'example.com/v1', kind: 'Nothing' },
      validations: [{ expression: 'true' }],
    },
    { nokind: { validationActions: ['Audit'], ...param('gone') } },
  );
  expect((await told(maps, labelled('nokind'))).message).toBe(
    `configmaps "t-nokind" is forbidden: ValidatingAdmissionPolicy 'nokind' denied request: ` +
      'failed to configure policy: failed to find resource referenced by paramKind: ' +
      `'example.com/v1, Kind=Nothing'`,
  );
  await admin.delete(bindings, { name: 'nokind' });
});

test('an expression must come to a string or null, and names must be names', async () => {
  const auditAnnotations = [
    { key: 'limit', valueExpression: '1 + 1' },
    { key: 'lim it', valueExpression: '  x' },
    { key: 'ok', valueExpression: "true ? dyn(1) : dyn('x')" },
    { key: 'long', valueExpression: `'${'x'.repeat(5120)}'` },
  ];
  const error = await failure(
    put('badone', { variables: [{ name: '1x', expression: '1' }], auditAnnotations }, {}),
  );
  const parts = [
    'spec.variables[0].name: Invalid value: "1x": must be a valid CEL identifier',
    'spec.auditAnnotations[3].valueExpression: Required value: must not exceed 5120 bytes in ' +
      'length',
  ];
  for (const part of parts) expect(error.message).toContain(part);
  const compiled = await failure(
    put(
      'badone',
      {
        auditAnnotations: [
          auditAnnotations[0],
          { ...auditAnnotations[1], key: 'limit-2' },
          auditAnnotations[2],
        ],
      },
      {},
    ),
  );
  expect(compiled.message).toContain(
    'spec.auditAnnotations[0].valueExpression: Invalid value: "1 + 1": must evaluate to one ' +
      'of [string null_type] but got int',
  );
  expect(compiled.message).toContain(
    'spec.auditAnnotations[1].valueExpression: Invalid value: "  x": compilation failed: ' +
      `ERROR: <input>:1:1: undeclared reference to 'x'`,
  );
  expect(compiled.message).toContain('must evaluate to one of [string null_type] but got dyn');
});

test('webhooks: what they say, whether they changed something, which were not asked', async () => {
  const url = `https://127.0.0.1:${(hook.address() as AddressInfo).port}`;
  const webhook = (name: string, to: string, resource: string): object => ({
    name: `${name}.example.com`,
    rules: [{ ...resourceRules[0], resources: [resource] }],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    failurePolicy: 'Ignore',
    clientConfig: { url: to, caBundle: Buffer.from(dev.ca.cert).toString('base64') },
  });
  await admin.create(ref('mutatingwebhookconfigurations', 'MutatingWebhookConfiguration'), {
    metadata: { name: 'hooks' },
    webhooks: [
      webhook('gone', 'https://127.0.0.1:1/', 'secrets'),
      webhook('patch', `${url}/patch`, 'secrets'),
      webhook('patch2', `${url}/patch`, 'pods'),
    ],
  });
  await admin.create(ref('validatingwebhookconfigurations', 'ValidatingWebhookConfiguration'), {
    metadata: { name: 'hooks' },
    webhooks: [
      webhook('look', `${url}/look`, 'secrets'),
      webhook('away', 'https://127.0.0.1:1/', 'secrets'),
    ],
  });
  const { status, annotations } = await told('/api/v1/namespaces/default/secrets', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
  });
  expect(status).toBe(201);
  expect(annotations).toEqual({
    'failed-open.mutation.webhook.admission.k8s.io/round_0_index_0': 'gone.example.com',
    'mutation.webhook.admission.k8s.io/round_0_index_0':
      '{"configuration":"hooks","webhook":"gone.example.com","mutated":false}',
    'patch.example.com/seen': 'yes',
    'patch.webhook.admission.k8s.io/round_0_index_1':
      '{"configuration":"hooks","webhook":"patch.example.com","patch":[{"op":"add","path":"/' +
      'metadata/labels","value":{"by":"hook"}}],"patchType":"JSONPatch"}',
    'mutation.webhook.admission.k8s.io/round_0_index_1':
      '{"configuration":"hooks","webhook":"patch.example.com","mutated":true}',
    'look.example.com/seen': 'yes',
    'failed-open.validating.webhook.admission.k8s.io/round_0_index_1': 'away.example.com',
  });
});

test(
  'Pod Security: what is enforced, and what the audited level has against a pod; a patch is no ' +
    'metadata',
  async () => {
    await admin.create(
      { group: '', version: 'v1', resource: 'namespaces', kind: 'Namespace', namespaced: false },
      {
        metadata: {
          name: 'watched',
          labels: {
            'pod-security.kubernetes.io/enforce': 'privileged',
            'pod-security.kubernetes.io/audit': 'baseline',
            'pod-security.kubernetes.io/audit-version': 'v1.30',
          },
        },
      },
    );
    for (const namespace of ['watched', 'default'])
      await admin.create<KubeObject>(
        { ...configMaps, resource: 'serviceaccounts', kind: 'ServiceAccount' },
        { metadata: { name: 'default', namespace } },
      );
    const spec = { hostNetwork: true, containers: [{ name: 'c', image: 'i' }] };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec };
    const watched = (await told('/api/v1/namespaces/watched/pods', pod)).annotations;
    expect(watched).toMatchObject({
      'pod-security.kubernetes.io/enforce-policy': 'privileged:latest',
      'pod-security.kubernetes.io/audit-violations':
        'would violate PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true)',
    });
    // At level Metadata it is told that the webhook changed the pod, and not how.
    expect(Object.keys(watched).filter((key) => key.includes('webhook'))).toEqual([
      'mutation.webhook.admission.k8s.io/round_0_index_2',
    ]);
    const job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'j' },
      spec: { template: { spec: { ...spec, restartPolicy: 'Never' } } },
    };
    expect((await told('/apis/batch/v1/namespaces/watched/jobs', job)).annotations).toEqual({
      'pod-security.kubernetes.io/audit-violations':
        'would violate PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true)',
    });
    expect((await told('/api/v1/namespaces/default/pods', pod)).annotations).toMatchObject({
      'pod-security.kubernetes.io/enforce-policy': 'privileged:latest',
    });
  },
);

test('what is on its way out, and which token was given', async () => {
  const asked = async (
    method: string,
    path: string,
    body?: object,
  ): Promise<Record<string, string>> => {
    const id = `call-${counter++}`;
    await target.call({ method, path, headers: { 'audit-id': id }, ...(body && { body }) });
    const own = async (): Promise<AuditEvent | undefined> =>
      (await readFile(join(dir, 'audit.log'), 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as AuditEvent)
        .find((event) => event.auditID === id);
    await expect.poll(own).toBeDefined();
    return (await own())?.annotations ?? {};
  };
  for (const path of ['/api/v1/componentstatuses', '/api/v1/endpoints'])
    expect(await asked('GET', path)).toMatchObject({ 'k8s.io/deprecated': 'true' });
  expect(await asked('GET', '/api/v1/services')).not.toHaveProperty('k8s.io/deprecated');
  const given = await asked('POST', '/api/v1/namespaces/default/serviceaccounts/default/token', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {},
  });
  expect(given['authentication.kubernetes.io/issued-credential-id']).toMatch(/^JTI=[0-9a-f-]{36}$/);
});

test("the server's own parts are told of, too", async () => {
  await admin.create(configMaps, configMap('lenient-two'));
  const own = async (): Promise<AuditEvent | undefined> =>
    (await readFile(join(dir, 'audit.log'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditEvent)
      .find((event) => event.objectRef?.name === 'lenient-two');
  await expect
    .poll(own)
    .toMatchObject({
      user: { username: 'keeper' },
      annotations: { 'lenient/fine': 'lenient-two' },
    });
});
