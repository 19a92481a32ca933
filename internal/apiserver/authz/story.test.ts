import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type {
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
} from '../../api/generated/types/authorization-v1.ts';
import { realClock } from '../../io/clock.ts';
import { configFile } from '../../io/config-file.ts';
import { realDisk } from '../../io/disk.ts';
import { realRandom } from '../../io/random.ts';
import { issueCa, issueCert, type Identity } from '../../pki/certificate.ts';
import { startDevServer, type DevServer } from '../dev.ts';

// A running API server and a real HTTPS server that it asks.

interface Review {
  apiVersion: string;
  spec: SubjectAccessReviewSpec;
}

type Answer = Partial<SubjectAccessReviewStatus> | { raw: string; status?: number } | 'nothing';

let dir: string;
let hook: Server;
let hookUrl: string;
let asked: (Review & { path: string; authorization: string | undefined })[] = [];
let answer: (spec: SubjectAccessReviewSpec) => Answer;
let dev: DevServer;

const write = async (name: string, text: string): Promise<string> => {
  await writeFile(join(dir, `${name}.tmp`), text);
  await rename(join(dir, `${name}.tmp`), join(dir, name));
  return join(dir, name);
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skiff-authz-'));
  const issuing = { nowMs: Date.now(), random: realRandom };
  const ca = issueCa({ ...issuing, cn: 'hook-ca' });
  hook = createServer(
    issueCert({ ...issuing, ca, cn: 'hook', usages: ['server'], sans: ['127.0.0.1'] }),
    (req, res) => {
      let text = '';
      req.on('data', (part: Buffer) => void (text += part.toString()));
      req.on('end', () => {
        const review = JSON.parse(text) as Review;
        asked.push({ ...review, path: req.url ?? '', authorization: req.headers.authorization });
        const said = answer(review.spec);
        if (said === 'nothing') return;
        res.statusCode = ('raw' in said ? said.status : undefined) ?? 200;
        res.end('raw' in said ? said.raw : JSON.stringify({ ...review, status: said }));
      });
    },
  );
  await new Promise<void>((resolve) => void hook.listen(0, '127.0.0.1', resolve));
  hookUrl = `https://127.0.0.1:${(hook.address() as AddressInfo).port}`;
  await write('hook-token', 'knock\n');
  await write(
    'hook.kubeconfig',
    JSON.stringify({
      clusters: [
        {
          name: 'c',
          cluster: {
            server: `${hookUrl}/authorize/`,
            'certificate-authority-data': Buffer.from(ca.cert).toString('base64'),
          },
        },
      ],
      users: [{ name: 'u', user: { tokenFile: 'hook-token' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  );
});
afterAll(async () => {
  hook.closeAllConnections();
  await new Promise((resolve) => hook.close(resolve));
  await rm(dir, { recursive: true, force: true });
});
beforeEach(() => {
  asked = [];
  answer = () => ({});
});
afterEach(() => dev.api.close());

const webhook = (more: object = {}): object => ({
  type: 'Webhook',
  name: 'hook',
  webhook: {
    timeout: '3s',
    subjectAccessReviewVersion: 'v1',
    failurePolicy: 'Deny',
    connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: join(dir, 'hook.kubeconfig') },
    ...more,
  },
});
const builtIn = [
  { type: 'Node', name: 'node' },
  { type: 'RBAC', name: 'rbac' },
];
const configuration = (...authorizers: object[]): string =>
  JSON.stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthorizationConfiguration',
    authorizers,
  });
const configured = (text: string): Promise<string> => write('authz.yaml', text);

async function start(text: string, more: Parameters<typeof startDevServer>[0] = {}): Promise<void> {
  const config = configFile(await configured(text), { disk: realDisk, clock: realClock });
  dev = await startDevServer({ ...more, more: { authorization: { config } } });
}

interface Said {
  status: number;
  text: string;
  json: Record<string, unknown>;
}

function client(
  cn: string,
  ...orgs: string[]
): (path: string, body?: object, headers?: Record<string, string>) => Promise<Said> {
  const as: Identity = issueCert({
    nowMs: Date.now(),
    random: realRandom,
    ca: dev.ca,
    cn,
    orgs,
    usages: ['client'],
  });
  return (path, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const req = request(
        {
          host: '127.0.0.1',
          port: dev.api.port,
          path,
          method: body ? 'POST' : 'GET',
          headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
          cert: as.cert,
          key: as.key,
          rejectUnauthorized: false,
          agent: false,
        },
        (res) => {
          let text = '';
          res.on('data', (part: Buffer) => void (text += part.toString()));
          res.on('end', () =>
            resolve({
              status: res.statusCode ?? 0,
              text,
              json: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {},
            }),
          );
        },
      );
      req.on('error', reject);
      req.end(body && JSON.stringify(body));
    });
}

const pods = '/api/v1/namespaces/default/pods';
const configMaps = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string): object => ({ metadata: { name } });
const admin = (): ReturnType<typeof client> => client('root', 'system:masters');

describe('a webhook before RBAC', () => {
  test(
    'allows what RBAC does not, and refuses what RBAC allows; system:masters are not its ' +
      'business',
    async () => {
      await start(configuration(webhook(), ...builtIn));
      const { count } = { count: asked.length };
      expect((await admin()(pods)).status).toBe(200);
      expect(asked.length).toBe(count);
      answer = ({ user }) =>
        user === 'ann'
          ? { allowed: true, reason: 'ann may' }
          : { allowed: false, denied: true, reason: 'no bobs' };
      expect(
        (
          await client(
            'ann',
            'dev',
          )(
            `${pods}?labelSelector=app%20in%20(a,b),!old&fieldSelector=spec.nodeName=n,status.` +
              'phase!=Failed',
          )
        ).status,
      ).toBe(200);
      const [first] = asked;
      expect(first).toEqual({
        path: '/authorize?timeout=3s',
        authorization: 'Bearer knock',
        kind: 'SubjectAccessReview',
        apiVersion: 'authorization.k8s.io/v1',
        metadata: {},
        status: { allowed: false },
        spec: {
          user: 'ann',
          groups: ['dev', 'system:authenticated'],
          extra: expect.anything() as object,
          resourceAttributes: {
            namespace: 'default',
            verb: 'list',
            version: 'v1',
            resource: 'pods',
            labelSelector: {
              requirements: [
                { key: 'app', operator: 'In', values: ['a', 'b'] },
                { key: 'old', operator: 'DoesNotExist' },
              ],
            },
            fieldSelector: {
              requirements: [
                { key: 'spec.nodeName', operator: 'In', values: ['n'] },
                { key: 'status.phase', operator: 'NotIn', values: ['Failed'] },
              ],
            },
          },
        },
      });
      const bob = await client('bob')('/version');
      expect([bob.status, bob.json['message']]).toEqual([
        403,
        'forbidden: User "bob" cannot get path "/version": no bobs',
      ]);
    },
  );

  test('without an opinion leaves it to RBAC; an answer is remembered', async () => {
    await start(configuration(webhook(), ...builtIn));
    const ann = client('ann');
    expect([
      (await ann('/version')).status,
      (await ann('/version')).status,
      (await ann(pods)).status,
    ]).toEqual([200, 200, 403]);
    expect(
      asked.map(
        ({ spec }) => spec.nonResourceAttributes?.path ?? spec.resourceAttributes?.resource,
      ),
    ).toEqual(['/version', 'pods']);
  });

  test('is asked each time when nothing is to be remembered', async () => {
    await start(
      configuration(
        webhook({ cacheAuthorizedRequests: false, cacheUnauthorizedRequests: false }),
        ...builtIn,
      ),
    );
    const ann = client('ann');
    await ann('/version');
    await ann('/version');
    expect(asked.length).toBe(2);
  });

  test('a short time-to-live ends', async () => {
    await start(configuration(webhook({ authorizedTTL: '50ms' })));
    answer = () => ({ allowed: true });
    const ann = client('ann');
    await ann(pods);
    await expect
      .poll(async () => [(await ann(pods)).status, asked.length > 1], { interval: 60 })
      .toEqual([200, true]);
  });

  test('that cannot be understood, or is late, refuses or is passed over as its policy says', async () => {
    await start(configuration(webhook({ timeout: '200ms' }), ...builtIn));
    answer = () => ({ raw: '{"kind":"Pod","apiVersion":"v1"}' });
    const strict = await client('ann')('/version');
    expect([strict.status, strict.text]).toEqual([
      500,
      expect.stringMatching(
        /^Internal Server Error: "\/version": Post "https:\/\/127\.0\.0\.1:\d+\/authorize\?timeout=0\.2s": the answer is a "Pod" of "v1".*\n$/,
      ),
    ]);
    answer = () => 'nothing';
    expect((await client('bob')('/version?<a>')).text).toMatch(
      /^Internal Server Error: "\/version\?&lt;a&gt;": .*context deadline exceeded\n$/,
    );
    await dev.api.close();
    await start(
      configuration(webhook({ timeout: '200ms', failurePolicy: 'NoOpinion' }), ...builtIn),
    );
    expect((await client('ann')('/version')).status).toBe(200);
    // Nobody allowed it and one could not be asked: that is no clear "no".
    expect((await client('ann')(pods)).status).toBe(500);
    const metrics = (await admin()('/metrics')).text;
    expect(metrics).toContain(
      'apiserver_authorization_webhook_evaluations_total{name="hook",result="timeout"} 2',
    );
    expect(metrics).toContain(
      'apiserver_authorization_webhook_evaluations_fail_open_total{name="hook",result="timeout"} 2',
    );
    expect(metrics).toMatch(
      /apiserver_authorization_decisions_total\{type="RBAC",name="rbac",decision="allowed"\} \d/,
    );
  });

  test('is asked again after a 500', async () => {
    await start(configuration(webhook(), ...builtIn));
    answer = () => (asked.length === 1 ? { raw: 'oops', status: 500 } : { allowed: true });
    expect((await client('ann')(pods)).status).toBe(200);
    expect(asked.length).toBe(2);
  });

  test('is told of impersonation, and of who is impersonated', async () => {
    await start(configuration(webhook(), ...builtIn));
    answer = ({ user, resourceAttributes: at }) =>
      (user === 'ann' && at?.verb === 'impersonate' && at.name === 'bob') || user === 'bob'
        ? { allowed: true }
        : { denied: true, reason: 'only bob' };
    expect((await client('ann')(pods, undefined, { 'impersonate-user': 'bob' })).status).toBe(200);
    expect(
      (await client('ann')(pods, undefined, { 'impersonate-user': 'eve' })).json['message'],
    ).toBe(
      'users "eve" is forbidden: User "ann" cannot impersonate resource "users" in API group ' +
        '"" at the cluster scope: only bob',
    );
  });

  test('does not judge the parts of the server itself', async () => {
    await start(configuration(webhook(), ...builtIn));
    answer = () => ({ denied: true });
    const controller = dev.api.inProcess({
      name: 'system:serviceaccount:kube-system:namespace-controller',
      groups: ['system:serviceaccounts'],
    });
    const namespaces = {
      group: '',
      version: 'v1',
      resource: 'namespaces',
      kind: 'Namespace',
      namespaced: false,
    };
    expect((await controller.list(namespaces)).items.length).toBeGreaterThan(0);
    await expect(
      controller.create(
        { ...namespaces, resource: 'configmaps', kind: 'ConfigMap', namespaced: true },
        { metadata: { name: 'x', namespace: 'default' } },
      ),
    ).rejects.toThrow('cannot create');
    expect(asked).toEqual([]);
  });
});

describe('conditions', () => {
  test('say what a webhook is asked', async () => {
    await start(
      configuration(
        webhook({
          matchConditionSubjectAccessReviewVersion: 'v1',
          matchConditions: [
            {
              expression:
                'has(request.resourceAttributes) && request.resourceAttributes.namespace == ' +
                "'default'",
            },
            { expression: "!('quiet' in request.groups)" },
          ],
        }),
        ...builtIn,
      ),
    );
    answer = () => ({ allowed: true });
    expect([
      (await client('ann')(pods)).status,
      (await client('ann', 'quiet')(pods)).status,
      (await client('ann')('/api/v1/nodes')).status,
    ]).toEqual([200, 403, 403]);
    expect(asked.map(({ spec }) => spec.resourceAttributes?.resource)).toEqual(['pods']);
    expect((await admin()('/metrics')).text).toMatch(
      /apiserver_authorization_match_condition_exclusions_total\{type="Webhook",name="hook"\} [2-9]/,
    );
  });

  test('that fail refuse, or leave the webhook out', async () => {
    const conditions = {
      matchConditionSubjectAccessReviewVersion: 'v1',
      matchConditions: [{ expression: "request.resourceAttributes.namespace == 'default'" }],
    };
    await start(configuration(webhook(conditions), ...builtIn));
    expect((await client('ann')('/version')).text).toContain(
      "cel evaluation error: expression 'request.resourceAttributes.namespace == 'default'' " +
        'resulted in error: no such key: resourceAttributes',
    );
    await configured(
      configuration(webhook({ ...conditions, failurePolicy: 'NoOpinion' }), ...builtIn),
    );
    await expect.poll(async () => (await client('ann')('/version')).status).toBe(200);
    expect(asked).toEqual([]);
  });
});

describe('the file', () => {
  test('is read again when it changes; a wrong one leaves what was there', async () => {
    await start(configuration(...builtIn));
    const status = async (): Promise<number> => (await client('ann')(pods)).status;
    expect(await status()).toBe(403);
    answer = () => ({ allowed: true });
    await configured(configuration(webhook(), ...builtIn));
    await expect.poll(status).toBe(200);
    const reloads = async (): Promise<string[]> =>
      (await admin()('/metrics')).text
        .split('\n')
        .filter((line) =>
          line.startsWith('apiserver_authorization_config_controller_automatic_reloads_total'),
        )
        .map((line) => line.replace(/.*status="(\w+)"} /, '$1 '));
    // RBAC stood there when the server started.
    for (const wrong of [
      'kind: [',
      configuration(webhook({ timeout: '1h' }), ...builtIn),
      configuration(webhook()),
      configuration(
        webhook({
          connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: join(dir, 'hook-token') },
        }),
        ...builtIn,
      ),
    ]) {
      const before = (await reloads()).join();
      await configured(wrong);
      await expect.poll(async () => (await reloads()).join()).not.toBe(before);
      expect(await status()).toBe(200);
    }
    expect((await reloads()).toSorted()).toEqual(['failure 4', 'success 1']);
    await configured(configuration({ type: 'AlwaysDeny', name: 'alwaysdeny' }, ...builtIn));
    await expect
      .poll(async () => (await client('ann')(pods)).json['message'])
      .toMatch(/Everything is forbidden\.$/);
  });

  test('is one line with file and field when the server cannot start with it', async () => {
    await start(configuration(...builtIn));
    const config = configFile(
      await write('wrong.yaml', configuration(webhook({ failurePolicy: 'Ignore' }))),
      { disk: realDisk, clock: realClock },
    );
    await expect(startDevServer({ more: { authorization: { config } } })).rejects.toThrow(
      `${dir}/wrong.yaml: authorizers[0].webhook.failurePolicy: Unsupported value: "Ignore": ` +
        'supported values: "NoOpinion", "Deny"',
    );
  });
});

test('the older flags: the mode Webhook, in its place', async () => {
  dev = await startDevServer({
    more: {
      authorization: {
        modes: ['RBAC', 'Webhook'],
        webhook: { configFile: join(dir, 'hook.kubeconfig'), unauthorizedTtlMs: 0 },
      },
    },
  });
  answer = ({ user }) =>
    user === 'ann' ? { allowed: true } : { allowed: false, reason: 'not you' };
  expect((await client('ann', 'dev')('/version')).status).toBe(200);
  expect(asked).toEqual([]);
  expect((await client('ann', 'dev')(pods)).status).toBe(200);
  expect(asked[0]).toMatchObject({
    apiVersion: 'authorization.k8s.io/v1beta1',
    path: '/authorize?timeout=30s',
    spec: { user: 'ann', group: ['dev', 'system:authenticated'] },
  });
  expect(asked[0]?.spec.groups).toBeUndefined();
  for (const _ of [1, 2]) expect((await client('bob')(pods)).json['message']).toMatch(/: not you$/);
  expect(asked.length).toBe(3);
});

test('the mode AlwaysAllow allows everybody who has a name', async () => {
  dev = await startDevServer({ more: { authorization: { modes: ['AlwaysAllow'] } } });
  expect((await client('ann')(pods)).status).toBe(200);
  const nameless = await new Promise<number | undefined>((resolve, reject) => {
    request(
      {
        host: '127.0.0.1',
        port: dev.api.port,
        path: pods,
        rejectUnauthorized: false,
        agent: false,
      },
      (res) => {
        res.resume();
        resolve(res.statusCode);
      },
    )
      .on('error', reject)
      .end();
  });
  expect(nameless).toBe(401);
});

describe('who asks through the API', () => {
  const reviews = '/apis/authorization.k8s.io/v1';
  const about = { verb: 'get', resource: 'secrets', name: 's', namespace: 'default' };

  test('hears what the webhook says', async () => {
    await start(configuration(webhook(), ...builtIn));
    answer = ({ user, resourceAttributes: at }) =>
      at?.resource !== 'secrets'
        ? {}
        : user === 'ann'
          ? { allowed: true, reason: 'yes' }
          : user === 'bob'
            ? { denied: true, reason: 'never' }
            : { raw: 'x' };
    const review = async (user: string, more: object = {}): Promise<unknown> =>
      (
        await admin()(`${reviews}/subjectaccessreviews`, {
          spec: { user, resourceAttributes: { ...about, ...more } },
        })
      ).json['status'];
    expect(
      await review('ann', {
        fieldSelector: { rawSelector: 'a=b' },
        labelSelector: {
          requirements: [
            { key: 'k', operator: 'Exists' },
            { key: 'k', operator: 'Older', values: ['1'] },
            { key: 'l', operator: 'NotIn', values: ['b', 'a'] },
          ],
        },
      }),
    ).toEqual({
      allowed: true,
      reason: 'yes',
      evaluationError: 'spec.resourceAttributes.labelSelector partially ignored due to parse error',
    });
    expect(asked.at(-1)?.spec.resourceAttributes).toEqual({
      ...about,
      version: '*',
      fieldSelector: { requirements: [{ key: 'a', operator: 'In', values: ['b'] }] },
      labelSelector: {
        requirements: [
          { key: 'k', operator: 'Exists' },
          { key: 'l', operator: 'NotIn', values: ['b', 'a'] },
        ],
      },
    });
    expect(await review('bob')).toEqual({ allowed: false, denied: true, reason: 'never' });
    expect(await review('eve')).toEqual({
      allowed: false,
      denied: true,
      evaluationError: expect.stringContaining('is not valid JSON') as string,
    });
    const self = await client('ann')(`${reviews}/selfsubjectaccessreviews`, {
      spec: { resourceAttributes: about },
    });
    expect(self.json['status']).toEqual({ allowed: true, reason: 'yes' });
    const local = await admin()(`${reviews}/namespaces/default/localsubjectaccessreviews`, {
      metadata: { namespace: 'default' },
      spec: { user: 'ann', resourceAttributes: about },
    });
    expect(local.json['status']).toEqual({ allowed: true, reason: 'yes' });
    const rules = await client('ann')(`${reviews}/selfsubjectrulesreviews`, {
      spec: { namespace: 'default' },
    });
    expect(rules.json['status']).toMatchObject({
      incomplete: true,
      evaluationError: 'webhook authorizer does not support user rule resolution',
    });
    expect(
      (rules.json['status'] as { resourceRules: unknown[] }).resourceRules.length,
    ).toBeGreaterThan(0);
  });

  test('is told what is wrong with a question', async () => {
    await start(configuration(...builtIn));
    const wrong = async (
      spec: object,
      kind = 'subjectaccessreviews',
      more: object = {},
    ): Promise<unknown> => (await admin()(`${reviews}/${kind}`, { spec, ...more })).json['message'];
    const of = (resourceAttributes: object): object => ({ user: 'ann', resourceAttributes });
    const prefix = '.authorization.k8s.io "" is invalid: ';
    expect(await wrong({})).toBe(
      `${prefix}[spec.resourceAttributes: Invalid value: null: exactly one of ` +
        'nonResourceAttributes or resourceAttributes must be specified, spec.user: Invalid ' +
        'value: "": at least one of user or group must be specified]',
    );
    expect(
      await wrong(of({ verb: 'get' }), 'subjectaccessreviews', { metadata: { name: 'x' } }),
    ).toBe(`${prefix}metadata: Invalid value: {"name":"x"}: must be empty`);
    expect(await wrong(of({ fieldSelector: {} }))).toBe(
      `${prefix}spec.resourceAttributes.fieldSelector.requirements: Required value: when ` +
        'spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is ' +
        'required',
    );
    expect(
      await wrong(of({ labelSelector: { rawSelector: 'a', requirements: [{ operator: 'In' }] } })),
    ).toMatch(
      /rawSelector: Invalid value: "a": may not specified at the same time as requirements, .*requirements\[0\]\.values: Required value.*requirements\[0\]\.key: Invalid value: "": name part must be non-empty/,
    );
    expect(
      await wrong(of({ fieldSelector: { requirements: [{ operator: 'Exists', values: ['x'] }] } })),
    ).toMatch(
      /requirements\[0\]\.key: Required value: must be specified, .*values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'/,
    );
    expect(
      await wrong(
        { user: 'ann', nonResourceAttributes: { path: '/', verb: 'get' } },
        'namespaces/default/localsubjectaccessreviews',
        { metadata: { namespace: 'default' } },
      ),
    ).toBe(
      `${prefix}spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":"get"}: ` +
        'disallowed on this kind of request',
    );
  });

  test('may give away what the webhook lets him escalate', async () => {
    await start(configuration(webhook(), ...builtIn));
    answer = ({ resourceAttributes: at }) =>
      at?.group === 'rbac.authorization.k8s.io'
        ? { allowed: at.verb !== 'escalate' || at.name !== 'other' }
        : {};
    const role = (name: string): Promise<Said> =>
      client('ann')('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
        metadata: { name },
        rules: [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }],
      });
    expect((await role('mine')).status).toBe(201);
    expect(asked.map(({ spec }) => spec.resourceAttributes?.verb)).toEqual(['create', 'escalate']);
    answer = ({ resourceAttributes: at }) => ({ allowed: at?.verb === 'create' });
    expect(
      (
        await client('bob')('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
          metadata: { name: 'b' },
          rules: [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }],
        })
      ).json['message'],
    ).toContain('attempting to grant RBAC permissions not currently held');
  });
});

test('expressions that ask the authorizer wait for the webhook', async () => {
  await start(
    configuration(
      webhook({ cacheAuthorizedRequests: false, cacheUnauthorizedRequests: false }),
      ...builtIn,
    ),
  );
  const base = '/apis/admissionregistration.k8s.io/v1';
  const check =
    "authorizer.group('shop').resource('goods').labelSelector('kind=rare').check('buy')";
  const validations = [
    {
      expression:
        `variables.may || authorizer.serviceAccount('default', ` +
        `'clerk').path('/till').check('open').allowed()`,
      messageExpression: `'refused: ' + ${check}.reason()`,
    },
  ];
  const rules = [
    { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
  ];
  expect(
    (
      await admin()(`${base}/validatingadmissionpolicies`, {
        metadata: { name: 'shop' },
        spec: {
          matchConstraints: { resourceRules: rules },
          variables: [{ name: 'may', expression: `${check}.allowed()` }],
          validations,
        },
      })
    ).status,
  ).toBe(201);
  expect(
    (
      await admin()(`${base}/validatingadmissionpolicybindings`, {
        metadata: { name: 'shop' },
        spec: { policyName: 'shop', validationActions: ['Deny'] },
      })
    ).status,
  ).toBe(201);
  answer = ({ user, resourceAttributes: at, nonResourceAttributes: path }) => {
    if (at?.resource === 'configmaps') return { allowed: true };
    if (at?.verb === 'buy')
      return user === 'ann' ? { allowed: true } : { allowed: false, reason: `${user} is poor` };
    return path?.path === '/till'
      ? {
          allowed:
            user === 'system:serviceaccount:default:clerk' &&
            asked.some(({ spec }) => spec.user === 'carl'),
        }
      : {};
  };
  const create = (name: string, user: string): Promise<Said> =>
    client(user)(configMaps, configMap(name));
  expect((await create('a', 'ann')).status).toBe(201);
  const [bob, carl] = [await create('b', 'bob'), await create('c', 'carl')];
  expect([bob.status, bob.json['message']]).toEqual([
    422,
    expect.stringMatching(/refused: bob is poor$/),
  ]);
  expect(carl.status).toBe(201);
  // Each question of a request is asked once, though the message asks it again.
  const ofBob = asked.filter(({ spec }) => spec.user === 'bob');
  expect(ofBob.map(({ spec }) => spec.resourceAttributes?.verb)).toEqual(['create', 'buy']);
  expect(ofBob[1]?.spec.resourceAttributes).toEqual({
    group: 'shop',
    version: '*',
    resource: 'goods',
    verb: 'buy',
    labelSelector: { requirements: [{ key: 'kind', operator: 'In', values: ['rare'] }] },
  });
});

test('so do the conditions of admission webhooks, and policies that change what is sent', async () => {
  await start(configuration(webhook(), ...builtIn));
  const base = '/apis/admissionregistration.k8s.io/v1';
  const rules = [
    { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
  ];
  const condition = {
    name: 'c',
    expression:
      "authorizer.group('shop').resource('goods').check('watch').allowed() || " +
      "authorizer.path('/alarm').check('ring').allowed()",
  };
  const hooks = [
    {
      name: 'a.example.com',
      rules,
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      clientConfig: { url: 'https://127.0.0.1:1/' },
      matchConditions: [condition],
    },
  ];
  expect(
    (
      await admin()(`${base}/validatingwebhookconfigurations`, {
        metadata: { name: 'guard' },
        webhooks: hooks,
      })
    ).status,
  ).toBe(201);
  const mutations = [
    {
      patchType: 'JSONPatch',
      jsonPatch: {
        expression:
          "[JSONPatch{op: 'add', path: '/data', value: {'by': " +
          "authorizer.path('/alarm').check('ring').reason()}}]",
      },
    },
  ];
  expect(
    (
      await admin()(`${base}/mutatingadmissionpolicies`, {
        metadata: { name: 'sign' },
        spec: {
          matchConstraints: { resourceRules: rules },
          reinvocationPolicy: 'Never',
          matchConditions: [
            { name: 'c', expression: "!authorizer.path('/alarm').check('ring').allowed()" },
          ],
          mutations,
        },
      })
    ).status,
  ).toBe(201);
  expect(
    (
      await admin()(`${base}/mutatingadmissionpolicybindings`, {
        metadata: { name: 'sign' },
        spec: { policyName: 'sign' },
      })
    ).status,
  ).toBe(201);
  answer = ({ user, resourceAttributes: at, nonResourceAttributes: path }) => ({
    allowed: at?.resource === 'configmaps' || (path?.path === '/alarm' && user === 'bob'),
    reason: `${user} asked`,
  });
  const quiet = await client('ann')(configMaps, configMap('quiet'));
  expect([quiet.status, quiet.json['data']]).toEqual([201, { by: 'ann asked' }]);
  expect((await client('bob')(configMaps, configMap('loud'))).json['message']).toContain(
    'failed calling webhook "a.example.com"',
  );
});

test('the audit tells what the webhook decided', async () => {
  const policyFile = await write(
    'policy.yaml',
    'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: ' +
      '[{level: Metadata}]\n',
  );
  const log = join(dir, 'audit.log');
  await start(configuration(webhook(), ...builtIn), { audit: { policyFile, log: { path: log } } });
  answer = ({ user }) =>
    user === 'ann'
      ? { allowed: true, reason: 'ann may' }
      : user === 'bob'
        ? { denied: true, reason: 'no bobs' }
        : { raw: '' };
  for (const user of ['ann', 'bob', 'eve']) await client(user)(pods);
  const told = async (user: string): Promise<unknown> => {
    const lines = (await realDisk.read('test', log))
      .toString()
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { user: { username?: string }; annotations?: object });
    return lines.find((line) => line.user.username === user)?.annotations;
  };
  await expect.poll(() => told('eve')).toEqual({ 'authorization.k8s.io/reason': 'internal error' });
  expect(await told('ann')).toEqual({
    'authorization.k8s.io/decision': 'allow',
    'authorization.k8s.io/reason': 'ann may',
  });
  expect(await told('bob')).toEqual({
    'authorization.k8s.io/decision': 'forbid',
    'authorization.k8s.io/reason': 'no bobs',
  });
});
