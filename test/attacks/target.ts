import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { load } from 'js-yaml';

/** Who makes a call. Without one it is the kubeconfig's administrator. */
export interface Caller {
  user?: string;
  groups?: string[];
  uid?: string;
  /** A bearer token instead of impersonation; the administrator's certificate is then not shown. */
  token?: string;
  /** Show no identity at all. */
  anonymous?: boolean;
}

export interface Call {
  method?: string;
  path: string;
  /** Objects are sent as JSON; text and bytes as they are. */
  body?: unknown;
  /** Content type of the body, unless it is JSON. */
  type?: string;
  as?: Caller;
  headers?: Record<string, string | string[]>;
  timeoutMs?: number;
  /** Stop reading the answer after this many bytes. */
  maxBytes?: number;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The answer parsed, or an empty object when it is not JSON. */
  json: Json;
  ms: number;
}

/** A parsed answer, read with `at(json, 'metadata', 'uid')`. */
export type Json = Record<string, unknown>;

interface Kubeconfig {
  clusters: {
    cluster: {
      server: string;
      'certificate-authority'?: string;
      'certificate-authority-data'?: string;
    };
  }[];
  users: {
    user: {
      token?: string;
      'client-certificate'?: string;
      'client-certificate-data'?: string;
      'client-key'?: string;
      'client-key-data'?: string;
    };
  }[];
}

const probe = 'attack-probe';

/**
 * The cluster under attack: calls as anybody, namespaces that go away again, and a look at the node
 * from a privileged pod.
 */
export class Target {
  readonly server: URL;
  readonly ca: Buffer | undefined;
  /** A Ready node, and a busybox image that it holds; both undefined where no node runs pods. */
  node: string | undefined;
  image: string | undefined;
  readonly kubeconfig: string;
  readonly #admin: { cert?: Buffer; key?: Buffer; token?: string };
  readonly #withCert: Agent;
  readonly #without: Agent;
  readonly #undo: (() => Promise<unknown>)[] = [];

  constructor(kubeconfig: string) {
    this.kubeconfig = kubeconfig;
    const config = load(readFileSync(kubeconfig, 'utf8')) as Kubeconfig;
    const cluster = config.clusters[0]?.cluster;
    const user = config.users[0]?.user;
    if (!cluster || !user) throw new Error(`${kubeconfig} names no cluster or no user`);
    this.server = new URL(cluster.server);
    this.ca = bytes(cluster['certificate-authority-data'], cluster['certificate-authority']);
    this.#admin = {
      cert: bytes(user['client-certificate-data'], user['client-certificate']),
      key: bytes(user['client-key-data'], user['client-key']),
      token: user.token,
    };
    this.#withCert = new Agent({
      ca: this.ca,
      cert: this.#admin.cert,
      key: this.#admin.key,
      keepAlive: true,
    });
    this.#without = new Agent({ ca: this.ca, keepAlive: true });
  }

  /** Finds a node and an image for pods. */
  async open(): Promise<void> {
    const nodes = await this.call({ path: '/api/v1/nodes' });
    if (nodes.status !== 200)
      throw new Error(
        `the administrator may not list nodes: ${nodes.status} ${nodes.text.slice(0, 200)}`,
      );
    for (const node of list(nodes.json, 'items')) {
      const ready = list(node, 'status', 'conditions').some(
        (c) => c['type'] === 'Ready' && c['status'] === 'True',
      );
      const names = list(node, 'status', 'images').flatMap(
        (image) => (image['names'] as string[] | undefined) ?? [],
      );
      const image = names.find((name) => name.includes('busybox') && !name.includes('@'));
      if (ready && image !== undefined && this.image === undefined)
        [this.node, this.image] = [String(at(node, 'metadata', 'name')), image];
    }
  }

  /** The same cluster for attacks that go on beside these. */
  another(): Target {
    const other = new Target(this.kubeconfig);
    [other.node, other.image] = [this.node, this.image];
    return other;
  }

  /** One request. Never throws for what the server answers; throws when it does not answer. */
  call(call: Call): Promise<Answer> {
    const { method = 'GET', path, body, as = {} } = call;
    const own = as.token === undefined && !as.anonymous;
    const headers: Record<string, string | string[]> = {
      accept: 'application/json',
      ...call.headers,
    };
    const token = as.token ?? (own ? this.#admin.token : undefined);
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
    if (as.user !== undefined) headers['impersonate-user'] = as.user;
    if (as.groups !== undefined) headers['impersonate-group'] = as.groups;
    if (as.uid !== undefined) headers['impersonate-uid'] = as.uid;
    const payload =
      body === undefined
        ? undefined
        : typeof body === 'string' || Buffer.isBuffer(body)
          ? body
          : JSON.stringify(body);
    if (payload !== undefined) {
      headers['content-type'] = call.type ?? 'application/json';
      headers['content-length'] = String(Buffer.byteLength(payload));
    }
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const req = request(
        {
          host: this.server.hostname,
          port: this.server.port || 443,
          method,
          path,
          headers,
          agent: own ? this.#withCert : this.#without,
          timeout: call.timeoutMs ?? 30_000,
        },
        (res) => {
          const parts: Buffer[] = [];
          let size = 0;
          const done = (): void => {
            const text = Buffer.concat(parts).toString();
            resolve({
              status: res.statusCode ?? 0,
              headers: res.headers,
              text,
              json: parsed(text),
              ms: performance.now() - started,
            });
          };
          res.on('data', (part: Buffer) => {
            parts.push(part);
            size += part.length;
            if (size < (call.maxBytes ?? 64 << 20)) return;
            done();
            req.destroy();
          });
          res.on('end', done);
          res.on('error', reject);
        },
      );
      // An answer of its own: the server has switched protocols.
      req.on('upgrade', (res, socket) => {
        socket.destroy();
        resolve({
          status: 101,
          headers: res.headers,
          text: '',
          json: {},
          ms: performance.now() - started,
        });
      });
      req.on('timeout', () =>
        req.destroy(
          new Error(`no answer in ${call.timeoutMs ?? 30_000} ms: ${method} ${path.slice(0, 200)}`),
        ),
      );
      req.on('error', reject);
      req.end(payload);
    });
  }

  /** A request of the administrator that must succeed; returns the parsed answer. */
  async must(method: string, path: string, body?: unknown): Promise<Json> {
    const answer = await this.call({ method, path, body });
    if (answer.status < 200 || answer.status > 299)
      throw new Error(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 300)}`);
    return answer.json;
  }

  /** Makes an object and removes it when the attack is over. `path` is its collection. */
  async make(path: string, object: Json): Promise<Json> {
    const made = await this.must('POST', path, object);
    this.later(() =>
      this.call({
        method: 'DELETE',
        path: `${path}/${String(at(made, 'metadata', 'name'))}?gracePeriodSeconds=0`,
      }),
    );
    return made;
  }

  /** A namespace of its own with a default service account, removed when the attack is over. */
  async namespace(labels: Record<string, string> = {}): Promise<string> {
    const name = `attack-${randomBytes(4).toString('hex')}`;
    await this.make('/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels },
    });
    await this.until(
      'the default service account',
      async () =>
        (await this.call({ path: `/api/v1/namespaces/${name}/serviceaccounts/default` })).status ===
        200,
    );
    return name;
  }

  /**
   * A cluster role with these rules, bound to `user` in the whole cluster; both removed when the
   * attack is over.
   */
  async grant(
    user: string,
    rules: {
      apiGroups?: string[];
      resources?: string[];
      verbs: string[];
      resourceNames?: string[];
      nonResourceURLs?: string[];
    }[],
  ): Promise<void> {
    const name = `attack-${randomBytes(4).toString('hex')}`;
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    await this.make(`${rbac}/clusterroles`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name },
      rules,
    });
    await this.make(`${rbac}/clusterrolebindings`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user }],
    });
    const rule = rules[0];
    if (!rule?.resources) return;
    // An authorizer that works from a cache knows of a grant a moment later.
    const attributes = {
      group: rule.apiGroups?.[0] ?? '',
      resource: rule.resources[0]?.split('/')[0],
      subresource: rule.resources[0]?.split('/')[1],
      verb: rule.verbs[0],
      name: rule.resourceNames?.[0],
    };
    await this.until(
      'the grant counts',
      async () =>
        at(
          await this.must('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
            apiVersion: 'authorization.k8s.io/v1',
            kind: 'SubjectAccessReview',
            spec: { user, resourceAttributes: attributes },
          }),
          'status',
          'allowed',
        ) === true,
    );
  }

  /** Runs a shell script as root in the node's own namespaces, through a privileged pod. */
  async onNode(script: string): Promise<string> {
    const ns = 'kube-system';
    if ((await this.call({ path: `/api/v1/namespaces/${ns}/pods/${probe}` })).status === 404) {
      const container = {
        name: 'c',
        image: this.image,
        imagePullPolicy: 'IfNotPresent',
        command: ['sleep', '86400'],
        securityContext: { privileged: true },
      };
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: probe },
        spec: {
          nodeName: this.node,
          hostPID: true,
          hostNetwork: true,
          terminationGracePeriodSeconds: 0,
          tolerations: [{ operator: 'Exists' }],
          containers: [container],
        },
      };
      const made = await this.call({
        method: 'POST',
        path: `/api/v1/namespaces/${ns}/pods`,
        body: pod,
      });
      // Attacks of another file may have made it meanwhile.
      if (made.status !== 201 && made.status !== 409)
        throw new Error(`the probe was not made: ${made.status} ${made.text.slice(0, 300)}`);
    }
    await this.until(
      'the probe runs',
      async () =>
        at(
          (await this.call({ path: `/api/v1/namespaces/${ns}/pods/${probe}` })).json,
          'status',
          'phase',
        ) === 'Running',
    );
    return this.kubectl([
      '-n',
      ns,
      'exec',
      probe,
      '--',
      'nsenter',
      '-t',
      '1',
      '-m',
      '-n',
      '-p',
      '-u',
      '-i',
      '--',
      'sh',
      '-c',
      script,
    ]);
  }

  /** Runs kubectl as the administrator; rejects with what it said when it fails. */
  kubectl(args: string[], input = ''): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn(
        process.env['SKIFF_TEST_KUBECTL'] || 'kubectl',
        ['--kubeconfig', this.kubeconfig, ...args],
        { timeout: 120_000 },
      );
      let [out, err] = ['', ''];
      child.stdout.on('data', (part: Buffer) => (out += part.toString()));
      child.stderr.on('data', (part: Buffer) => (err += part.toString()));
      child.on('error', reject);
      child.on('close', (code) =>
        code === 0
          ? resolve(out)
          : reject(
              new Error(`kubectl ${args.slice(0, 4).join(' ')}: ${(err || out).slice(0, 500)}`),
            ),
      );
      child.stdin.end(input);
    });
  }

  /**
   * A TLS connection to the API server's port, without any identity, for what a client library
   * would not send.
   */
  raw(options: { alpn?: string[] } = {}): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const socket = connectTls(
        {
          host: this.server.hostname,
          port: Number(this.server.port || 443),
          ca: this.ca,
          ALPNProtocols: options.alpn,
        },
        () => resolve(socket),
      );
      socket.on('error', reject);
    });
  }

  /** The same as the administrator. */
  rawAsAdmin(options: { alpn?: string[] } = {}): Promise<TLSSocket> {
    const { cert, key } = this.#admin;
    return new Promise((resolve, reject) => {
      const socket = connectTls(
        {
          host: this.server.hostname,
          port: Number(this.server.port || 443),
          ca: this.ca,
          cert,
          key,
          ALPNProtocols: options.alpn,
        },
        () => resolve(socket),
      );
      socket.on('error', reject);
    });
  }

  /** Waits until `reached` is true. */
  async until(what: string, reached: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (!(await reached())) {
      if (performance.now() > end) throw new Error(`not reached in ${timeoutMs} ms: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Remembers what to undo when the attack is over. */
  later(undo: () => Promise<unknown>): void {
    this.#undo.push(undo);
  }

  /** Removes what the last attack made. */
  async tidy(): Promise<void> {
    for (let undo = this.#undo.pop(); undo; undo = this.#undo.pop())
      await undo().catch(() => undefined);
  }

  async removeProbe(): Promise<void> {
    await this.call({
      method: 'DELETE',
      path: `/api/v1/namespaces/kube-system/pods/${probe}?gracePeriodSeconds=0`,
    }).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.tidy();
    this.#withCert.destroy();
    this.#without.destroy();
  }
}

/** The value below a path of keys, or undefined. */
export function at(value: unknown, ...keys: (string | number)[]): unknown {
  let here = value;
  for (const key of keys)
    here =
      typeof here === 'object' && here !== null
        ? (here as Record<string | number, unknown>)[key]
        : undefined;
  return here;
}

/** The objects of a list below a path of keys; empty when there is none. */
export function list(value: unknown, ...keys: (string | number)[]): Json[] {
  const found = at(value, ...keys);
  return Array.isArray(found) ? (found as Json[]) : [];
}

function parsed(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Json) : {};
  } catch {
    return {};
  }
}

function bytes(data: string | undefined, path: string | undefined): Buffer | undefined {
  if (data) return Buffer.from(data, 'base64');
  return path ? readFileSync(path) : undefined;
}
