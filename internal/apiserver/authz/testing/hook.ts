import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type {
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
} from '../../../api/generated/types/authorization-v1.ts';
import { realClock } from '../../../io/clock.ts';
import { configFile } from '../../../io/config-file.ts';
import { realDisk } from '../../../io/disk.ts';
import { realRandom } from '../../../io/random.ts';
import { issueCa, issueCert, type Identity } from '../../../pki/certificate.ts';
import { startDevServer, type DevServer } from '../../dev.ts';

interface Review {
  apiVersion: string;
  spec: SubjectAccessReviewSpec;
}

type Answer = Partial<SubjectAccessReviewStatus> | { raw: string; status?: number } | 'nothing';

/** The webhook: a real HTTPS server. */
export const hook = {
  /** Where files of the story lie. */
  dir: '',
  /** What it was asked, in order. */
  asked: [] as (Review & { path: string; authorization: string | undefined })[],
  answer: (_spec: SubjectAccessReviewSpec): Answer => ({}),
};
let server: Server;

/** The API server of the story that runs. */
export let dev: DevServer;

export const write = async (name: string, text: string): Promise<string> => {
  await writeFile(join(hook.dir, `${name}.tmp`), text);
  await rename(join(hook.dir, `${name}.tmp`), join(hook.dir, name));
  return join(hook.dir, name);
};

/** Starts the webhook for the stories of a file; what a story started is closed after it. */
export function startHook(): void {
  beforeAll(async () => {
    hook.dir = await mkdtemp(join(tmpdir(), 'skiff-authz-'));
    const issuing = { nowMs: Date.now(), random: realRandom };
    const ca = issueCa({ ...issuing, cn: 'hook-ca' });
    server = createServer(
      issueCert({ ...issuing, ca, cn: 'hook', usages: ['server'], sans: ['127.0.0.1'] }),
      (req, res) => {
        let text = '';
        req.on('data', (part: Buffer) => void (text += part.toString()));
        req.on('end', () => {
          const review = JSON.parse(text) as Review;
          hook.asked.push({
            ...review,
            path: req.url ?? '',
            authorization: req.headers.authorization,
          });
          const said = hook.answer(review.spec);
          if (said === 'nothing') return;
          res.statusCode = ('raw' in said ? said.status : undefined) ?? 200;
          res.end('raw' in said ? said.raw : JSON.stringify({ ...review, status: said }));
        });
      },
    );
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await write('hook-token', 'knock\n');
    await write(
      'hook.kubeconfig',
      JSON.stringify({
        clusters: [
          {
            name: 'c',
            cluster: {
              server: `${url}/authorize/`,
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
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(hook.dir, { recursive: true, force: true });
  });
  beforeEach(() => {
    hook.asked = [];
    hook.answer = () => ({});
  });
  afterEach(() => dev.api.close());
}

export const webhook = (more: object = {}): object => ({
  type: 'Webhook',
  name: 'hook',
  webhook: {
    timeout: '3s',
    subjectAccessReviewVersion: 'v1',
    failurePolicy: 'Deny',
    connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: join(hook.dir, 'hook.kubeconfig') },
    ...more,
  },
});
export const builtIn = [
  { type: 'Node', name: 'node' },
  { type: 'RBAC', name: 'rbac' },
];
export const configuration = (...authorizers: object[]): string =>
  JSON.stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthorizationConfiguration',
    authorizers,
  });
export const configured = (text: string): Promise<string> => write('authz.yaml', text);

export async function start(
  text: string,
  more: Parameters<typeof startDevServer>[0] = {},
): Promise<void> {
  const config = configFile(await configured(text), { disk: realDisk, clock: realClock });
  await startWith({ ...more, more: { authorization: { config } } });
}

export async function startWith(options: Parameters<typeof startDevServer>[0]): Promise<void> {
  dev = await startDevServer(options);
}

export interface Said {
  status: number;
  text: string;
  json: Record<string, unknown>;
}

export function client(
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

export const pods = '/api/v1/namespaces/default/pods';
export const configMaps = '/api/v1/namespaces/default/configmaps';
export const configMap = (name: string): object => ({ metadata: { name } });
export const admin = (): ReturnType<typeof client> => client('root', 'system:masters');
