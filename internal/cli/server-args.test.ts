import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request, type Server } from 'node:https';
import { createServer as createTcp, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { realRandom } from '../io/random.ts';
import { issueCa, issueCert } from '../pki/certificate.ts';

// One server of the sources, told of an audit and of an issuer of its users' tokens.

const dir = mkdtempSync(join(tmpdir(), 'skiff-args-'));
const program = join(import.meta.dirname, '../../cmd/skiff.ts');
const auditLog = join(dir, 'log', 'audit.log');
let issuer: Server;
let issuerUrl: string;
let token: (claims: object) => Promise<string>;
let port: number;
let child: ChildProcess | undefined;

const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};

/** A port that is free at this moment. */
const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createTcp().listen(0, '127.0.0.1', () => {
      const { port: found } = probe.address() as AddressInfo;
      probe.close(() => resolve(found));
    });
  });

async function startIssuer(): Promise<void> {
  const issuing = { nowMs: Date.now(), random: realRandom };
  const ca = issueCa({ ...issuing, cn: 'issuer-ca' });
  const tls = issueCert({ ...issuing, ca, cn: 'issuer', usages: ['server'], sans: ['127.0.0.1'] });
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256', use: 'sig' }] };
  issuer = createServer(tls, (req, res) => {
    if (req.url?.startsWith('/authorize')) return answerReview(req, res);
    res.setHeader('content-type', 'application/json');
    res.end(
      JSON.stringify(
        req.url === '/keys' ? keys : { issuer: issuerUrl, jwks_uri: `${issuerUrl}/keys` },
      ),
    );
  });
  await new Promise<void>((resolve) => void issuer.listen(0, '127.0.0.1', resolve));
  issuerUrl = `https://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  token = (claims) =>
    new SignJWT({
      aud: 'kube',
      email: 'jane@example.org',
      groups: ['sailors'],
      hd: 'example.org',
      ...claims,
    })
      .setIssuer(issuerUrl)
      .setExpirationTime('5m')
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .sign(privateKey);
  file('issuer-ca.pem', ca.cert);
}

/**
 * The same server decides: Jane may read what it names, and nobody of the server itself anything.
 */
function answerReview(req: IncomingMessage, res: ServerResponse): void {
  let text = '';
  req.on('data', (part: Buffer) => void (text += part.toString()));
  req.on('end', () => {
    const review = JSON.parse(text) as {
      spec: { user: string; resourceAttributes?: { resource?: string } };
    };
    const { user, resourceAttributes: at } = review.spec;
    const status = /^system:(serviceaccount|kube-|node)/.test(user)
      ? { allowed: false, denied: true }
      : {
          allowed: user === 'jane@example.org' && at?.resource === 'serviceaccounts',
          reason: 'the issuer says so',
        };
    res.end(JSON.stringify({ ...review, status }));
  });
}

/** An AuthorizationConfiguration that asks it before all others. */
function authorization(): string {
  const kubeConfigFile = file(
    'hook.kubeconfig',
    JSON.stringify({
      clusters: [
        {
          name: 'c',
          cluster: { server: `${issuerUrl}/authorize`, 'certificate-authority': 'issuer-ca.pem' },
        },
      ],
      users: [{ name: 'u', user: {} }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  );
  const webhook = {
    timeout: '3s',
    subjectAccessReviewVersion: 'v1',
    failurePolicy: 'Deny',
    connectionInfo: { type: 'KubeConfigFile', kubeConfigFile },
  };
  const authorizers = [
    { type: 'Webhook', name: 'issuer', webhook },
    { type: 'Node', name: 'node' },
    { type: 'RBAC', name: 'rbac' },
  ];
  return file(
    'authorization.yaml',
    JSON.stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthorizationConfiguration',
      authorizers,
    }),
  );
}

function launch(
  data: string,
  args: string[],
): { child: ChildProcess; said: () => string; ended: Promise<number | null> } {
  const flags = [
    '--disable-agent',
    '--config',
    file('config.yaml', ''),
    '--data-dir',
    join(dir, data),
    '--run-dir',
    join(dir, `${data}-run`),
    '--write-kubeconfig',
    join(dir, `${data}.kubeconfig`),
    '--bind-address',
    '127.0.0.1',
    '--https-listen-port',
    String(port),
    '--token',
    'secret',
  ];
  const started = spawn(
    process.execPath,
    [program, 'server', ...flags, ...args.flatMap((arg) => ['--kube-apiserver-arg', arg])],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] } },
  );
  let text = '';
  for (const stream of [started.stdout, started.stderr])
    stream.on('data', (part: Buffer) => void (text += part.toString()));
  return {
    child: started,
    said: () => text,
    ended: new Promise((resolve) => void started.on('exit', resolve)),
  };
}

function call(
  path: string,
  options: { token?: string; body?: object; as?: { cert: string; key: string } } = {},
): Promise<{ status: number; json: Record<string, unknown>; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
      ...(options.body && { 'content-type': 'application/json' }),
    };
    const req = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method: options.body ? 'POST' : 'GET',
        headers,
        rejectUnauthorized: false,
        agent: false,
        ...options.as,
      },
      (res) => {
        let text = '';
        res.on('data', (part: Buffer) => void (text += part.toString()));
        res.on('end', () =>
          resolve({
            status: res.statusCode ?? 0,
            json: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {},
            text,
          }),
        );
      },
    );
    req.on('error', reject);
    req.end(options.body && JSON.stringify(options.body));
  });
}

/** The certificate in the administrator's kubeconfig. */
function adminOf(data: string): { cert: string; key: string } {
  const text = readFileSync(join(dir, `${data}.kubeconfig`), 'utf8');
  const field = (name: string): string =>
    Buffer.from(new RegExp(`${name}: (\\S+)`).exec(text)?.[1] ?? '', 'base64').toString();
  return { cert: field('client-certificate-data'), key: field('client-key-data') };
}

const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
const whoIs = async (bearer: string): Promise<unknown> => {
  const { status, json } = await call('/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    token: bearer,
    body: review,
  });
  return status === 201
    ? (json['status'] as { userInfo: { username: string; groups: string[] } }).userInfo
    : status;
};

beforeAll(async () => {
  await startIssuer();
  port = await freePort();
});
afterAll(async () => {
  child?.kill('SIGKILL');
  await new Promise((resolve) => issuer.close(resolve));
  rmSync(dir, { recursive: true, force: true });
});

const policy =
  'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: ' +
  'Metadata}]\n';
const oidc = (): string[] => [
  `oidc-issuer-url=${issuerUrl}`,
  'oidc-client-id=kube',
  'oidc-username-claim=email',
  'oidc-groups-claim=groups',
  'oidc-groups-prefix=oidc:',
  'oidc-required-claim=hd=example.org',
  'oidc-required-claim=email=jane@example.org',
  `oidc-ca-file=${join(dir, 'issuer-ca.pem')}`,
];

describe('a server', () => {
  test("audits, knows another issuer's users, asks a webhook, has the seats told", async () => {
    const server = launch('data', [
      `audit-policy-file=${file('policy.yaml', policy)}`,
      `audit-log-path=${auditLog}`,
      'max-requests-inflight=7',
      'max-mutating-requests-inflight=5',
      `authorization-config=${authorization()}`,
      ...oidc(),
    ]);
    child = server.child;
    await expect
      .poll(
        () =>
          call('/readyz').then(
            ({ status }) => status,
            () => server.said(),
          ),
        { timeout: 50_000, interval: 200 },
      )
      .toBe(200);
    const good = await token({});
    // The issuer's keys are fetched when the first token comes.
    await expect
      .poll(() => whoIs(good), { timeout: 20_000 })
      .toMatchObject({
        username: 'jane@example.org',
        groups: ['oidc:sailors', 'system:authenticated'],
      });
    for (const claims of [{ hd: 'other.example' }, { email: 'joe@example.org' }, { aud: 'other' }])
      expect(await whoIs(await token(claims))).toBe(401);
    // Made by a controller, which the webhook would forbid.
    await expect
      .poll(
        () =>
          call('/api/v1/namespaces/default/serviceaccounts', { token: good }).then(
            ({ status, text }) => [status, text.includes('"name":"default"')],
          ),
        { timeout: 20_000 },
      )
      .toEqual([200, true]);
    const secrets = await call('/api/v1/namespaces/default/secrets', { token: good });
    expect([secrets.status, secrets.json['message']]).toEqual([
      403,
      expect.stringMatching(/cannot list resource "secrets" .*: the issuer says so$/),
    ]);
    const events = (): {
      user?: { username?: string };
      requestURI: string;
      stage: string;
      level: string;
    }[] =>
      readFileSync(auditLog, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as never);
    await expect
      .poll(() => events().filter((one) => one.user?.username === 'jane@example.org'))
      .toContainEqual(
        expect.objectContaining({
          stage: 'ResponseComplete',
          level: 'Metadata',
          requestURI: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        }),
      );
    expect(events().filter((one) => one.stage === 'RequestReceived')).toEqual([]);
    // Shares of all seats together, each rounded up.
    const { text } = await call('/metrics', { as: adminOf('data') });
    expect(
      /^apiserver_flowcontrol_nominal_limit_seats\{priority_level="workload-low"\} (\d+)$/m.exec(
        text,
      )?.[1],
    ).toBe('5');
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
  });

  test.each<[string, () => string[], string]>([
    [
      'an audit policy that is none',
      () => [`audit-policy-file=${file('wrong-policy.yaml', 'kind: Pod\n')}`, 'audit-log-path=-'],
      'wrong-policy.yaml',
    ],
    [
      'an authentication configuration that is none',
      () => [`authentication-config=${file('wrong-authn.yaml', 'kind: [\n')}`],
      'wrong-authn.yaml',
    ],
    [
      'an authorization configuration that is none',
      () => [
        'authorization-config=' +
          `${file(
            'wrong-authz.yaml',
            'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\n' +
              'authorizers: [{type: Webhook, name: a}]\n',
          )}`,
      ],
      'wrong-authz.yaml: authorizers[0].webhook: Required value',
    ],
    [
      'a mode that is none',
      () => ['authorization-mode=Node,Rbac'],
      'authorization-mode "Rbac" is not a valid mode',
    ],
    [
      'a webhook whose kubeconfig is none',
      () => [
        'authorization-mode=RBAC,Webhook',
        `authorization-webhook-config-file=${file('wrong-kubeconfig', 'kind: Config\n')}`,
      ],
      'wrong-kubeconfig',
    ],
    [
      'an authority that is not there',
      () => [...oidc().slice(0, -1), `oidc-ca-file=${dir}/no-ca.pem`],
      'no-ca.pem',
    ],
  ])('does not start with %s', async (_what, args, name) => {
    const server = launch('wrong', args());
    child = server.child;
    expect(await server.ended).toBe(1);
    const complaints = server
      .said()
      .split('\n')
      .filter((line) => / ERROR skiff /.test(line));
    expect(complaints, server.said()).toEqual([expect.stringContaining(name)]);
    expect(server.said()).not.toContain('    at ');
  });
});
